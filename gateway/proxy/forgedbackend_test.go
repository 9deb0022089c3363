// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// forged is a backend by TLS 1.3 whose records the test writes.
type forged struct {
	secure  *tls.Conn
	secrets *wstest.Secrets
	*wstest.Forger
}

// forgedGate is a gate to such backends; next waits for that of the next client.
func (k kind) forgedGate(t *testing.T) (g *gate, next func() *forged) {
	t.Helper()
	ca := wstest.NewCA(t)
	config := serving(t, ca.Issue(t, backendName))
	config.MinVersion, config.SessionTicketsDisabled = tls.VersionTLS13, true
	backends, stop := make(chan *forged, 1), make(chan struct{})
	upstream := wstest.Raw(t, func(conn net.Conn) {
		b, own := &forged{secrets: &wstest.Secrets{}}, config.Clone()
		own.KeyLogWriter = b.secrets
		b.secure = tls.Server(conn, own)
		_ = conn.SetDeadline(time.Now().Add(patience))
		shake(b.secure)
		backends <- b
		<-stop
	})
	t.Cleanup(func() { close(stop) })
	return k.newGateTo(t, upstream, byTLS(trusting(ca))), func() *forged {
		b := <-backends
		b.Forger = wstest.ForgeServer(t, b.secure, b.secrets, 1) // its answer to the handshake was the first record
		return b
	}
}

// write sends records at once.
func (b *forged) write(records ...[]byte) { _, _ = b.secure.NetConn().Write(bytes.Join(records, nil)) }

func wantPayload(t *testing.T, r io.Reader, want string) {
	t.Helper()
	if f, err := readFrame(r); err != nil || string(f.payload) != want {
		t.Fatalf("got %q, %v, want %q", f.payload, err, want)
	}
}

func TestABackendMaySendTicketsAndNewKeysWhileNothingElseIsSaid(t *testing.T) {
	t.Parallel()
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, next := relay.forgedGate(t)
			conn := g.raw()
			b := next()
			b.write(b.Data(t, plain(fin|bin, []byte("hello"))))
			wantPayload(t, conn, "hello")
			for range 2 {
				if loops, ok := g.relay.(*proxy.Loops); ok {
					before := loops.Stats().Dropped
					b.write(b.Ticket(t, make([]byte, 200)))
					eventually(t, "the buffers for it are given back", func() bool { return loops.Stats().Dropped > before })
				}
				b.write(b.Ticket(t, make([]byte, 200)), b.KeyUpdate(t), b.NewKeys(t), b.KeyUpdate(t))
				_, _ = conn.Write(masked(fin|bin, []byte("of the client")))
				wantPayload(t, b.secure, "of the client")
				b.write(b.Data(t, plain(fin|bin, []byte("by new keys"))))
				wantPayload(t, conn, "by new keys")
			}
			_, _ = conn.Write(masked(fin|clos, []byte{0x03, 0xe8}))
			if code := readClose(b.secure); code != 1000 {
				t.Errorf("the backend was told %d", code)
			}
			b.write(b.Data(t, goodbye()))
			g.want(outcome.ClientClosed, outcome.ByClient, 1000)
		})
	}
}

// goodbye is the Close frame of a backend.
func goodbye() []byte { return plain(fin|clos, []byte{0x03, 0xe8}) }

func fails(t *testing.T, b *forged) {
	t.Helper()
	b.write(b.Alert(t, 80))
}

func leaves(t *testing.T, b *forged) {
	t.Helper()
	b.write(b.Record(t, 21, []byte{1, 0}))
}

func parts(t *testing.T, b *forged) {
	t.Helper()
	b.write(b.Data(t, goodbye()), b.Record(t, 21, []byte{1, 0}))
}

func stumbles(t *testing.T, b *forged) {
	t.Helper()
	b.write(b.Data(t, goodbye())[:10])
	_ = b.secure.NetConn().(*net.TCPConn).CloseWrite()
}

// RFC 8446 section 6.2: whoever finds a fault in TLS says so.
func babbles(t *testing.T, b *forged) {
	t.Helper()
	b.write(append([]byte{23, 3, 3, 0, 40}, make([]byte, 40)...))
	if _, err := b.secure.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "bad record MAC") {
		t.Errorf("the backend saw %v", err)
	}
}

func resets(t *testing.T, b *forged) {
	t.Helper()
	cut(b.secure.NetConn())
}

func TestHowABackendByTLSEndsIsToldToTheClient(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ends   func(*testing.T, *forged)
		reason outcome.Reason
		code   int
		detail string
	}{
		"a fatal alert":                           {fails, outcome.UpstreamLost, outcome.CodeInternalError, "internal error"},
		"close_notify without a Close frame":      {leaves, outcome.UpstreamLost, outcome.CodeInternalError, "without a Close frame"},
		"half a record":                           {stumbles, outcome.UpstreamLost, outcome.CodeInternalError, "unexpected EOF"},
		"a record that is none":                   {babbles, outcome.UpstreamLost, outcome.CodeInternalError, "bad record MAC"},
		"close_notify right behind a Close frame": {parts, outcome.UpstreamClosed, 1000, ""},
		"a reset": {resets, outcome.UpstreamLost, outcome.CodeInternalError, "reset"},
	} {
		for kind, relay := range forwarding() {
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				g, next := relay.forgedGate(t)
				conn := g.raw()
				b := next()
				b.write(b.Data(t, plain(fin|bin, []byte("hello"))))
				wantPayload(t, conn, "hello")
				test.ends(t, b)
				if code := readClose(conn); code != test.code {
					t.Errorf("the client was told %d", code)
				}
				_, _ = conn.Write(masked(fin|clos, []byte{byte(test.code >> 8), byte(test.code)}))
				closure := g.closure()
				if closure.Reason != test.reason || closure.Initiator != outcome.ByUpstream || !strings.Contains(closure.Detail, test.detail) {
					t.Errorf("ended by %v of %s (%s)", closure, closure.Initiator, closure.Detail)
				}
			})
		}
	}
}

// What goes to the backend ends by close_notify, and nothing that was sent before is
// missing.
func TestABackendByTLSSeesTheEndOfWhatTheClientSent(t *testing.T) {
	t.Parallel()
	for name, relay := range forwarding() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, next := relay.forgedGate(t)
			conn := g.raw()
			b := next()
			_, _ = conn.Write(append(masked(fin|bin, []byte("last words")), masked(fin|clos, []byte{0x03, 0xe8})...))
			wantPayload(t, b.secure, "last words")
			if code := readClose(b.secure); code != 1000 {
				t.Errorf("told %d", code)
			}
			b.write(b.Data(t, goodbye()))
			if n, err := b.secure.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("behind the Close frame came %d bytes, %v", n, err)
			}
			g.want(outcome.ClientClosed, outcome.ByClient, 1000)
		})
	}
}

func TestABackendThatAsksForNewKeysAgainAndAgainIsGivenUp(t *testing.T) {
	t.Parallel()
	g, next := relays()["Loops"].forgedGate(t)
	conn := g.raw()
	b := next()
	var all [][]byte
	for range 200 {
		all = append(all, b.KeyUpdate(t), b.Data(t, plain(fin|bin, []byte("x"))))
	}
	b.write(all...)
	if code := readClose(conn); code != outcome.CodeInternalError {
		t.Errorf("the client was told %d", code)
	}
	_, _ = conn.Write(masked(fin|clos, []byte{0x03, 0xf3}))
	g.want(outcome.UpstreamLost, outcome.ByUpstream, outcome.CodeInternalError)
}
