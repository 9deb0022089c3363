// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/listener"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// turnstile counts turns. It is held by one handshake at a time.
type turnstile struct {
	mu          sync.Mutex
	taken, held int
	// given has a word for each turn that was given back.
	given chan struct{}
	// refuse is the first turn that is refused; 0 for none.
	refuse int
}

func newTurnstile() *turnstile { return &turnstile{given: make(chan struct{}, 100)} }

func (s *turnstile) Take(context.Context) *outcome.Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken++
	if s.taken == s.refuse {
		return outcome.Refuse(outcome.HandshakeBacklog, "")
	}
	s.held++
	return nil
}

func (s *turnstile) Give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held--
	s.given <- struct{}{}
}

func (s *turnstile) counts() (taken, held int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken, s.held
}

// watchful is a server's connection at which no turn may be held while it waits for
// room to write: a client that takes nothing out of the network decides how long.
type watchful struct {
	net.Conn

	t     *testing.T
	turns *turnstile
}

func (w *watchful) Write(b []byte) (int, error) {
	if _, held := w.turns.counts(); held != 0 {
		w.t.Error("a turn is held while the client is written to")
	}
	return w.Conn.Write(b)
}

// shake lets a client talk to a front, and returns how that ended for the server.
func shake(t *testing.T, front *listener.Front, turns *turnstile, client func(conn net.Conn)) error {
	t.Helper()
	near, far := connected(t)
	var talking sync.WaitGroup
	talking.Go(func() {
		client(far)
		// Only half: closing with something unread would reset the connection.
		_ = far.CloseWrite()
	})
	secure, _, err := front.Handshake(context.Background(), &watchful{near, t, turns}, turns)
	if err == nil {
		_, _ = io.ReadAll(secure)
	}
	_ = near.Close()
	talking.Wait()
	_ = far.Close()
	return err
}

// connected are the two ends of a connection.
func connected(t *testing.T) (server net.Conn, client *net.TCPConn) {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	client, ok := dial(t, socket.Addr().String()).(*net.TCPConn)
	if !ok {
		t.Fatal("no TCP connection")
	}
	if server, err = socket.Accept(); err != nil {
		t.Fatal(err)
	}
	_ = server.SetDeadline(time.Now().Add(time.Minute))
	return server, client
}

func handshakes(ca *wstest.CA, name string, change func(*tls.Config)) func(net.Conn) {
	return func(conn net.Conn) {
		config := &tls.Config{RootCAs: ca.Pool, ServerName: name, MinVersion: tls.VersionTLS12}
		if change != nil {
			change(config)
		}
		client := tls.Client(conn, config)
		if client.Handshake() == nil {
			_ = client.CloseWrite()
		}
	}
}

func TestAHandshakeTakesATurnForWhatItComputes(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	pair := pairOf(t, ca.Issue(t, "a.example.com"))
	mutual := terms("mutual", pairOf(t, ca.Issue(t, "mutual.example.com")), nil)
	mutual.ClientCertificates = &listener.ClientCertificates{CAs: trusted(ca)}
	front := listener.NewFront([]listener.Terms{terms("a", pair, nil), terms("empty", nil, nil), mutual}, noon)
	certified := func(version uint16, by *wstest.CA) func(*tls.Config) {
		own := pairOf(t, by.IssueClient(t, func(*x509.Certificate) {}))
		return func(c *tls.Config) {
			c.MaxVersion = version
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
		}
	}
	for name, test := range map[string]struct {
		client func(net.Conn)
		turns  int
		want   outcome.Reason
	}{
		"TLS 1.3": {handshakes(ca, "a.example.com", nil), 1, ""},
		// The second half of the key exchange comes with what the client says next.
		"TLS 1.2": {handshakes(ca, "a.example.com", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), 2, ""},
		// Strangers may send a chain that costs more to verify than all the rest.
		"a certificate of the client": {handshakes(ca, "mutual.example.com", certified(tls.VersionTLS13, ca)), 2, ""},
		"a certificate of nobody": {
			handshakes(ca, "mutual.example.com", certified(tls.VersionTLS13, wstest.NewCA(t))), 2, outcome.ClientCertificateInvalid,
		},
		"a client that shows no certificate": {handshakes(ca, "mutual.example.com", nil), 1, ""},
		"nothing in common": {handshakes(ca, "a.example.com", func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
		}), 1, outcome.TLSHandshakeFailed},
		"a client that does not like the certificate": {handshakes(ca, "a.example.com", func(c *tls.Config) { c.RootCAs = wstest.NewCA(t).Pool }), 1, outcome.TLSHandshakeFailed},
		"a client that leaves at once":                {func(net.Conn) {}, 0, outcome.ClientGone},
		"an unknown name":                             {handshakes(ca, "c.example.com", nil), 0, outcome.UnknownServerName},
		"a listener without a certificate":            {handshakes(ca, "empty.example.com", nil), 0, outcome.NoCertificate},
	} {
		turns := newTurnstile()
		err := shake(t, front, turns, test.client)
		if taken, held := turns.counts(); reasonOf(t, err) != test.want || taken != test.turns || held != 0 {
			t.Errorf("%s: %v, %d turns taken, %d kept", name, err, taken, held)
		}
	}
	// What the client says next may be read in pieces, with a turn for each.
	turns := newTurnstile()
	err := shake(t, front, turns, handshakes(ca, "mutual.example.com", certified(tls.VersionTLS12, ca)))
	if taken, held := turns.counts(); err != nil || taken < 2 || taken > 6 || held != 0 {
		t.Errorf("a certificate of the client, by TLS 1.2: %v, %d turns taken, %d kept", err, taken, held)
	}
}

