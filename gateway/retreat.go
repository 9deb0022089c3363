// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/admin"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
	"github.com/wsgateway/websocket-gateway-operator/gateway/due"
)

// retreat is the drain that an administrator has asked for: it goes as the one
// at the end does, but the pod stays, unready, until somebody takes it back or
// its time is over. The zero value is ready.
type retreat struct {
	// active is true from the request on until it was taken back.
	active atomic.Bool

	// orders lets one order through at a time. It is held while an undo waits for
	// the drain to stop.
	orders sync.Mutex
	cancel context.CancelFunc
	// ended is closed when the drain does nothing more.
	ended chan struct{}
	// forget lets nobody wait for the end of its time any more; nil for nobody.
	forget context.CancelFunc

	// mu guards the fields below.
	mu    sync.Mutex
	state control.DrainState
	by    control.DrainRequest
	since time.Time
	// empty is when the last connection is told to go, until when the pod accepts
	// again.
	empty, until time.Time
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
	r.forgetEnd()
	if r.cancel != nil {
		r.cancel()
		<-r.ended
		r.cancel = nil
	}
}

// forgetEnd lets nobody wait for the end any more; orders is held.
func (r *retreat) forgetEnd() {
	if r.forget != nil {
		r.forget()
		r.forget = nil
	}
}

func (r *retreat) reach(state control.DrainState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = state
}

// Drain begins to drain the pod, gives a drain another end, or takes it back. What
// is so already stays so.
func (c controls) Drain(q *control.DrainRequest) (*control.Drain, error) {
	r := &c.retreat
	r.orders.Lock()
	defer r.orders.Unlock()
	switch {
	case c.stopping.Load():
		return nil, &admin.RefusedError{Status: http.StatusConflict, Message: "the pod is about to end: it drains by itself, and nobody can take that back"}
	case q.Undo && r.underWay():
		c.comeBack(&audit.Administration{Action: audit.ActionUndrain, ClaimedBy: q.ClaimedBy, Note: q.Note})
	case !q.Undo && r.underWay() && q.For != 0:
		c.prolong(q)
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
		now := c.options.Now()
		r.mu.Lock()
		r.state, r.by, r.since = control.DrainAnnounced, *q, now
		r.by.Window = contract.Duration(window)
		r.empty = now.Add(max(c.options.AcceptAfterStop, 0) + window)
		r.until = r.empty.Add(cmp.Or(time.Duration(q.For), control.DefaultDrainFor))
		r.mu.Unlock()
		r.cancel, r.ended = cancel, ended
		r.active.Store(true)
		c.metrics.Draining(c.sessions.Len(), r.empty)
	})
	if started {
		c.ordered(q, window)
	}
	return started
}

// prolong gives a drain that is under way another end, sooner or later. orders is
// held.
func (c controls) prolong(q *control.DrainRequest) {
	r := &c.retreat
	r.mu.Lock()
	r.until = later(c.options.Now(), r.empty).Add(time.Duration(q.For))
	window := time.Duration(r.by.Window)
	r.mu.Unlock()
	r.forgetEnd()
	c.ordered(q, window)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ordered records a drain, or its new end, and sees to it that it has one. orders is
// held.
func (c controls) ordered(q *control.DrainRequest, window time.Duration) {
	r := &c.retreat
	r.mu.Lock()
	until := r.until
	r.mu.Unlock()
	c.audit.Administered(&audit.Administration{
		Action: audit.ActionDrain, ClaimedBy: q.ClaimedBy, Note: q.Note, Connections: c.sessions.Len(),
		Selection: fmt.Sprintf("window=%s until=%s", window, until.UTC().Format(time.RFC3339)),
	})
	c.options.Logger.Warn("draining, as an administrator has asked",
		"claimed_by", q.ClaimedBy, "drain_window", window, "until", until.UTC(), "connections", c.sessions.Len())
	c.errands.run(c.awaitOver, func(cancel context.CancelFunc) { r.forget = cancel })
}

// awaitOver ends a drain when its time is over. It looks at the clock now and then:
// the time is one of the calendar, which may jump.
func (c controls) awaitOver(ctx context.Context) {
	r := &c.retreat
	r.mu.Lock()
	until := r.until
	r.mu.Unlock()
	for left := until.Sub(c.options.Now()); left > 0; left = until.Sub(c.options.Now()) {
		timer := time.NewTimer(min(left, due.LongestNap))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
	r.orders.Lock()
	defer r.orders.Unlock()
	// An order may have come while this one waited: it was told to forget.
	if ctx.Err() != nil || c.stopping.Load() {
		return
	}
	r.mu.Lock()
	by := r.by.Asker
	r.mu.Unlock()
	c.comeBack(&audit.Administration{Action: audit.ActionDrainOver, ClaimedBy: by.ClaimedBy, Note: by.Note})
}

// comeBack ends a drain for the reason that is recorded. orders is held.
func (c controls) comeBack(why *audit.Administration) {
	r := &c.retreat
	r.halt()
	r.mu.Lock()
	r.state, r.by, r.since, r.until = control.DrainNone, control.DrainRequest{}, time.Time{}, time.Time{}
	r.mu.Unlock()
	// Newcomers first: whoever finds the pod ready must not be refused.
	c.draining.Store(false)
	r.active.Store(false)
	c.metrics.Accepting()
	why.Connections = c.sessions.Len()
	c.audit.Administered(why)
	c.options.Logger.Warn("accepting again after a drain by hand", "why", why.Action, "claimed_by", why.ClaimedBy)
}

// drainState tells how far a drain has come, whoever asked for it.
func (s *server) drainState() control.Drain {
	s.retreat.mu.Lock()
	defer s.retreat.mu.Unlock()
	r := &s.retreat
	told := control.Drain{State: cmp.Or(r.state, control.DrainNone), ClaimedBy: r.by.ClaimedBy, Window: r.by.Window, Connections: s.sessions.Len()}
	if !r.since.IsZero() {
		told.Since, told.Until = new(r.since.UTC()), new(r.until.UTC().Truncate(time.Second))
	}
	if s.stopping.Load() {
		told.Until = nil
		told.Stopping, told.Window, told.State = true, contract.Duration(s.options.DrainWindow), control.DrainAnnounced
		if s.draining.Load() {
			told.State = control.DrainClosing
		}
	}
	return told
}
