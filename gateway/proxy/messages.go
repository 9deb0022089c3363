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
	// WriteTimeout is how long a peer may take to accept one buffer. 0 means
	// DefaultWriteTimeout.
	WriteTimeout time.Duration
}

// Defaults of MessagesOptions.
const (
	DefaultCloseTimeout = 5 * time.Second
	DefaultWriteTimeout = 10 * time.Second
)

// Messages is the relay that reads and writes whole WebSocket messages, so that
// it can judge their text and size. It holds buffers that connections share.
type Messages struct {
	options MessagesOptions
}

var _ Relay = (*Messages)(nil)

// NewMessages returns a relay for any number of connections.
func NewMessages(o MessagesOptions) *Messages { return &Messages{options: o} }

// Relay implements Relay.
func (m *Messages) Relay(ctx context.Context, client net.Conn, upstream *Upstream, s *session.Session, limits contract.EffectiveLimits) *outcome.Closure {
	_, _, _, _, _ = ctx, client, upstream, s, limits
	return outcome.Close(outcome.RelayFailed, outcome.ByGateway, "")
}