// Half of the key exchange is still to come then, and at a large curve it is most of it.
func TestTheAnswerToAHelloOfTLS12GetsATurnOrNone(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	front := listener.NewFront([]listener.Terms{terms("a", pairOf(t, ca.Issue(t, "a.example.com")), nil)}, noon)
	turns := newTurnstile()
	turns.refuse = 2
	err := shake(t, front, turns, handshakes(ca, "a.example.com", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }))
	if taken, held := turns.counts(); reasonOf(t, err) != outcome.HandshakeBacklog || taken != 2 || held != 0 {
		t.Errorf("%v, %d turns taken, %d kept", err, taken, held)
	}
}

func TestWhoeverGetsNoTurnIsRefused(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	pair := pairOf(t, ca.Issue(t, "a.example.com"))
	front := listener.NewFront([]listener.Terms{terms("a", pair, nil)}, noon)
	for _, retry := range []bool{false, true} {
		turns := newTurnstile()
		turns.refuse = 1
		if retry {
			front.Only("a.example.com", tls.CurveP384)
			turns.refuse = 2
		}
		err := shake(t, front, turns, handshakes(ca, "a.example.com", nil))
		if taken, held := turns.counts(); reasonOf(t, err) != outcome.HandshakeBacklog || taken != turns.refuse || held != 0 {
			t.Errorf("retry %v: %v, %d turns taken, %d kept", retry, err, taken, held)
		}
	}
}

// A client that answers slowly, or never, must not keep others from their turn.
func TestNoTurnIsHeldWhileTheClientIsWaitedFor(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	pair := pairOf(t, ca.Issue(t, "a.example.com"))
	for _, group := range []tls.CurveID{tls.X25519MLKEM768, tls.CurveP384} {
		front, turns := listener.NewFront([]listener.Terms{terms("a", pair, nil)}, noon), newTurnstile()
		front.Only("a.example.com", group)
		err := shake(t, front, turns, func(conn net.Conn) {
			silent := &mute{Conn: conn}
			go func() { _ = tls.Client(silent, &tls.Config{RootCAs: ca.Pool, ServerName: "a.example.com"}).Handshake() }()
			select {
			case <-turns.given:
			case <-time.After(time.Minute):
				t.Error("the turn was not given back")
			}
		})
		if taken, held := turns.counts(); reasonOf(t, err) != outcome.ClientGone || taken != 1 || held != 0 {
			t.Errorf("%v: %v, %d turns taken, %d kept", group, err, taken, held)
		}
	}
}

// mute is a client that says its first word and then no other.
type mute struct {
	net.Conn

	said bool
}

func (m *mute) Write(b []byte) (int, error) {
	if m.said {
		return len(b), nil
	}
	m.said = true
	return m.Conn.Write(b)
}

// The ClientHello that was asked for costs all of the work, in however many pieces
// it comes, and whatever comes before it.
func TestATurnIsTakenForTheSecondHelloNotForWhatComesBeforeIt(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	pair := pairOf(t, ca.Issue(t, "a.example.com"))
	front, turns := listener.NewFront([]listener.Terms{terms("a", pair, nil)}, noon), newTurnstile()
	// Clients send no key for it unasked, so a HelloRetryRequest asks them.
	front.Only("a.example.com", tls.CurveP384)
	err := shake(t, front, turns, func(conn net.Conn) {
		handshakes(ca, "a.example.com", nil)(&hesitant{Conn: conn, t: t, given: turns.given})
	})
	if taken, held := turns.counts(); err != nil || taken < 3 || held != 0 {
		t.Errorf("%v, %d turns taken, %d kept", err, taken, held)
	}
}

// hesitant is a client that waits behind its second word, the change_cipher_spec
// before the second ClientHello, until the server waits for the third.
type hesitant struct {
	net.Conn

	t     *testing.T
	words int
	given <-chan struct{}
}

func (h *hesitant) Write(b []byte) (int, error) {
	h.words++
	for range 2 {
		if h.words != 3 {
			break
		}
		select {
		case <-h.given:
		case <-time.After(time.Minute):
			h.t.Error("the turn was not given back")
		}
	}
	return h.Conn.Write(b)
}

// Certificates are verified when a turn was had, and not at all without.
func TestACertificateThatGetsNoTurnIsNotVerified(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	own := pairOf(t, ca.IssueClient(t, func(*x509.Certificate) {}))
	mutual := terms("a", pairOf(t, ca.Issue(t, "a.example.com")), nil)
	mutual.ClientCertificates = &listener.ClientCertificates{Required: true, CAs: trusted(ca)}
	turns := newTurnstile()
	turns.refuse = 2
	front := listener.NewFront([]listener.Terms{mutual}, noon)
	err := shake(t, front, turns, handshakes(ca, "a.example.com", func(c *tls.Config) { c.Certificates = []tls.Certificate{*own} }))
	if taken, held := turns.counts(); reasonOf(t, err) != outcome.HandshakeBacklog || taken != 2 || held != 0 {
		t.Errorf("%v, %d turns taken, %d kept", err, taken, held)
	}
}

// trusted are the CAs of clients of a listener.
func trusted(ca *wstest.CA) *clientcert.CAs {
	bundle := contract.CABundle{ConfigMap: "cas", Key: "ca.crt", Certificates: string(ca.PEM)}
	return clientcert.New(&contract.ClientCertificates{Bundles: []contract.CABundle{bundle}}, nil)
}
