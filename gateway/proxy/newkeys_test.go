// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/nowait"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// asker is a peer by TLS whose records are forged, and the connection that the relay
// has with it.
type asker struct {
	secure *tls.Conn
	forger *wstest.Forger
	relay  net.Conn
}

// askers are a client and an upstream, by name. pair is the certificate of whichever
// serves.
func askers(pair tls.Certificate) map[string]func(*testing.T) *asker {
	serving := &tls.Config{Certificates: []tls.Certificate{pair}, SessionTicketsDisabled: true, MinVersion: tls.VersionTLS13}
	trusting := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}
	return map[string]func(*testing.T) *asker{
		"client": func(t *testing.T) *asker {
			t.Helper()
			secrets, config := &wstest.Secrets{}, trusting.Clone()
			config.KeyLogWriter = secrets
			client, server := handshakeByPipe(t, config, serving)
			return &asker{client, wstest.ForgeClient(t, client, secrets, 0), server}
		},
		"upstream": func(t *testing.T) *asker {
			t.Helper()
			secrets, config := &wstest.Secrets{}, serving.Clone()
			config.KeyLogWriter = secrets
			client, server := handshakeByPipe(t, trusting, config)
			return &asker{server, wstest.ForgeServer(t, server, secrets, 0), client}
		},
	}
}

func handshakeByPipe(t *testing.T, trusting, serving *tls.Config) (client, server *tls.Conn) {
	t.Helper()
	one, other := net.Pipe()
	client, server = tls.Client(nowait.Wrap(one), trusting), tls.Server(nowait.Wrap(other), serving)
	done := make(chan error, 1)
	go func() { done <- server.HandshakeContext(t.Context()) }()
	if err := errors.Join(client.HandshakeContext(t.Context()), <-done); err != nil {
		t.Fatal(err)
	}
	return client, server
}

func (a *asker) write(t *testing.T, record []byte) {
	t.Helper()
	if _, err := a.secure.NetConn().Write(record); err != nil {
		t.Error(err)
	}
}

// RFC 8446 section 4.6.3: who is asked for new keys answers, also when it has had
// nothing else to say for hours. The answer must not meet the deadline of what was
// written, or handed over, long before.
func TestNewKeysMayBeAskedForLongAfterTheLastMessage(t *testing.T) {
	limits := unhurried()
	limits.PingInterval, limits.IdleTimeout = 0, 0
	for name, relay := range portable() {
		for side, ask := range askers(serverTLS(t).Certificates[0]) {
			for when, messages := range map[string]int{"after a message": 1, "before any message": 0} {
				t.Run(name+" "+side+" "+when, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { relay.askLate(t, ask(t), side == "client", messages, limits) })
				})
			}
		}
	}
}

// askLate has messages for the asker from the other party, which has a pipe, with long
// breaks in which the asker wants new keys.
func (k kind) askLate(t *testing.T, a *asker, client bool, messages int, limits contract.EffectiveLimits) {
	t.Helper()
	other, pipe := net.Pipe()
	write := plain
	ends := [2]net.Conn{a.relay, pipe}
	if !client {
		write = masked
		slices.Reverse(ends[:])
	}
	for _, end := range ends {
		_ = end.SetDeadline(time.Now().Add(time.Second)) // as the handshakes leave it
	}
	done := make(chan *outcome.Closure, 1)
	go func() {
		relay := k.make(timeouts{}, func() float64 { return 0.5 })
		done <- relay.Relay(t.Context(), ends[0], &proxy.Upstream{Conn: ends[1]}, session.New(&audit.Connection{ID: "a"}), limits)
	}()
	got := make(chan string, 10)
	go func() {
		for {
			f, err := readFrame(a.secure)
			if err != nil {
				close(got)
				return
			}
			got <- string(f.payload)
		}
	}()
	say := func(text string) {
		t.Helper()
		_, _ = other.Write(write(fin|bin, []byte(text)))
		if heard := <-got; heard != text {
			t.Errorf("heard %q", heard)
		}
	}
	for range messages {
		say("hello")
	}
	for range 2 {
		time.Sleep(time.Hour) // in the time of the bubble
		a.write(t, a.forger.KeyUpdate(t))
		synctest.Wait()
	}
	say("still there")
	_ = other.Close()
	_ = a.secure.NetConn().Close()
	<-done
}
