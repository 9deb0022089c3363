// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"net"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

// Relay carries messages between a client and an upstream that have both
// finished their handshakes, until one of them or the session ends.
type Relay interface {
	// Relay blocks until both connections are closed and returns why. It sends
	// the Close frames, counts into the session, ends when the session is asked
	// to end, and closes client and upstream.Conn; it does not call
	// upstream.Release. When ctx is done the connection ends as
	// outcome.Shutdown.
	//
	// client must return from its first reads what the client sent right behind
	// its request (see Replay). A client that implements CloseWrite() error or
	// NetConn() net.Conn, as tls.Conn does, is closed without a reset.
	Relay(ctx context.Context, client net.Conn, upstream *Upstream, s *session.Session, limits contract.EffectiveLimits) *outcome.Closure
}

// Link is what a relay connects.
type Link struct {
	Client   net.Conn
	Upstream *Upstream
	Session  *session.Session
	Limits   contract.EffectiveLimits
}

// LoopStats are figures of event loops.
type LoopStats struct {
	// Turns is how often a connection has had its turn: an event of its sockets, a
	// timer, something that was asked of it.
	Turns uint64
	// Longest is how long the longest turn took: so long all other connections of
	// its loop had to wait.
	Longest time.Duration
	// Dropped is how often a connection that was quiet has given back its buffers:
	// each time there is something to collect.
	Dropped uint64
	// BuffersFound is true where the buffers of crypto/tls were found.
	BuffersFound bool
}

// Starter is a Relay that needs no goroutine to wait for the end.
type Starter interface {
	// Start is Relay, but returns at once and calls done at the end, which must not
	// block. It returns false, and has done nothing, where it needs a goroutine
	// after all: then call Relay.
	Start(ctx context.Context, link *Link, done func(*outcome.Closure)) bool
}
