// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

// MessagesOptions configure NewMessages. Now and Random are required.
type MessagesOptions struct {
	// Now is the clock.
	Now func() time.Time
	// Random returns numbers in [0, 1); it staggers pings. It must be safe for
	// concurrent use.
	Random func() float64
	// CloseTimeout is how long the answers to Close frames are waited for, in
	// all. 0 means DefaultCloseTimeout.
	CloseTimeout time.Duration
}

// DefaultCloseTimeout is that of both relays.
const DefaultCloseTimeout = 5 * time.Second

// Messages is the relay that reads and writes whole WebSocket messages, so that
// it can judge their text and size. A message is passed on while it still
// arrives: at most one buffer of it is held per direction, and none while a
// connection is idle. A connection costs two goroutines and one timer.
type Messages struct {
	options MessagesOptions
	// start is what elapsed counts from.
	start time.Time
	// buffers are shared by all connections, both ways.
	buffers sync.Pool
}

var _ Relay = (*Messages)(nil)

// NewMessages returns a relay for any number of connections.
func NewMessages(o MessagesOptions) *Messages {
	if o.CloseTimeout <= 0 {
		o.CloseTimeout = DefaultCloseTimeout
	}
	return &Messages{options: o, start: o.Now()}
}

// elapsed is a clock that fits an atomic and that setting the wall clock does
// not move.
func (m *Messages) elapsed() time.Duration { return m.options.Now().Sub(m.start) }

// Relay implements Relay.
func (m *Messages) Relay(ctx context.Context, client net.Conn, upstream *Upstream, s *session.Session, limits contract.EffectiveLimits) *outcome.Closure {
	r, err := m.begin(client, upstream, s, limits)
	if err != nil {
		_ = client.Close()
		_ = upstream.Conn.Close()
		return outcome.Close(outcome.RelayFailed, outcome.ByGateway, err.Error())
	}
	r.startTimer()
	s.OnEnd(func(c *outcome.Closure) {
		r.spawn(func() { r.end(c) })
	})
	stop := context.AfterFunc(ctx, func() {
		if r.enter() {
			defer r.leave()
			r.end(outcome.Close(outcome.Shutdown, outcome.ByGateway, ""))
		}
	})

	var pumps sync.WaitGroup
	pumps.Go(func() { r.pump(r.upstream, r.client) })
	r.pump(r.client, r.upstream)
	pumps.Wait()

	stop()
	r.finish()
	s.OnEnd(nil)
	var hangups sync.WaitGroup
	hangups.Go(func() { hangUp(r.upstream.wire.Conn, r.upstream.gone.Load(), m.options.Now) })
	hangUp(r.client.wire.Conn, r.client.gone.Load(), m.options.Now)
	hangups.Wait()
	return r.closure.Load()
}

func (m *Messages) begin(client net.Conn, upstream *Upstream, s *session.Session, limits contract.EffectiveLimits) (*relaying, error) {
	r := &relaying{
		messages: m,
		limits:   limits,
		rules:    rulesOf(&limits),
		client:   newLeg(outcome.ByClient, m.newWire(client), s.FromClient),
		upstream: newLeg(outcome.ByUpstream, m.newWire(upstream.Conn), s.ToClient),
	}
	for x, l := range []*leg{r.client, r.upstream} {
		l.wire.answers = boundAnswers(l.wire.Conn, writeTimeout(&limits), m.options.Now)
		l.wire.peer = peer{name: l.name, rules: &r.rules[x], limits: &r.limits, hasten: r.hasten}
	}
	r.client.wire.tempo = &tempo{}
	if limits.BytesPerSecond > 0 {
		r.client.wire.ending = make(chan struct{})
	}
	var err error
	if r.client.ws, err = m.serve(r.client.wire); err != nil {
		return nil, err
	}
	if r.upstream.ws, err = m.call(r.upstream.wire); err != nil {
		return nil, err
	}
	for _, l := range []*leg{r.client, r.upstream} {
		l.ws.SetPingHandler(l.answerPing(m.options.Now))
		// The answer to a Close frame comes from the other side.
		l.ws.SetCloseHandler(func(int, string) error { return nil })
	}
	return r, nil
}
