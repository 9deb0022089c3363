// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/listener"
)

// echoing are sockets whose connections send back what they get, in their
// second goroutine.
func echoing(t *testing.T) *listener.Sockets {
	t.Helper()
	sockets := listener.NewSockets(func(conn net.Conn, _ string) listener.Rest {
		return func(over func()) bool {
			defer over()
			_, _ = io.Copy(conn, conn)
			_ = conn.Close()
			return false
		}
	}, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		sockets.Stop()
		sockets.Abort()
		if !sockets.Wait(context.Background()) {
			t.Error("connections are left")
		}
	})
	return sockets
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return conn
}

func talks(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := io.WriteString(conn, "hi"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
}

func TestSocketsThatStayAreNotTouched(t *testing.T) {
	t.Parallel()
	sockets := echoing(t)
	if failed := sockets.Apply(t.Context(), map[string]string{"a": "127.0.0.1:0", "b": "127.0.0.1:0"}); len(failed) > 0 {
		t.Fatal(failed)
	}
	first := sockets.Addresses()
	onA, onB := dial(t, first["a"]), dial(t, first["b"])
	talks(t, onA)
	talks(t, onB)
	if failed := sockets.Apply(t.Context(), map[string]string{"a": "127.0.0.1:0", "c": "127.0.0.1:0"}); len(failed) > 0 {
		t.Fatal(failed)
	}
	second := sockets.Addresses()
	if len(second) != 2 || second["a"] != first["a"] || second["c"] == "" {
		t.Errorf("open %v, were %v", second, first)
	}
	// The port is closed; what came in by it goes on.
	if conn, err := net.Dial("tcp", first["b"]); err == nil {
		_ = conn.Close()
		t.Error("the removed socket still accepts")
	}
	talks(t, onA)
	talks(t, onB)
	talks(t, dial(t, second["c"]))
}

func TestASocketThatCannotBeOpenedHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	sockets := echoing(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	want := map[string]string{"good": "127.0.0.1:0", "taken": taken.Addr().String(), "bad": "nonsense"}
	if failed := sockets.Apply(t.Context(), want); len(failed) != 2 || failed["taken"] == nil || failed["bad"] == nil {
		t.Errorf("failed %v", failed)
	}
	talks(t, dial(t, sockets.Addresses()["good"]))
	_ = taken.Close()
	if failed := sockets.Apply(t.Context(), want); failed["taken"] != nil {
		t.Errorf("tried again: %v", failed)
	}
}

func TestStopEndsAcceptingAndAbortEndsTheRest(t *testing.T) {
	t.Parallel()
	sockets := echoing(t)
	sockets.Apply(t.Context(), map[string]string{"a": "127.0.0.1:0"})
	conn := dial(t, sockets.Addresses()["a"])
	talks(t, conn)
	sockets.Stop()
	talks(t, conn)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if sockets.Wait(ctx) {
		t.Error("a connection was open, and nobody waited for it")
	}
	sockets.Abort()
	if !sockets.Wait(t.Context()) {
		t.Error("a connection is left after Abort")
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the connection is still there: %v", err)
	}
	if failed := sockets.Apply(t.Context(), map[string]string{"a": "127.0.0.1:0"}); len(failed) > 0 || len(sockets.Addresses()) > 0 {
		t.Error("a socket was opened after Stop")
	}
}

func TestAConnectionThatWasTakenIsWaitedForAndLeftAlone(t *testing.T) {
	t.Parallel()
	ends := make(chan func(), 1)
	accepted := make(chan net.Conn, 1)
	sockets := listener.NewSockets(func(conn net.Conn, _ string) listener.Rest {
		return func(over func()) bool {
			accepted <- conn
			ends <- over
			return true
		}
	}, slog.New(slog.DiscardHandler))
	sockets.Apply(t.Context(), map[string]string{"a": "127.0.0.1:0"})
	conn := dial(t, sockets.Addresses()["a"])
	owned, over := <-accepted, <-ends
	for deadline := time.Now().Add(time.Minute); sockets.Kept() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is kept")
		}
	}
	sockets.Stop()
	sockets.Abort()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if sockets.Wait(ctx) {
		t.Error("its end was not waited for")
	}
	if _, err := io.WriteString(owned, "hi"); err != nil {
		t.Errorf("it was closed: %v", err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 2)); err != nil {
		t.Error(err)
	}
	_ = owned.Close()
	over()
	if !sockets.Wait(t.Context()) {
		t.Error("it is over")
	}
}
