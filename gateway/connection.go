// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/listener"
	"github.com/wsgateway/websocket-gateway-operator/gateway/metrics"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
	"github.com/wsgateway/websocket-gateway-operator/gateway/tracing"
)

const (
	// answerTimeout bounds the writing of an HTTP answer.
	answerTimeout = 5 * time.Second
	// lingerTimeout and lingerBytes bound how long a refused client is listened
	// to: closing while it still sends would reset the connection and destroy
	// the answer on its way.
	lingerTimeout = 500 * time.Millisecond
	lingerBytes   = 64 << 10
)

// visit is one accepted connection until it is refused or relayed.
type visit struct {
	*server
	// snapshot is the one by whose rules the caller is judged at the moment.
	snapshot *snapshot
	// rules is the number of the rules that the snapshot, or newer ones, has.
	rules uint64
	conn  net.Conn
	port  string
	// client is the address that the caller comes from, as far as is known; trust
	// says who is believed when they tell another.
	client netip.Addr
	trust  *listener.Trust
	// network is what the caller is counted under by address; the zero Prefix
	// for whom that is not done.
	network netip.Prefix
	begin   time.Time
	attempt audit.Attempt
	// certificate that the caller showed in TLS.
	certificate *clientcert.Certificate
	// trace is the span of the handshake; nil while there is none.
	trace *tracing.Handshake
	// asks is true once the caller has sent a request.
	asks bool
	// admission is what leave gives back, nil before there is one and after it has
	// become a connection.
	admission *handshake.Admission
}

// serve is the life of one connection, as doc.go tells it, up to our 101. What it
// returns is the rest; nil when there is none.
func (s *server) serve(ctx context.Context, conn net.Conn, port string) (rest listener.Rest) {
	v := &visit{server: s, conn: conn, port: port, begin: s.options.Now(), snapshot: s.current.Load()}
	v.attempt.ClientAddress = conn.RemoteAddr().String()
	v.client = addressOf(v.attempt.ClientAddress)
	if err := v.enter(); err != nil {
		v.refused(asRefusal(err))
		_ = conn.Close()
		return nil
	}
	defer func() {
		if rest == nil {
			v.leave()
		}
	}()
	defer v.survive()
	admitted := v.arrive(ctx)
	if admitted == nil {
		return nil
	}
	admitted.conn = conn
	network := v.network
	return func(over func()) bool {
		return s.relayed(ctx, admitted, func() {
			s.standUp(network)
			s.slots.Release()
			over()
		})
	}
}

// arrive takes the caller through TLS and the request. It returns nil when that
// was all.
func (v *visit) arrive(ctx context.Context) *admitted {
	front := v.snapshot.fronts[v.port]
	if front == nil {
		v.refused(outcome.Refuse(outcome.UnknownServerName, "the port was just taken out of the configuration"))
		return nil
	}
	if err := v.conn.SetDeadline(v.begin.Add(v.snapshot.limits.HandshakeTimeout)); err != nil {
		return nil
	}
	if silent, err := v.identify(); err != nil {
		v.turnedAway(silent, asRefusal(err))
		return nil
	}
	secure, hello, err := front.Handshake(ctx, v.conn, turn{v})
	v.attempt.ServerName, v.attempt.Listener = hello.ServerName, hello.Listener
	v.attempt.Certificate = told(hello.Certificate)
	if err != nil {
		v.tlsFailed(hello, err)
		return nil
	}
	v.figures.Handshake(metrics.PhaseTLS, v.options.Now().Sub(v.begin))
	v.conn = secure
	state := secure.ConnectionState()
	v.figures.Secured(state.Version, state.CurveID, state.DidResume)
	v.certificate = hello.Shown
	v.attempt.Certificate = told(v.certificate.Leaf())
	return v.converse(ctx, secure, hello)
}

// survive keeps a mistake of ours in one connection from ending the others.
func (v *visit) survive() {
	if problem := recover(); problem != nil {
		v.mourn(problem)
		v.refused(outcome.Refuse(outcome.InternalError, ""))
	}
}

func (s *server) survive() {
	if problem := recover(); problem != nil {
		s.mourn(problem)
	}
}

