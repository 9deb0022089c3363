// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Command pod is the gateway as a pod runs it, with the two differences that a
// measurement on one machine needs: backends may be on loopback, and the audit
// log goes to a file, as the container runtime writes it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

func main() {
	root := flag.String("root", "", "folder with the configuration and the Secrets")
	audit := flag.String("audit", os.DevNull, "file for the audit log")
	profile := flag.String("profile", "", "file for a profile of the processor time of the whole run")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := profiled(*profile, func() error { return run(ctx, *root, *audit) }); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "pod:", err)
		os.Exit(1)
	}
}

// profiled writes a profile of what is done; no name, no profile.
func profiled(name string, do func() error) (err error) {
	if name == "" {
		return do()
	}
	out, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write a profile: %w", err)
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return errors.Join(fmt.Errorf("write a profile: %w", err), out.Close())
	}
	err = do()
	pprof.StopCPUProfile()
	return errors.Join(err, out.Close())
}

func run(ctx context.Context, root, audit string) error {
	log, err := os.OpenFile(audit, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the audit log: %w", err)
	}
	defer func() { _ = log.Close() }()
	return gateway.Run(ctx, gateway.Options{
		Root: root, BindHost: "127.0.0.1", AllowLoopback: true,
		Gateway:     contract.GatewayRef{Namespace: "bench", Name: "edge"},
		DrainWindow: time.Second, AcceptAfterStop: -1,
		Audit:  log,
		Logger: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
	})
}
