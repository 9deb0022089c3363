// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Command gateway is the data plane of one pod: it serves what the files below
// its root folder say, until it is told to stop.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	// The image has an empty base; the public CAs come with the program.
	_ "golang.org/x/crypto/x509roots/fallback"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// version is set by the linker.
var version = "dev"

func main() {
	// By default, Go ends a process whose standard output nobody reads. The audit
	// log counts what it cannot write; the connections go on.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if code := exitCode(err); code != 0 {
		_, _ = fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(code)
	}
}

// usageError is a command line that cannot be followed.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func exitCode(err error) int {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if _, wrong := errors.AsType[usageError](err); wrong {
		return 2
	}
	return 1
}

// settings are the flags.
type settings struct {
	root           string
	gateway        contract.GatewayRef
	admin, control string
	check          string
	auditFolder    string
	logLevel       slog.Level
	window         time.Duration
	version        bool
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return usageError{err}
	}
	if s.version {
		_, err := fmt.Fprintln(stdout, version)
		return err
	}
	if s.check != "" {
		return check(s.check)
	}
	return gateway.Run(ctx, gateway.Options{
		Root: s.root, AdminAddress: s.admin, ControlAddress: s.control, DrainWindow: s.window,
		Gateway: s.gateway, PodName: os.Getenv("POD_NAME"), PodUID: os.Getenv("POD_UID"),
		Version: version,
		Audit:   stdout, AuditFolder: s.auditFolder,
		Logger: slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: s.logLevel})),
	})
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("gateway", flag.ContinueOnError)
	// A mistake is one sentence of ours, not the whole list of flags.
	flags.SetOutput(io.Discard)
	flags.StringVar(&s.root, "root", "/etc/wsgateway", "folder with the configuration and the Secrets")
	name := flags.String("gateway", "", "`NAMESPACE/NAME` that the configuration must be for")
	flags.StringVar(&s.admin, "admin-address", fmt.Sprintf(":%d", contract.AdminPort), "address of /healthz, /readyz, /metrics and /report; empty for none")
	flags.StringVar(&s.control, "control-address", fmt.Sprintf("127.0.0.1:%d", contract.ControlPort), "loopback address of the control port; empty for none")
	flags.DurationVar(&s.window, "drain-window", contract.DefaultDrainWindow, "time over which connections are closed when the gateway stops")
	flags.StringVar(&s.auditFolder, "audit-folder", "", "folder for the audit records of spec.audit.sinks.file; empty for none")
	level := flags.String("log-level", "info", "debug, info, warn or error")
	flags.StringVar(&s.check, "check", "", "check a config.json and exit")
	flags.BoolVar(&s.version, "version", false, "print the version and exit")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(stderr)
		flags.Usage()
		return settings{}, err
	} else if err != nil {
		return settings{}, fmt.Errorf("%w; \"gateway --help\" lists the flags", err)
	}
	if flags.NArg() > 0 {
		return settings{}, fmt.Errorf("unexpected argument %q: everything is set by flags", flags.Arg(0))
	}
	if s.window <= 0 {
		return settings{}, fmt.Errorf("--drain-window must be positive, it is %s", s.window)
	}
	if err := s.logLevel.UnmarshalText([]byte(*level)); err != nil {
		return settings{}, fmt.Errorf("--log-level %q: use debug, info, warn or error", *level)
	}
	var err error
	s.gateway, err = reference(*name)
	return s, err
}

func check(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("--check: %w", err)
	}
	if err := gateway.Check(data); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func reference(text string) (contract.GatewayRef, error) {
	if text == "" {
		return contract.GatewayRef{}, nil
	}
	namespace, name, ok := strings.Cut(text, "/")
	if !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
		return contract.GatewayRef{}, fmt.Errorf("--gateway %q: write it as NAMESPACE/NAME", text)
	}
	return contract.GatewayRef{Namespace: namespace, Name: name}, nil
}
