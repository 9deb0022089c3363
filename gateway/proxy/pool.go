// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/extension"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// Options configure NewPool. Now and Random are required.
type Options struct {
	// Now is the clock.
	Now func() time.Time
	// Random returns numbers in [0, 1). It spreads load and needs no secrecy.
	// It must be safe for concurrent use.
	Random func() float64
	// AllowLoopback permits backends on loopback addresses. Never in a pod: a
	// backend address of 127.0.0.1 would reach the pod's own control port.
	AllowLoopback bool
	// OwnAddresses are never dialled: a route that leads back to this pod would
	// go round until every connection is used up.
	OwnAddresses []netip.Addr
	// DialFailed, if not nil, is told of each endpoint that could not be dialled, TLS
	// included, also when another one could. It must not block.
	DialFailed func()
	// Dial replaces the dialer, for tests. Addresses are HOST:PORT.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Pool knows the endpoints of all backends and how many connections each has.
// Its methods are safe for concurrent use.
type Pool struct {
	options Options
	dial    func(ctx context.Context, network, address string) (net.Conn, error)

	mu       sync.Mutex
	backends map[string]contract.BackendEndpoints
	// loads has an entry per address that is current or in use.
	loads map[string]*load
	// turns counts, by the name of a backend, the endpoints taken in turn.
	turns map[string]uint64
}

// NewPool returns a pool without endpoints.
func NewPool(o Options) *Pool {
	p := &Pool{options: o, dial: o.Dial, loads: map[string]*load{}, turns: map[string]uint64{}}
	if p.dial == nil {
		p.dial = p.dialer().DialContext
	}
	return p
}

// Handshake is the request that an upstream gets. The pool adds the
// Sec-WebSocket, Upgrade and Connection headers and sends nothing else.
type Handshake struct {
	// What the client sent beside the credentials that its policy takes is not
	// ours to know, nor to write down.
	secret.Sealed

	// Target is path and query as forwarded.
	Target string
	// Host is the value of the Host header.
	Host string
	// Header is complete: rebuilt from an allow-list, with identity headers.
	// Hop-by-hop and Sec-WebSocket headers in it are left out.
	Header http.Header
	// Subprotocols are offered in this order; none of them is a credential.
	Subprotocols []string
	// Extensions are offered in this order. Only what extension.Offers returns may
	// be among them.
	Extensions []extension.Extension
}

// Upstream is a connection whose WebSocket handshake was verified.
type Upstream struct {
	// Conn returns from its first reads what the upstream sent right behind its
	// 101 answer. It is nil once a Starter has taken it over.
	Conn net.Conn
	// Subprotocol that the upstream chose, one of those offered; may be empty.
	Subprotocol string
	// Extension that both sides have to use now, as it is to be answered to the
	// client; empty for none. It is permessage-deflate: whoever relays has to let
	// RSV1 pass, and only then.
	Extension string
	// Address that was dialled, HOST:PORT.
	Address string
	// Backend is the name of the backend that was chosen.
	Backend string

	// pool is nil where nobody counts.
	pool     *Pool
	released atomic.Bool
}

// Release closes Conn, if that has not happened yet, and stops counting the
// connection. It may be called more than once.
func (u *Upstream) Release() {
	if u.Conn != nil {
		_ = u.Conn.Close()
	}
	if u.pool != nil && u.released.CompareAndSwap(false, true) {
		u.pool.release(u.Address)
	}
}

// Connect chooses a backend by weight and one of its endpoints, dials it, with TLS
// where it has a profile, and shakes hands. A dial that fails, TLS included, is
// repeated on other endpoints and at last on the Service's address; a handshake that
// fails is not, since the backend has seen it. ctx bounds all of it. The error is
// always an *outcome.Refusal: UpstreamUnreachable, UpstreamCertificateInvalid,
// UpstreamTLSFailed, UpstreamRefused, UpstreamTimeout, ClientGone when ctx was
// cancelled, or InternalError for a Handshake that cannot be written as one request.
func (p *Pool) Connect(ctx context.Context, c Choice, h Handshake) (*Upstream, error) {
	plan := planOf(&c)
	chosen, ok := p.choose(c.Backends, plan)
	if !ok {
		return nil, outcome.Refuse(outcome.UpstreamUnreachable, "no backend has an address")
	}
	backend := chosen.Name
	securing, ok := c.securing(chosen)
	if !ok {
		return nil, outcome.Refuse(outcome.UpstreamTLSFailed, "backend %s: the profile %q cannot be used", backend, chosen.TLS)
	}
	key := newKey()
	request, err := h.encode(key)
	if err != nil {
		return nil, outcome.Refuse(outcome.InternalError, "backend %s: %v", backend, err)
	}
	conn, address, err := p.reach(ctx, wayTo(chosen), plan, securing)
	if err != nil {
		return nil, refusal(ctx, unreached(err), "backend "+backend, err)
	}
	answer, err := shake(ctx, conn, request)
	if err == nil {
		err = answer.verify(key, &h)
	}
	// That a client went away says nothing about the endpoint.
	if err == nil || !errors.Is(ctx.Err(), context.Canceled) {
		p.judged(address, wayTo(chosen), err == nil || answer.forTheCaller())
	}
	if err != nil {
		_ = conn.Close()
		p.release(address)
		reason, err := unanswered(err)
		return nil, refusal(ctx, reason, "backend "+backend+" at "+address, err)
	}
	return &Upstream{
		Conn:        Replay(conn, answer.rest),
		Subprotocol: answer.subprotocol,
		Extension:   answer.extension,
		Address:     address,
		Backend:     backend,
		pool:        p,
	}, nil
}

// refusal decides between the given reason and the two that ctx may have
// caused. A deadline of the connection may pass a little before that of ctx.
func refusal(ctx context.Context, reason outcome.Reason, where string, err error) *outcome.Refusal {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		reason = outcome.ClientGone
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded) && reason == outcome.UpstreamRefused:
		reason = outcome.UpstreamTimeout
	}
	return outcome.Refuse(reason, "%s: %s", where, cause(err))
}

// cause is the innermost error's text: those around it repeat addresses that
// the record has already.
func cause(err error) string {
	if operation, ok := errors.AsType[*net.OpError](err); ok && operation.Err != nil {
		err = operation.Err
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call.Err
	}
	return err.Error()
}
