// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
)

// hospital is a network in which one endpoint takes connections and answers
// their handshakes in its own way.
type hospital struct {
	network

	sick   string
	answer func(net.Conn)
}

func (h *hospital) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if address != h.sick {
		return h.network.dial(ctx, network, address)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dials = append(h.dials, address)
	ours, theirs := net.Pipe()
	h.peers.Go(func() {
		defer func() { _ = theirs.Close() }()
		if readHead(theirs) != nil {
			h.answer(theirs)
		}
	})
	return ours, nil
}

// An endpoint that fails every handshake has the fewest connections for ever:
// without more it would get every newcomer.
func TestEndpointThatFailsItsHandshakesDoesNotDrawAllNewcomers(t *testing.T) {
	t.Parallel()
	says := func(status string) func(net.Conn) {
		return func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n") }
	}
	for _, test := range []struct {
		name   string
		answer func(net.Conn)
		most   int // clients out of 100 that meet it
	}{
		{"it hangs up", func(net.Conn) {}, 1},
		{"it never answers", func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }, 1},
		{"it has an error of its own", says("503 Service Unavailable"), 1},
		{"it speaks another protocol", func(conn net.Conn) { _, _ = io.WriteString(conn, "220 mail.example.com ESMTP\r\n\r\n") }, 1},
		// What it says of one client must not keep others away from it.
		{"it refuses the caller", says("403 Forbidden"), 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := hospital{sick: abc[0], answer: test.answer}
				pool := proxy.NewPool(proxy.Options{Now: time.Now, Random: rand.Float64, Dial: h.dial})
				pool.SetEndpoints(contract.Endpoints{Backends: map[string]contract.BackendEndpoints{"b": {Addresses: abc}}})
				for _, address := range []string{abc[1], abc[2]} {
					held := connectTo(t, pool, address)
					defer held.Release()
				}
				h.dialled()
				for range 100 {
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
					if u, err := pool.Connect(ctx, proxy.Choice{Backends: toB}, handshake()); err == nil {
						defer u.Release()
					}
					cancel()
				}
				met := 0
				for _, address := range h.dialled() {
					if address == h.sick {
						met++
					}
				}
				if met == 0 || met > test.most {
					t.Errorf("%d of 100 clients met it, want at most %d", met, test.most)
				}
			})
		})
	}
}

// connectTo connects until the address is chosen.
func connectTo(t *testing.T, pool *proxy.Pool, address string) *proxy.Upstream {
	t.Helper()
	pool.SetEndpoints(contract.Endpoints{Backends: map[string]contract.BackendEndpoints{"b": {Addresses: []string{address}}}})
	u, err := pool.Connect(t.Context(), proxy.Choice{Backends: toB}, handshake())
	if err != nil {
		t.Fatal(err)
	}
	pool.SetEndpoints(contract.Endpoints{Backends: map[string]contract.BackendEndpoints{"b": {Addresses: abc}}})
	return u
}

func TestEveryFailedDialIsCounted(t *testing.T) {
	t.Parallel()
	n := network{down: map[string]bool{abc[0]: true, abc[1]: true}}
	t.Cleanup(n.peers.Wait)
	var failed atomic.Int64
	var mu sync.Mutex
	var seen []string
	pool := proxy.NewPool(proxy.Options{
		Now: time.Now, Random: rand.Float64, DialFailed: func() { failed.Add(1) },
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, address)
			return n.dial(ctx, network, address)
		},
	})
	pool.SetEndpoints(contract.Endpoints{Backends: map[string]contract.BackendEndpoints{"b": {Addresses: abc[:2], Service: abc[2]}}})
	defer connect(t, pool, toB...).Release()
	if got := failed.Load(); got != 2 {
		t.Errorf("the client got in, %d failed dials were counted, want 2", got)
	}
	n.down[abc[2]] = true
	if _, err := pool.Connect(t.Context(), proxy.Choice{Backends: toB}, handshake()); err == nil {
		t.Fatal("connected to nobody")
	}
	if got := failed.Load(); got != 5 {
		t.Errorf("%d failed dials were counted, want 5", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = pool.Connect(ctx, proxy.Choice{Backends: toB}, handshake())
	if got := failed.Load(); got != 5 {
		t.Errorf("a client that went away counts as a failed dial: %d", got)
	}
	if !slices.Contains(seen, abc[2]) {
		t.Error("the Service was not asked")
	}
}
