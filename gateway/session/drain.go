// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"fmt"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Drain asks every session to end with outcome.DrainingClosure, evenly over the
// window, then waits until all are removed. Sessions that are added meanwhile
// get a place in what is left of the window, or end at once after it. It
// returns ErrDraining while another drain is at work, and ctx's error as soon
// as ctx is done.
func (r *Registry) Drain(ctx context.Context, window time.Duration) error {
	pending, err := r.beginDrain()
	if err != nil {
		return err
	}
	defer r.endDrain()

	pace := r.pacer(window)
	for {
		if s, left := r.next(pending); s != nil {
			if err := pace.wait(ctx, left); err != nil {
				return fmt.Errorf("drain: %d connections left: %w", r.Len(), err)
			}
			s.End(outcome.Close(outcome.DrainingClosure, outcome.ByGateway, ""))
			continue
		}
		done, arrived := r.drained(pending)
		if done == nil {
			return nil
		}
		select {
		case <-done:
		case <-arrived:
			pace.restart()
		case <-ctx.Done():
			return fmt.Errorf("drain: %d connections left: %w", r.Len(), ctx.Err())
		}
	}
}

func (r *Registry) beginDrain() (*queue, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.drain != nil {
		return nil, ErrDraining
	}
	r.drain = &queue{arrived: make(chan struct{}, 1)}
	for _, s := range r.sessions {
		r.drain.insert(s, r.options.Random())
	}
	return r.drain, nil
}

func (r *Registry) endDrain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drain, r.empty = nil, nil
}

// drained returns nil when no session is open, else a channel that is closed
// when the last one goes and one that tells of newcomers.
func (r *Registry) drained(pending *queue) (done, arrived <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sessions) == 0 {
		return nil, nil
	}
	if r.empty == nil {
		r.empty = make(chan struct{})
	}
	return r.empty, pending.arrived
}

// queue is a set of sessions in random order. The registry's lock guards the
// queue of a drain.
type queue struct {
	sessions []*Session
	arrived  chan struct{}
}

// insert puts a session at a random place: at the end, then swapped with one
// that random chooses. Doing so for each is the Fisher-Yates shuffle.
func (q *queue) insert(s *Session, random float64) {
	q.sessions = append(q.sessions, s)
	last := len(q.sessions) - 1
	at := min(int(random*float64(len(q.sessions))), last)
	q.sessions[at], q.sessions[last] = q.sessions[last], q.sessions[at]
	select {
	case q.arrived <- struct{}{}:
	default: // nobody waits, or somebody has been told
	}
}

func (q *queue) pop() *Session {
	if len(q.sessions) == 0 {
		return nil
	}
	last := len(q.sessions) - 1
	s := q.sessions[last]
	q.sessions[last] = nil
	q.sessions = q.sessions[:last]
	return s
}

func (q *queue) len() int { return len(q.sessions) }

// pacer divides what is left of a window by what is left to do: each act gets a
// slot of equal length and happens at a random point of its slot. All acts lie
// inside the window; in no time does more happen than twice the even share, and
// clients that were opened together do not come back together.
type pacer struct {
	options Options
	// slot is where the next slot begins, end is the end of the window.
	slot time.Time
	end  time.Time
}

func (r *Registry) pacer(window time.Duration) *pacer {
	now := r.options.Now()
	return &pacer{options: r.options, slot: now, end: now.Add(window)}
}

// restart gives what is left of the window to acts that were not known before.
func (p *pacer) restart() {
	if now := p.options.Now(); now.Before(p.slot) {
		p.slot = now
	}
}

// wait blocks until it is the turn of the first of left acts. It returns ctx's
// error when ctx is done before.
func (p *pacer) wait(ctx context.Context, left int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := p.options.Now()
	length := max(p.end.Sub(p.slot), 0) / time.Duration(left)
	turn := p.slot.Add(time.Duration(p.options.Random() * float64(length)))
	p.slot = p.slot.Add(length)
	return p.options.Wait(ctx, turn.Sub(now))
}

// wait blocks for the duration; it returns ctx's error when ctx is done before.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