// mourn does not write down what any code may panic with: it may be a value that
// the code works on, a credential for one. What the runtime says has none, and
// the stack tells the place.
func (s *server) mourn(problem any) {
	text := fmt.Sprintf("panic with a value of type %T", problem)
	if mistake, ok := problem.(runtime.Error); ok {
		text = mistake.Error()
	}
	s.options.Logger.Error("connection failed by a mistake in the gateway: please report it",
		"error", text, "stack", string(debug.Stack()))
}

// turnedAway writes down why a caller did not even get to ask. silent is true for
// one that left without a word.
func (v *visit) turnedAway(silent bool, refusal *outcome.Refusal) {
	if silent && refusal.Reason == outcome.ClientGone {
		// Health checks of load balancers come every few seconds from every
		// node; a record for each would bury those of real callers.
		v.figures.Refused("", refusal)
		return
	}
	v.refused(refusal)
}

// converse reads the request, decides and answers.
func (v *visit) converse(ctx context.Context, secure *tls.Conn, hello listener.Hello) *admitted {
	admission, early, err := v.admit(ctx, secure, hello)
	if err != nil {
		refusal := asRefusal(err)
		v.refused(refusal)
		v.sayNo(secure, refusal)
		return nil
	}
	if err := v.answer(secure, admission.Answer); err != nil {
		v.refused(outcome.Refuse(outcome.ClientGone, "connection ended before our answer"))
		return nil
	}
	one := session.New(v.describe(secure, admission))
	v.established(secure, admission, one.Connection())
	connection := &admitted{
		remains: remains{session: one, upstream: admission.Upstream, leave: admission.Leave, mark: v.trace.Mark()},
		rules:   v.rules, ruling: admission.Ruling,
		standing: handshake.Standing{
			Host: admission.Host, Path: admission.Path, Origin: v.attempt.Origin,
			Listener: v.attempt.Listener, ServerName: v.attempt.ServerName, Client: v.client, Identity: withoutClaims(admission.Identity), Claims: authn.KeepClaims(&admission.Identity),
			Certificate: v.certificate,
		},
		client: proxy.Replay(secure, early), relay: v.relayOf(admission.Route), limits: admission.Limits.Within(v.snapshot.limits),
	}
	v.admission = nil // from here on it is the connection's to give back
	return connection
}

func (v *visit) admit(ctx context.Context, secure *tls.Conn, hello listener.Hello) (*handshake.Admission, []byte, error) {
	head, early, err := listener.ReadHead(secure, int(v.snapshot.limits.RequestHeaderBytes))
	if err != nil {
		return nil, nil, err
	}
	request, err := listener.ParseHead(head)
	if err != nil {
		return nil, nil, err
	}
	v.trace = v.tracer.Load().Begin(ctx, v.begin, request.Header)
	v.attempt.TraceID = v.trace.TraceID()
	if err := v.unveil(request.Header); err != nil {
		return nil, nil, err
	}
	// From here on each step that waits has a deadline of its own.
	if err := secure.SetDeadline(time.Time{}); err != nil {
		return nil, nil, outcome.Refuse(outcome.ClientGone, "connection ended before our answer")
	}
	caller := &handshake.Caller{
		Request: request, Listener: hello.Listener, ServerName: hello.ServerName, ServedBy: v.servedBy, Client: v.client,
		Paced: v.paced, Waits: v.waits,
		Certificate: v.certificate, Trace: v.trace,
	}
	admission, err := v.decide(ctx, caller)
	return admission, early, err
}

// decide judges a caller by the rules of this moment. TLS and the request may
// have taken long, and so may the backend: whoever was let in by rules that are
// not in force any more would be what no later change looks for.
func (v *visit) decide(ctx context.Context, caller *handshake.Caller) (*handshake.Admission, error) {
	v.asks = true
	v.asking.Add(1)
	// The number first: a change between the two reads is noticed in relayed.
	v.rules = v.review.number.Load()
	v.snapshot = v.current.Load()
	admission, err := v.door.Admit(ctx, v.snapshot.rules, caller, &v.attempt)
	v.admission = admission
	v.remember(admission, err)
	if err != nil {
		return nil, err
	}
	for current := v.current.Load(); current != v.snapshot; current = v.current.Load() {
		v.snapshot = current
		if err := v.door.Review(ctx, current.rules, caller, admission, &v.attempt); err != nil {
			v.release() // before the caller is told, which may take seconds
			return nil, err
		}
	}
	return admission, nil
}

