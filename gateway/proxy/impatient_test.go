// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

// A request for new keys is answered by whoever reads (RFC 8446 section 4.6.3). A peer
// that asks and reads no answer must not hold a connection for ever, also where nothing
// else would find it out: no ping, no message for it, no timeout.
func TestAPeerThatAsksForNewKeysAndReadsNoAnswerIsLost(t *testing.T) {
	limits := unhurried()
	limits.PingInterval, limits.IdleTimeout, limits.MaxConnectionAge = 0, 0, 0
	for name, relay := range portable() {
		for side, ask := range askers(serverTLS(t).Certificates[0]) {
			t.Run(name+" "+side, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { relay.floodWithRequests(t, ask(t), side == "client", limits) })
			})
		}
	}
}

func (k kind) floodWithRequests(t *testing.T, a *asker, client bool, limits contract.EffectiveLimits) {
	t.Helper()
	other, pipe := net.Pipe()
	ends, by, write := [2]net.Conn{a.relay, pipe}, outcome.ByClient, masked
	if !client {
		by, write = outcome.ByUpstream, plain
		slices.Reverse(ends[:])
	}
	started, done := time.Now(), make(chan *outcome.Closure, 1)
	go func() {
		relay := k.make(timeouts{}, func() float64 { return 0.5 })
		done <- relay.Relay(t.Context(), ends[0], &proxy.Upstream{Conn: ends[1]}, session.New(&audit.Connection{ID: "a"}), limits)
	}()
	go func() { _, _ = io.Copy(io.Discard, other) }()
	go func() {
		for {
			// crypto/tls itself stops a peer that has nothing else to say.
			record := append(a.forger.KeyUpdate(t), a.forger.Data(t, write(fin|bin, nil))...)
			if _, err := a.secure.NetConn().Write(record); err != nil {
				return
			}
		}
	}()
	select {
	case closure := <-done:
		wantClosure(t, closure, outcome.SlowReader, by)
		if took := time.Since(started); took > contract.DefaultWriteTimeout+proxy.DefaultCloseTimeout {
			t.Errorf("it took %v", took)
		}
	case <-time.After(24 * time.Hour): // in the time of the bubble
		t.Error("a peer that reads nothing holds its connection")
		_, _ = a.secure.NetConn().Close(), <-done
	}
	_, _ = a.secure.NetConn().Close(), other.Close()
}
