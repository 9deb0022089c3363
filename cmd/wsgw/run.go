// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/standalone"
)

func newRun(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run -f FILE...",
		Short: "Run a gateway from manifests, without a cluster",
		Long: `run serves one WebSocketGateway on this machine: the same compilation and the same
data plane as in a cluster. The files hold the WebSocketGateway, the Secrets and
ConfigMaps that it refers to, and any WebSocketRevocations that name it. Listeners
bind 127.0.0.1, at the port that they have in a pod (the listener's, plus 10000
below 1024) or at the one that --port says.

A listener with an issuerRef gets a certificate from a throw-away CA in the state
folder; ca.crt there is for clients. A route whose Service has no --backend, or
whose Secret or ConfigMap is missing, answers 503 as in the cluster.

Edits of the files are applied at once, without closing a connection; an edit that
cannot be used is refused, and the old state serves on. Standard output has the
audit records, one line of JSON each, and among them, once all listeners accept, the
one line that begins with "ready" and has their addresses. Logs go to standard error.
SIGTERM and SIGINT drain; a second one ends at once.

--control-port opens what a pod has on its control port: a status page for the
browser, the list of connections, and ways to close and drain. It asks for no
credential, so whoever may open connections on this machine may use it.`,
		Example: `  wsgw run -f gateway.yaml --backend echo:8080=127.0.0.1:9000
  wsgw run -f gateway.yaml --port public=8443 --state ~/.wsgw --admin 127.0.0.1:19000
  wsgw run -f gateway.yaml --port public=8443 --control-port 19001    # status page: http://127.0.0.1:19001/
  curl --cacert ~/.wsgw/ca.crt --resolve ws.example.com:8443:127.0.0.1 https://ws.example.com:8443/`,
		Args: noArguments,
	}
	flags := &runFlags{files: filesFlag(cmd)}
	flags.bind(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := needFiles(cmd, *flags.files); err != nil {
			return err
		}
		o := standalone.Options{
			Files: *flags.files, State: flags.state, Admin: flags.admin, AuditFolder: flags.folder,
			Stdin: s.in, Out: s.out, Logger: newLogger(s, flags.verbose), Now: time.Now, Version: version,
		}
		if cmd.Flags().Changed("control-port") {
			o.ControlPort = &flags.control
		}
		if err := parseRun(&o, flags.ports, flags.backends); err != nil {
			return exit.UsageError{Err: err}
		}
		return run(cmd.Context(), o)
	}
	return cmd
}

type runFlags struct {
	files                *[]string
	ports, backends      []string
	state, admin, folder string
	control              int32
	verbose              bool
}

func (flags *runFlags) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&flags.ports, "port", nil, "LISTENER=PORT: bind this port for a listener, 0 for any free one")
	f.StringSliceVar(&flags.backends, "backend", nil, "[NAMESPACE/]SERVICE[:PORT]=HOST:PORT: where a Service is")
	f.StringVar(&flags.state, "state", "", "folder for the CA, certificates and Secrets (default: one that is removed at the end)")
	f.StringVar(&flags.admin, "admin", "", "HOST:PORT of /healthz, /readyz, /metrics and /report (default: none)")
	f.Int32Var(&flags.control, "control-port", 0, "port on 127.0.0.1 of the status page and the control port, 0 for any free one (default: none)")
	f.StringVar(&flags.folder, "audit-folder", "", "folder for the audit records of spec.audit.sinks.file (default: none)")
	f.BoolVarP(&flags.verbose, "verbose", "v", false, "log details")
}

func run(ctx context.Context, o standalone.Options) error {
	err := standalone.Run(ctx, o)
	if _, ok := errors.AsType[*standalone.UnknownListenerError](err); ok {
		return exit.UsageError{Err: err}
	}
	return err
}

func parseRun(o *standalone.Options, ports, backends []string) error {
	o.Ports = map[string]int32{}
	for _, text := range ports {
		name, port, err := standalone.ParsePort(text)
		if err != nil {
			return fmt.Errorf("--port %s: %w", text, err)
		}
		if _, twice := o.Ports[name]; twice {
			return fmt.Errorf("--port %s: the listener %q has a port already", text, name)
		}
		o.Ports[name] = port
	}
	for _, text := range backends {
		backend, err := standalone.ParseBackend(text)
		if err != nil {
			return fmt.Errorf("--backend %s: %w", text, err)
		}
		o.Backends = append(o.Backends, backend)
	}
	if o.ControlPort != nil && (*o.ControlPort < 0 || *o.ControlPort > 65535) {
		return fmt.Errorf("--control-port %d: a port is from 1 to 65535, or 0 for any free one", *o.ControlPort)
	}
	if o.Admin == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(o.Admin); err != nil {
		return fmt.Errorf("--admin %s: write it as HOST:PORT, such as 127.0.0.1:19000", o.Admin)
	}
	return nil
}

func newLogger(s streams, verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level}))
}
