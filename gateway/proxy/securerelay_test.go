// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// greeting comes right behind the 101 answer, then every message comes back.
func greeting(ws *websocket.Conn) {
	if ws.WriteMessage(websocket.TextMessage, []byte("hello")) != nil {
		return
	}
	for {
		kind, data, err := ws.ReadMessage()
		if err != nil || ws.WriteMessage(kind, data) != nil {
			_ = ws.SetReadDeadline(time.Now().Add(patience))
			_, _ = io.Copy(io.Discard, ws.NetConn())
			return
		}
	}
}

func secureGate(t *testing.T, k kind, version uint16) *gate {
	t.Helper()
	ca := wstest.NewCA(t)
	config := serving(t, ca.Issue(t, backendName))
	config.MinVersion, config.MaxVersion = version, version
	return k.newGateTo(t, wstest.SecureServe(t, config, greeting), byTLS(trusting(ca)))
}

func TestMessagesPassToAndFromABackendByTLS(t *testing.T) {
	t.Parallel()
	for name, k := range relays() {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(name+" "+tls.VersionName(version), func(t *testing.T) {
				t.Parallel()
				g := secureGate(t, k, version)
				ws := g.dial()
				_ = ws.SetReadDeadline(time.Now().Add(6 * patience))
				if _, got, err := ws.ReadMessage(); err != nil || string(got) != "hello" {
					t.Fatalf("got %q, %v", got, err)
				}
				for _, size := range []int{0, 1, 70_000, 500_000, 5} {
					want := bytes.Repeat([]byte("x"), size)
					if err := ws.WriteMessage(websocket.BinaryMessage, want); err != nil {
						t.Fatal(err)
					}
					if _, got, err := ws.ReadMessage(); err != nil || !bytes.Equal(got, want) {
						t.Fatalf("%d of %d bytes came back, %v", len(got), size, err)
					}
				}
				if loops, ok := g.relay.(*proxy.Loops); ok && loops.Open() != 1 {
					t.Errorf("%d connections in the loops", loops.Open())
				}
				if err := ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "bye")); err != nil {
					t.Fatal(err)
				}
				if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, 4001) {
					t.Errorf("ended with %v", err)
				}
				g.want(outcome.ClientClosed, outcome.ByClient, 4001)
			})
		}
	}
}

func TestABackendByTLSThatIsLostIsToldToTheClient(t *testing.T) {
	t.Parallel()
	for name, k := range relays() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ca := wstest.NewCA(t)
			upstream := wstest.SecureServe(t, serving(t, ca.Issue(t, backendName)), greeting)
			g := k.newGateTo(t, upstream, byTLS(trusting(ca)))
			ws := g.dial()
			if _, _, err := ws.ReadMessage(); err != nil {
				t.Fatal(err)
			}
			upstream.Reset()
			if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, outcome.CodeInternalError) {
				t.Errorf("ended with %v", err)
			}
			g.want(outcome.UpstreamLost, outcome.ByUpstream, outcome.CodeInternalError)
		})
	}
}

func TestAConnectionByTLSOnBothSidesThatWasQuietForAWhileGoesOn(t *testing.T) {
	t.Parallel()
	g := secureGate(t, relays()["Loops"], tls.VersionTLS13)
	loops := g.relay.(*proxy.Loops)
	ws := g.dial()
	if _, _, err := ws.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	for round := range uint64(2) {
		eventually(t, "buffers of both sides are given back", func() bool { return loops.Stats().Dropped >= 2*(round+1) })
		want := bytes.Repeat([]byte("x"), 100_000)
		if err := ws.WriteMessage(websocket.BinaryMessage, want); err != nil {
			t.Fatal(err)
		}
		if _, got, err := ws.ReadMessage(); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes came back, %v", len(got), err)
		}
	}
}

// A client that only listens to what its upstream has to say is as good as idle.
func TestAClientThatOnlyListensHoldsNoBuffers(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	g := relays()["Loops"].rawGate(t, true, func(conn net.Conn) {
		shake(conn)
		for talks := time.NewTicker(50 * time.Millisecond); ; {
			select {
			case <-talks.C:
			case <-stop:
				talks.Stop()
				return
			}
			if _, err := conn.Write(plain(fin|bin, []byte("news"))); err != nil {
				return
			}
		}
	})
	defer close(stop)
	conn := g.raw()
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	loops := g.relay.(*proxy.Loops)
	eventually(t, "those of the client are given back", func() bool { return loops.Stats().Dropped > 0 })
}
