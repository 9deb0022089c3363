// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
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
	// Dial replaces the dialer, for tests. Addresses are HOST:PORT.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Pool knows the endpoints of all backends and how many connections each has.
// Its methods are safe for concurrent use.
type Pool struct {
	options Options
	mu      sync.Mutex
}

// NewPool returns a pool without endpoints.
func NewPool(o Options) *Pool { return &Pool{options: o} }

// SetEndpoints replaces the endpoints. Open connections stay, those to
// endpoints that are gone too, and go on counting where an endpoint stays.
func (p *Pool) SetEndpoints(endpoints contract.Endpoints) { _ = endpoints }

// Handshake is the request that an upstream gets. The pool adds the
// Sec-WebSocket, Upgrade and Connection headers and sends nothing else.
type Handshake struct {
	// Target is path and query as forwarded.
	Target string
	// Host is the value of the Host header.
	Host string
	// Header is complete: rebuilt from an allow-list, with identity headers.
	Header http.Header
	// Subprotocols are offered in this order; none of them is a credential.
	Subprotocols []string
}

// Upstream is a connection whose WebSocket handshake was verified.
type Upstream struct {
	// Conn returns from its first reads what the upstream sent right behind its
	// 101 answer.
	Conn net.Conn
	// Subprotocol that the upstream chose, one of those offered; may be empty.
	Subprotocol string
	// Address that was dialled, IP:PORT.
	Address string
	// Backend is the name of the backend that was chosen.
	Backend string

	release func()
}

// Release closes Conn, if that has not happened yet, and stops counting the
// connection. It may be called more than once.
func (u *Upstream) Release() {
	_ = u.Conn.Close()
	if u.release != nil {
		u.release()
	}
}

// Connect chooses a backend by weight and its endpoint with the least open
// connections, dials it, and shakes hands. A dial that fails is repeated on
// other endpoints and at last on the Service's address; a handshake that fails
// is not. ctx bounds all of it. The error is always an *outcome.Refusal:
// outcome.UpstreamUnreachable, UpstreamRefused, UpstreamTimeout, or ClientGone
// when ctx was cancelled.
func (p *Pool) Connect(ctx context.Context, backends []contract.Backend, h Handshake) (*Upstream, error) {
	_, _, _ = ctx, backends, h
	return nil, outcome.Refuse(outcome.UpstreamUnreachable, "no endpoints")
}
