// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"net"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
	"github.com/wsgateway/websocket-gateway-operator/gateway/tracing"
)

// admitted is what is left of a visit when it becomes a connection: it must hold
// neither the snapshot nor the request.
type admitted struct {
	remains

	// conn is what was accepted, client what is spoken on it.
	conn     net.Conn
	client   net.Conn
	standing handshake.Standing
	rules    uint64
	ruling   handshake.Ruling
	relay    proxy.Relay
	limits   contract.EffectiveLimits
}

// remains is what the end of a connection needs. It is all of admitted that is kept
// of one that an event loop has.
type remains struct {
	session  *session.Session
	upstream *proxy.Upstream
	leave    func()
	mark     *tracing.Mark
}

// relayOf is the relay that a route asks for.
func (s *server) relayOf(route *contract.Route) proxy.Relay {
	if route.Relay == contract.RelayFrames {
		return s.frames
	}
	return s.relay
}

// relayed is the connection from our 101 to its end. It may return true before
// that, and calls over then: a connection that idles for hours needs no goroutine
// that waits for it.
func (s *server) relayed(ctx context.Context, a *admitted, over func()) (started bool) {
	last := a.remains // or the closure would keep all of it
	ended := func(closure *outcome.Closure) {
		defer over()
		defer s.survive()
		s.ended(ctx, &last, closure)
	}
	closure := outcome.Close(outcome.RelayFailed, outcome.ByGateway, "the relay did not return")
	defer func() {
		if !started {
			_ = a.conn.Close()
			ended(closure)
		}
	}()
	defer s.survive()
	c := a.session.Connection()
	s.records.Opened(c)
	s.figures.Opened(c.Route)
	if c.WouldRefuse != "" {
		s.figures.WouldRefuse(c.WouldRefuse)
	}
	s.register(a)
	if relay, ok := a.relay.(proxy.Starter); ok {
		link := &proxy.Link{Client: a.client, Upstream: a.upstream, Session: a.session, Limits: a.limits}
		// Who calls back must not be kept waiting.
		started = relay.Start(ctx, link, func(c *outcome.Closure) { go ended(c) })
	}
	if !started {
		closure = a.relay.Relay(ctx, a.client, a.upstream, a.session, a.limits)
	}
	return started
}

// ended is the last of a connection: what knew of it forgets it, and the reason is
// written down.
func (s *server) ended(ctx context.Context, last *remains, closure *outcome.Closure) {
	defer last.leave()
	defer last.upstream.Release()
	one, c := last.session, last.session.Connection()
	s.churn.Add(1)
	s.sessions.Remove(one)
	s.accounts.settle(one, s.figures)
	s.revalidations.Forget(one)
	s.figures.Closed(c.Route, closure.Reason, s.options.Now().Sub(c.OpenedAt))
	if closure.Violation() {
		s.records.Violated(c, closure)
	}
	s.records.Closed(c, one.Traffic(), closure)
	s.traceEnd(ctx, last.mark, one, closure)
}

// register makes a connection known to whatever may end it.
func (s *server) register(a *admitted) {
	one := a.session
	s.churn.Add(1)
	s.accounts.open(one, a.standing, &a.ruling)
	s.sessions.Add(one)
	s.asking.Add(-1)
	s.sessions.SetExpiry(one, a.ruling.Ends)
	s.schedule(one, &a.standing)
	// A sweep or a review of this moment may have looked before it was there.
	if s.review.number.Load() != a.rules {
		s.reconsiderLate(one)
	}
	if !s.current.Load().keeps(one.Connection()) {
		one.End(outcome.Close(outcome.RouteRemoved, outcome.ByGateway, ""))
	}
}
