// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/listener"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// noon is the time of these tests: crypto/tls looks at the age of tickets by the
// real clock, so it is not far from that.
func noon() time.Time { return time.Now() }

func at(moment time.Time) func() time.Time { return func() time.Time { return moment } }

func pairOf(t *testing.T, p wstest.Pair) *tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(p.Certificate, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	return &pair
}

// a.example.com is the name of the listener "a", and so on.
func terms(name string, pair *tls.Certificate, tickets *listener.Tickets) listener.Terms {
	return listener.Terms{Listener: name, Hostnames: []string{name + ".example.com"}, Certificate: pair, Tickets: tickets}
}

// wallet is a cache of one session, whatever it is for.
type wallet struct{ session *tls.ClientSessionState }

func (w *wallet) Get(string) (*tls.ClientSessionState, bool) { return w.session, w.session != nil }

func (w *wallet) Put(_ string, session *tls.ClientSessionState) { w.session = session }

// counted counts what a server writes during its handshake.
type counted struct {
	net.Conn

	writes int
}

func (c *counted) Write(b []byte) (int, error) {
	c.writes++
	return c.Conn.Write(b)
}

// visitor is a client of listeners.
type visitor struct {
	config *tls.Config
	wallet *wallet
}

func newVisitor(ca *wstest.CA) *visitor {
	v := &visitor{wallet: &wallet{}}
	v.config = &tls.Config{RootCAs: ca.Pool, ClientSessionCache: v.wallet, MinVersion: tls.VersionTLS12}
	return v
}

// visit shakes hands with a listener, and waits for a first byte behind which a
// ticket must have come. It returns what the client sees, and how often the server
// has written.
func (v *visitor) visit(t *testing.T, front *listener.Front, name string) (state tls.ConnectionState, writes int) {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan int, 1)
	go func() {
		accepted, err := socket.Accept()
		if err != nil {
			served <- -1
			return
		}
		below := &counted{Conn: accepted}
		defer func() { _ = below.Close() }()
		secure, _, err := front.Handshake(context.Background(), below, nil)
		served <- below.writes
		if err == nil {
			_, _ = io.WriteString(secure, "x")
			_, _ = io.ReadAll(secure)
		}
	}()
	defer func() { _ = socket.Close() }()
	config := v.config.Clone()
	config.ServerName = name + ".example.com"
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: time.Minute}, "tcp", socket.Addr().String(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return conn.ConnectionState(), <-served
}

// resumes tells whether a client that was at one front resumes its session at
// another.
func resumes(t *testing.T, ca *wstest.CA, first, second *listener.Front, name string) bool {
	t.Helper()
	v := newVisitor(ca)
	if state, _ := v.visit(t, first, "a"); state.DidResume {
		t.Fatal("resumed without a ticket")
	}
	state, _ := v.visit(t, second, name)
	return state.DidResume
}