// servedBy tells which listener of the caller's port serves a name now.
func (v *visit) servedBy(host string) (name string, ok bool) {
	front := v.snapshot.fronts[v.port]
	if front == nil {
		return "", false
	}
	return front.ServedBy(host)
}

func (v *visit) describe(secure *tls.Conn, a *handshake.Admission) *audit.Connection {
	state := secure.ConnectionState()
	c := &audit.Connection{
		ID:       v.bootID[:8] + "-" + strconv.FormatUint(v.connections.Add(1), 10),
		Listener: v.attempt.Listener, Route: a.Route.Name, Policy: a.Identity.Policy,
		Method: a.Identity.Method, Issuer: a.Identity.Issuer, Subject: a.Identity.Subject, KeyID: a.Identity.KeyID,
		Certificate: v.attempt.Certificate, TraceID: v.attempt.TraceID,
		ClientAddress: v.attempt.ClientAddress, PeerAddress: v.attempt.PeerAddress, ServerName: v.attempt.ServerName,
		Host: a.Host, Path: a.Path, Origin: v.attempt.Origin, Subprotocol: a.Subprotocol,
		TLSVersion: tls.VersionName(state.Version), Cipher: tls.CipherSuiteName(state.CipherSuite),
		Group: state.CurveID.String(), Resumed: state.DidResume,
		Backend: a.Upstream.Backend, BackendAddress: a.Upstream.Address, OpenedAt: v.options.Now(),
	}
	if would := a.WouldRefuse; would != nil {
		c.WouldRefuse, c.WouldRefuseDetail = would.Reason, would.Detail
	}
	return c
}

// refused writes down why a caller did not get in.
func (v *visit) refused(refusal *outcome.Refusal) {
	v.figures.Refused(v.attempt.Route, refusal)
	v.records.Denied(&v.attempt, refusal)
	v.traceRefusal(refusal)
}

// answer writes within a time of its own.
func (v *visit) answer(conn net.Conn, data []byte) error {
	if err := conn.SetWriteDeadline(v.options.Now().Add(answerTimeout)); err != nil {
		return fmt.Errorf("answer handshake: %w", err)
	}
	if _, err := conn.Write(data); err != nil {
		return fmt.Errorf("answer handshake: %w", err)
	}
	if err := conn.SetWriteDeadline(time.Time{}); err != nil {
		return fmt.Errorf("answer handshake: %w", err)
	}
	return nil
}

// sayNo answers a refused request and closes without destroying the answer.
func (v *visit) sayNo(secure *tls.Conn, refusal *outcome.Refusal) {
	defer func() { _ = secure.Close() }()
	answer := handshake.Refuse(refusal, random())
	if answer == nil || v.answer(secure, answer) != nil || secure.CloseWrite() != nil {
		return
	}
	v.linger(secure.NetConn())
}

// linger ends our direction of a connection and listens to the client for a
// moment. It takes what is below TLS, whose end is not that of TCP: some clients
// wait for that.
func (v *visit) linger(below net.Conn) {
	if half, ok := below.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	if below.SetReadDeadline(v.options.Now().Add(lingerTimeout)) == nil {
		// What else the client sends is of no interest, nor how it ends.
		_, _ = io.Copy(io.Discard, io.LimitReader(below, lingerBytes))
	}
}

// asRefusal finds the refusal in an error. An error without one is a mistake of
// ours; it must not let anybody in.
func asRefusal(err error) *outcome.Refusal {
	if refusal, ok := errors.AsType[*outcome.Refusal](err); ok {
		return refusal
	}
	return outcome.Refuse(outcome.InternalError, "%v", err)
}

func withoutClaims(identity authn.Identity) authn.Identity {
	identity.Claims = nil
	return identity
}
