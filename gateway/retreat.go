// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"cmp"
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/admin"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// retreat is the drain that an administrator has asked for: it goes as the one
// at the end does, but the pod stays, unready, until somebody takes it back. The
// zero value is ready.
type retreat struct {
	// active is true from the request on until it was taken back.
	active atomic.Bool

	// orders lets one order through at a time. It is held while an undo waits for
	// the drain to stop.
	orders sync.Mutex
	cancel context.CancelFunc
	// ended is closed when the drain does nothing more.
	ended chan struct{}

	// mu guards the fields below.
	mu    sync.Mutex
	state control.DrainState
	by    control.DrainRequest
	since time.Time
}

func (r *retreat) underWay() bool { return r.active.Load() }

// giveWay stops the drain for good, in favour of that of a pod that ends. The
// server's stopping must be true already.
func (r *retreat) giveWay() {
	r.orders.Lock()
	defer r.orders.Unlock()
	r.halt()
}

// halt stops what is at work and waits for it; orders is held.
func (r *retreat) halt() {
	if r.cancel != nil {
		r.cancel()
		<-r.ended
		r.cancel = nil
	}
}

func (r *retreat) reach(state control.DrainState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = state
}

// Drain begins to drain the pod, or takes that back. What is so already stays so.
func (c controls) Drain(q *control.DrainRequest) (*control.Drain, error) {
	r := &c.retreat
	r.orders.Lock()
	defer r.orders.Unlock()
	switch {
	case c.stopping.Load():
		return nil, &admin.RefusedError{Status: http.StatusConflict, Message: "the pod is about to end: it drains by itself, and nobody can take that back"}
	case q.Undo && r.underWay():
		c.comeBack(q)
	case !q.Undo && !r.underWay() && !c.retire(q):
		return nil, &admin.RefusedError{Status: http.StatusServiceUnavailable, Message: "the pod begins or ends at the moment: try again"}
	}
	return new(c.drainState()), nil
}

// retire begins a drain; false when the server is not running. orders is held.
func (c controls) retire(q *control.DrainRequest) bool {
	r := &c.retreat
	ended := make(chan struct{})
	window := cmp.Or(time.Duration(q.Window), c.options.DrainWindow)
	started := c.errands.run(func(ctx context.Context) {
		defer close(ended)
		closing := func() { r.reach(control.DrainClosing) }
		if c.letGo(ctx, window, closing, func() {}) == nil {
			r.reach(control.DrainDone)
		}
	}, func(cancel context.CancelFunc) {
		r.mu.Lock()
		r.state, r.by, r.since = control.DrainAnnounced, *q, c.options.Now()
		r.by.Window = contract.Duration(window)
		r.mu.Unlock()
		r.cancel, r.ended = cancel, ended
		r.active.Store(true)
		c.metrics.Draining(c.sessions.Len(), c.options.Now().Add(max(c.options.AcceptAfterStop, 0)+window))
	})
	if started {
		c.audit.Administered(&audit.Administration{Action: audit.ActionDrain, ClaimedBy: q.ClaimedBy, Note: q.Note, Connections: c.sessions.Len()})
		c.options.Logger.Warn("draining, as an administrator has asked", "claimed_by", q.ClaimedBy, "drain_window", window, "connections", c.sessions.Len())
	}
	return started
}

// comeBack takes a drain back. orders is held.
func (c controls) comeBack(q *control.DrainRequest) {
	r := &c.retreat
	r.halt()
	r.mu.Lock()
	r.state, r.by, r.since = control.DrainNone, control.DrainRequest{}, time.Time{}
	r.mu.Unlock()
	// Newcomers first: whoever finds the pod ready must not be refused.
	c.draining.Store(false)
	r.active.Store(false)
	c.metrics.Accepting()
	c.audit.Administered(&audit.Administration{Action: audit.ActionUndrain, ClaimedBy: q.ClaimedBy, Note: q.Note, Connections: c.sessions.Len()})
	c.options.Logger.Warn("accepting again, as an administrator has asked", "claimed_by", q.ClaimedBy)
}

// drainState tells how far a drain has come, whoever asked for it.
func (s *server) drainState() control.Drain {
	s.retreat.mu.Lock()
	defer s.retreat.mu.Unlock()
	r := &s.retreat
	told := control.Drain{State: cmp.Or(r.state, control.DrainNone), ClaimedBy: r.by.ClaimedBy, Window: r.by.Window, Connections: s.sessions.Len()}
	if !r.since.IsZero() {
		told.Since = new(r.since.UTC())
	}
	if s.stopping.Load() {
		told.Stopping, told.Window, told.State = true, contract.Duration(s.options.DrainWindow), control.DrainAnnounced
		if s.draining.Load() {
			told.State = control.DrainClosing
		}
	}
	return told
}