func TestASessionIsResumedWhereverTheSameListenerHasTheSameKey(t *testing.T) {
	t.Parallel()
	ca, now := wstest.NewCA(t), noon()
	pair := pairOf(t, ca.Issue(t, "a.example.com", "b.example.com"))
	other := pairOf(t, ca.Issue(t, "a.example.com", "b.example.com"))
	third := pairOf(t, ca.Issue(t, "a.example.com"))
	fourth := pairOf(t, ca.Issue(t, "a.example.com"))
	of := func(scope string, pair *tls.Certificate, previous *listener.Tickets) *listener.Tickets {
		return listener.NewTickets(scope, pair.PrivateKey, previous, now)
	}
	front := func(moment time.Time, t ...listener.Terms) *listener.Front { return listener.NewFront(t, at(moment)) }
	first := of("ns/edge/a", pair, nil)
	begin := front(now, terms("a", pair, first))
	rotated := of("ns/edge/a", other, first)
	twice := of("ns/edge/a", third, rotated)
	const day = 24 * time.Hour
	for name, test := range map[string]struct {
		second *listener.Front
		at     string
		want   bool
	}{
		"the same pod":                             {begin, "a", true},
		"another pod":                              {front(now, terms("a", pair, of("ns/edge/a", pair, nil))), "a", true},
		"another pod whose clock is ahead":         {front(now.Add(2*day), terms("a", pair, first)), "a", true},
		"another pod whose clock is behind":        {front(now.Add(-2*day), terms("a", pair, first)), "a", true},
		"almost a week later":                      {front(now.Add(7*day-time.Minute), terms("a", pair, first)), "a", true},
		"ten days later":                           {front(now.Add(10*day), terms("a", pair, first)), "a", false},
		"a listener of another name":               {front(now, terms("a", pair, of("ns/edge/b", pair, nil))), "a", false},
		"another listener behind the same socket":  {front(now, terms("a", pair, first), terms("b", pair, of("ns/edge/b", pair, nil))), "b", false},
		"another gateway":                          {front(now, terms("a", pair, of("ns/other/a", pair, nil))), "a", false},
		"another namespace":                        {front(now, terms("a", pair, of("other/edge/a", pair, nil))), "a", false},
		"another key, to a pod that had the first": {front(now, terms("a", other, rotated)), "a", true},
		"another key, to a pod that is new":        {front(now, terms("a", other, of("ns/edge/a", other, nil))), "a", false},
		"the second key after it":                  {front(now, terms("a", third, twice)), "a", true},
		"the third key after it":                   {front(now, terms("a", fourth, of("ns/edge/a", fourth, twice))), "a", false},
		"the same key again":                       {front(now, terms("a", pair, of("ns/edge/a", pair, rotated))), "a", true},
		"another key, ten days later":              {front(now.Add(10*day), terms("a", other, rotated)), "a", false},
		"a listener that resumes nothing":          {front(now, terms("a", pair, nil)), "a", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := resumes(t, ca, begin, test.second, test.at); got != test.want {
				t.Errorf("resumed: %v", got)
			}
		})
	}
}

func TestNothingIsResumedWhereClientsShowCertificates(t *testing.T) {
	t.Parallel()
	ca, now := wstest.NewCA(t), noon()
	pair := pairOf(t, ca.Issue(t, "a.example.com"))
	tickets := listener.NewTickets("ns/edge/a", pair.PrivateKey, nil, now)
	without, with := terms("a", pair, tickets), terms("a", pair, tickets)
	with.ClientCertificates = &listener.ClientCertificates{CAs: trusted(ca)}
	open, mutual := listener.NewFront([]listener.Terms{without}, at(now)), listener.NewFront([]listener.Terms{with}, at(now))
	if resumes(t, ca, open, mutual, "a") {
		t.Error("a session from before certificates were asked for was resumed")
	}
	v := newVisitor(ca)
	v.visit(t, mutual, "a")
	if v.wallet.session != nil {
		t.Error("a ticket was given to a client that was asked for a certificate")
	}
}

func TestTLS12HasNoTickets(t *testing.T) {
	t.Parallel()
	ca, now := wstest.NewCA(t), noon()
	pair := pairOf(t, ca.Issue(t, "a.example.com"))
	front := listener.NewFront([]listener.Terms{terms("a", pair, listener.NewTickets("ns/edge/a", pair.PrivateKey, nil, now))}, at(now))
	v := newVisitor(ca)
	v.config.MaxVersion = tls.VersionTLS12
	if state, _ := v.visit(t, front, "a"); state.Version != tls.VersionTLS12 || v.wallet.session != nil {
		t.Errorf("version %x, ticket: %v", state.Version, v.wallet.session != nil)
	}
}

