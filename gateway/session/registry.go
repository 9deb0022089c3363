// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"sync"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Options configure NewRegistry. Both are required.
type Options struct {
	// Now is the clock.
	Now func() time.Time
	// Random returns numbers in [0, 1). It spreads closings and needs no
	// secrecy. It must be safe for concurrent use.
	Random func() float64
}

// Registry is the set of open sessions. Its methods are safe for concurrent
// use.
type Registry struct {
	options Options

	mu       sync.Mutex
	sessions map[string]*Session
	// late gets sessions that are added while Drain is at work.
	late *queue
	// changed is closed and replaced when a session is removed, for those who
	// wait for the last one.
	changed chan struct{}
}

// NewRegistry returns an empty registry.
func NewRegistry(o Options) *Registry {
	return &Registry{options: o, sessions: map[string]*Session{}, changed: make(chan struct{})}
}

// Add registers a session. A session added during Drain is drained with the
// others.
func (r *Registry) Add(s *Session) { _ = s }

// Remove forgets a session; forgetting it twice is allowed.
func (r *Registry) Remove(s *Session) { _ = s }

// Len is the number of open sessions.
func (r *Registry) Len() int { return 0 }

// List returns the open sessions, oldest first.
func (r *Registry) List() []*Session { return nil }

// CloseWhere ends the sessions that match with the closure that match returns,
// nil meaning that a session stays. The ends are spread evenly over the
// duration, in random order; 0 ends all at once. It blocks until all were asked
// to end, or ctx is done, in which case the rest is left open. It returns how
// many were asked.
func (r *Registry) CloseWhere(ctx context.Context, over time.Duration, match func(*Session) *outcome.Closure) int {
	_, _, _ = ctx, over, match
	return 0
}

// Drain asks every session to end with outcome.DrainingClosure, evenly over the
// window, then waits until all are removed. Sessions that are added meanwhile
// get a place in what is left of the window. When ctx is done it returns an
// error at once.
func (r *Registry) Drain(ctx context.Context, window time.Duration) error {
	_, _ = ctx, window
	return nil
}

type queue struct{}
