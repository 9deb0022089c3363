// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

// broken is a connection with a bug.
type broken struct{ net.Conn }

// What it panics with could be the message that it read.
func (broken) Read([]byte) (int, error) { panic("a message") }

func TestBugInOneConnectionEndsOnlyThatConnection(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			for _, side := range []string{"client", "upstream"} {
				t.Run(side, func(t *testing.T) {
					client, otherClient := net.Pipe()
					upstream, otherUpstream := net.Pipe()
					go func() { _ = readClose(otherClient); _ = otherClient.Close() }()
					go func() { _ = readClose(otherUpstream); _ = otherUpstream.Close() }()
					conns := map[string]net.Conn{"client": client, "upstream": upstream}
					conns[side] = broken{conns[side]}
					tested := relay.make(timeouts{}, rand.Float64)
					closure := tested.Relay(t.Context(), conns["client"], &proxy.Upstream{Conn: conns["upstream"]},
						session.New(&audit.Connection{ID: "a"}), contract.EffectiveLimits{})
					if closure.Reason != outcome.RelayFailed || !strings.HasPrefix(closure.Detail, "panic with a value of type string in proxy_test.broken.Read, contain_test.go:") {
						t.Errorf("closure = %v", closure)
					}
				})
			}
		})
	}
}