func TestATicketThatWasChangedLeadsToAFullHandshake(t *testing.T) {
	t.Parallel()
	ca, now := wstest.NewCA(t), noon()
	pair := pairOf(t, ca.Issue(t, "a.example.com"))
	front := listener.NewFront([]listener.Terms{terms("a", pair, listener.NewTickets("ns/edge/a", pair.PrivateKey, nil, now))}, at(now))
	v := newVisitor(ca)
	v.visit(t, front, "a")
	ticket, session, err := v.wallet.session.ResumptionState()
	if err != nil {
		t.Fatal(err)
	}
	for name, changed := range map[string][]byte{
		"a bit":  append([]byte{ticket[0] ^ 1}, ticket[1:]...),
		"cut":    ticket[:len(ticket)-1],
		"longer": append(append([]byte{}, ticket...), 0),
		"short":  {1},
	} {
		if v.wallet.session, err = tls.NewResumptionState(changed, session); err != nil {
			t.Fatal(err)
		}
		if state, _ := v.visit(t, front, "a"); state.DidResume {
			t.Errorf("%s: resumed", name)
		}
	}
}

// A stranger's ClientHello may be one ticket of 64 KiB: hashing that with all keys
// would cost more than the handshake.
func TestATicketThatIsLargerThanOursIsNotTried(t *testing.T) {
	t.Parallel()
	ca, now := wstest.NewCA(t), noon()
	pair := pairOf(t, ca.Issue(t, "a.example.com"))
	front := listener.NewFront([]listener.Terms{terms("a", pair, listener.NewTickets("ns/edge/a", pair.PrivateKey, nil, now))}, at(now))
	v := newVisitor(ca)
	v.visit(t, front, "a")
	ticket, session, err := v.wallet.session.ResumptionState()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		by   int
		want bool
	}{{100, true}, {1 << 10, false}} {
		larger := front.Inflate(t, "a.example.com", ticket, test.by)
		if v.wallet.session, err = tls.NewResumptionState(larger, session); err != nil {
			t.Fatal(err)
		}
		if state, _ := v.visit(t, front, "a"); state.DidResume != test.want {
			t.Errorf("larger by %d bytes: resumed: %v", test.by, state.DidResume)
		}
	}
}

// The ticket must not cost a segment, nor wake the client up, for itself.
func TestATicketLeavesWithTheFirstAnswer(t *testing.T) {
	t.Parallel()
	ca, now := wstest.NewCA(t), noon()
	pair := pairOf(t, ca.Issue(t, "a.example.com"))
	front := listener.NewFront([]listener.Terms{terms("a", pair, listener.NewTickets("ns/edge/a", pair.PrivateKey, nil, now))}, at(now))
	v := newVisitor(ca)
	for _, resumed := range []bool{false, true} {
		if state, writes := v.visit(t, front, "a"); writes != 1 || state.DidResume != resumed || v.wallet.session == nil {
			t.Errorf("the server has written %d times, resumed: %v, ticket: %v", writes, state.DidResume, v.wallet.session != nil)
		}
	}
}

func TestTheKeyExchangeIsPostQuantumWhereTheClientCan(t *testing.T) {
	t.Parallel()
	ca, now := wstest.NewCA(t), noon()
	pair := pairOf(t, ca.Issue(t, "a.example.com"))
	tickets := listener.NewTickets("ns/edge/a", pair.PrivateKey, nil, now)
	front := listener.NewFront([]listener.Terms{terms("a", pair, tickets)}, at(now))
	for name, test := range map[string]struct {
		offered []tls.CurveID
		want    tls.CurveID
	}{
		"what Go offers":       {nil, tls.X25519MLKEM768},
		"what browsers offer":  {[]tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256}, tls.X25519MLKEM768},
		"a client from before": {[]tls.CurveID{tls.X25519, tls.CurveP256}, tls.X25519},
		"P-256 alone":          {[]tls.CurveID{tls.CurveP256}, tls.CurveP256},
	} {
		v := newVisitor(ca)
		v.config.CurvePreferences = test.offered
		// A resumed session has a key exchange of its own.
		for range 2 {
			if state, _ := v.visit(t, front, "a"); state.CurveID != test.want {
				t.Errorf("%s: %v, want %v", name, state.CurveID, test.want)
			}
		}
	}
}
