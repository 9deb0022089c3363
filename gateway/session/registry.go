// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/due"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// ErrDraining means that a drain is at work already.
var ErrDraining = errors.New("session: a drain is at work already")

// Options configure NewRegistry.
type Options struct {
	// Now is the clock. Required.
	Now func() time.Time
	// Random returns numbers in [0, 1). It spreads closings and needs no
	// secrecy. It must be safe for concurrent use. Required.
	Random func() float64
	// Wait is called before each of a series of spread closings, with the time
	// until its turn: zero or less when it is late. It returns at the turn, or
	// with ctx's error when ctx is done before. nil means a timer.
	Wait func(ctx context.Context, d time.Duration) error
}

// Registry is the set of open sessions. Its methods are safe for concurrent
// use.
type Registry struct {
	options Options

	mu       sync.Mutex
	sessions map[string]*Session
	expiries *due.Queue[*Session]
	// drain has the sessions that a running Drain has still to end; nil when
	// none runs. Add puts newcomers into it, or they would outlive the window.
	drain *queue
	// empty is closed when the last session is removed, for a Drain that waits;
	// nil when none waits.
	empty chan struct{}
}

// NewRegistry returns an empty registry.
func NewRegistry(o Options) *Registry {
	if o.Wait == nil {
		o.Wait = wait
	}
	return &Registry{
		options: o, sessions: map[string]*Session{},
		expiries: due.New(func(s *Session) *due.Slot { return &s.expiry }),
	}
}

// Add registers a session. A session added during Drain is drained with the
// others.
func (r *Registry) Add(s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions[s.ID()] = s
	if r.drain != nil {
		r.drain.insert(s, r.options.Random())
	}
}

// Remove forgets a session; forgetting it twice is allowed.
func (r *Registry) Remove(s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions[s.ID()] != s {
		return
	}
	delete(r.sessions, s.ID())
	r.expiries.Set(s, time.Time{})
	if len(r.sessions) == 0 && r.empty != nil {
		close(r.empty)
		r.empty = nil
	}
}

// Len is the number of open sessions.
func (r *Registry) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sessions)
}

// List returns the open sessions, oldest first.
func (r *Registry) List() []*Session {
	r.mu.Lock()
	list := make([]*Session, 0, len(r.sessions))
	for _, s := range r.sessions {
		list = append(list, s)
	}
	r.mu.Unlock()
	slices.SortFunc(list, func(a, b *Session) int {
		if c := a.connection.OpenedAt.Compare(b.connection.OpenedAt); c != 0 {
			return c
		}
		return cmp.Compare(a.ID(), b.ID())
	})
	return list
}

// CloseWhere ends each session for which match returns a closure with that
// closure; nil means that a session stays. The ends are spread evenly over the
// duration, in random order; 0 ends all at once. match is asked again when the turn
// of a session comes, which may be long after. It blocks until all were asked
// to end, or ctx is done, in which case the rest stays open. It returns how
// many were asked.
func (r *Registry) CloseWhere(ctx context.Context, over time.Duration, match func(*Session) *outcome.Closure) int {
	chosen := &queue{}
	for _, s := range r.List() {
		if match(s) != nil {
			chosen.insert(s, r.options.Random())
		}
	}
	pace := r.pacer(over)
	asked := 0
	for {
		s, left := r.next(chosen)
		if s == nil || pace.wait(ctx, left) != nil {
			return asked
		}
		if closure := match(s); closure != nil && s.End(closure) {
			asked++
		}
	}
}

// next takes the next session out of the queue that is still open and was not
// asked to end, so that those that went by themselves take no share of the
// time. left counts it and those behind it.
func (r *Registry) next(q *queue) (s *Session, left int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		left = q.len()
		s = q.pop()
		if s == nil || (r.sessions[s.ID()] == s && s.Ending() == nil) {
			return s, left
		}
	}
}
