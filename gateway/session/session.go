// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"sync"
	"sync/atomic"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/due"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Session is one relayed connection. Its methods are safe for concurrent use
// and never block.
type Session struct {
	connection *audit.Connection

	messagesFromClient atomic.Uint64
	messagesToClient   atomic.Uint64
	bytesFromClient    atomic.Uint64
	bytesToClient      atomic.Uint64

	// expiry belongs to the Registry.
	expiry due.Slot

	mu     sync.Mutex
	ending *outcome.Closure
	onEnd  func(*outcome.Closure)
}

// New returns a session for a connection, which must not change any more.
func New(connection *audit.Connection) *Session {
	return &Session{connection: connection}
}

// ID is unique within the boot of the pod.
func (s *Session) ID() string { return s.connection.ID }

// Connection is what is known of the connection. The caller must not change it.
func (s *Session) Connection() *audit.Connection { return s.connection }

// Traffic is what has been relayed so far. The four figures are read one after
// the other, so that they may be a message apart while traffic flows.
func (s *Session) Traffic() audit.Traffic {
	return audit.Traffic{
		MessagesFromClient: s.messagesFromClient.Load(),
		MessagesToClient:   s.messagesToClient.Load(),
		BytesFromClient:    s.bytesFromClient.Load(),
		BytesToClient:      s.bytesToClient.Load(),
	}
}

// FromClient counts messages and bytes of payload that went to the upstream.
func (s *Session) FromClient(messages, bytes uint64) {
	s.messagesFromClient.Add(messages)
	s.bytesFromClient.Add(bytes)
}

// ToClient counts messages and bytes of payload that went to the client.
func (s *Session) ToClient(messages, bytes uint64) {
	s.messagesToClient.Add(messages)
	s.bytesToClient.Add(bytes)
}

// End asks for a planned end: the relay sends Close frames to both sides, waits
// a few seconds for the answers and ends. It returns false when an end has been
// asked for before; the first closure stays. A session that nobody relays yet
// ends as soon as somebody does.
func (s *Session) End(closure *outcome.Closure) bool {
	s.mu.Lock()
	if s.ending != nil {
		s.mu.Unlock()
		return false
	}
	s.ending = closure
	onEnd := s.onEnd
	s.mu.Unlock()
	if onEnd != nil {
		onEnd(closure)
	}
	return true
}

// Ending returns the closure that End was called with, or nil.
func (s *Session) Ending() *outcome.Closure {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending
}

// OnEnd is how a relay learns of End: end is called once, at once when End came
// first. end must not block and may come after the relay has returned. There
// is one relay per session; a second call replaces the first.
func (s *Session) OnEnd(end func(*outcome.Closure)) {
	s.mu.Lock()
	s.onEnd = end
	closure := s.ending
	s.mu.Unlock()
	if closure != nil && end != nil {
		end(closure)
	}
}
