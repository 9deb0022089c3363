// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package edge runs a whole gateway on loopback for tests, from the files of a
// wstest.Root. It is apart from wstest, which the parts of the gateway use in
// tests of their own.
package edge

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
)

// Bounds of what a test waits for, on a busy machine.
const (
	readyTime = time.Minute
	endTime   = time.Minute
)

// Edge is a gateway that runs.
type Edge struct {
	// Addresses are those that it listens at, by the name of a listener or of a port
	// for operators.
	Addresses map[string]string

	logs  fmt.Stringer
	stop  context.CancelFunc
	done  chan error
	ended sync.Once
}

// Start runs a gateway until End, at the latest until the end of the test, and
// waits until it listens. The files must be there; logs is what it writes its log
// to. Sockets are on free ports of loopback, and nothing is waited for when it
// stops, where the options say nothing else.
func Start(tb testing.TB, logs fmt.Stringer, options gateway.Options) *Edge {
	tb.Helper()
	ctx, stop := context.WithCancel(context.Background())
	e := &Edge{logs: logs, stop: stop, done: make(chan error, 1)}
	ready := make(chan map[string]string, 1)
	options.BindHost, options.AllowLoopback = "127.0.0.1", true
	options.OnReady = func(addresses map[string]string) { ready <- addresses }
	if options.AcceptAfterStop == 0 {
		options.AcceptAfterStop = -1
	}
	if options.DrainWindow == 0 {
		options.DrainWindow = time.Second
	}
	go func() { e.done <- gateway.Run(ctx, options) }()
	tb.Cleanup(func() { e.End(tb) })
	select {
	case e.Addresses = <-ready:
	case err := <-e.done:
		e.done <- nil
		tb.Fatalf("gateway ended at once: %v", err)
	case <-time.After(readyTime):
		tb.Fatalf("gateway is not ready\n%s", logs)
	}
	return e
}

// Stop tells the gateway to end, and does not wait for it.
func (e *Edge) Stop() { e.stop() }

// End stops the gateway and waits for it; more than once is allowed.
func (e *Edge) End(tb testing.TB) {
	tb.Helper()
	e.ended.Do(func() {
		e.stop()
		select {
		case err := <-e.done:
			if err != nil {
				tb.Errorf("Run: %v", err)
			}
		case <-time.After(endTime):
			tb.Fatalf("gateway does not end\n%s", e.logs)
		}
		if tb.Failed() {
			tb.Logf("logs:\n%s", e.logs)
		}
	})
}
