// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

const (
	// askAgain is how long after a question without an answer the next one is due
	// at the latest.
	askAgain = 30 * time.Second
	// patience is after how many intervals without an answer a connection ends.
	patience = 3
	// longestNap bounds how late a change of the system's clock is noticed.
	longestNap = 15 * time.Second
)

// revalidation is a connection about which an authorization server is asked now
// and then.
type revalidation struct {
	session *session.Session
	every   time.Duration
	// confirmed is when the server last admitted it, due when it is asked next.
	confirmed, due time.Time
	// place in the queue plus one; 0 while it is being asked about.
	place int
}

// revalidations knows about whom to ask, and when. Its methods are safe for
// concurrent use and do not block.
type revalidations struct {
	now    func() time.Time
	random func() float64

	mu    sync.Mutex
	known map[*session.Session]*revalidation
	queue dueQueue
	// sooner wakes a sleep that is too long.
	sooner chan struct{}
}

func newRevalidations(now func() time.Time, random func() float64) *revalidations {
	return &revalidations{now: now, random: random, known: map[*session.Session]*revalidation{}, sooner: make(chan struct{}, 1)}
}

// schedule sees to it that a connection is asked about as often as every says; 0
// means never. Whoever is new counts as confirmed now.
func (r *revalidations) schedule(one *session.Session, every time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.known[one]
	switch {
	case every == 0:
		r.remove(one)
		return
	case v == nil:
		v = &revalidation{session: one, confirmed: r.now()}
		r.known[one] = v
	case v.every == every:
		return
	}
	v.every = every
	if v.place == 0 && !v.due.IsZero() {
		return // it is being asked about, and finds its place after that
	}
	r.put(v, v.confirmed.Add(r.spread(every)))
}

// spread keeps connections that came together, as after a rollout, from being
// asked about together. It never makes an interval longer.
func (r *revalidations) spread(every time.Duration) time.Duration {
	const part = 0.2
	return time.Duration(float64(every) * (1 - part*r.random()))
}

// put gives a connection its place in the queue. The lock is held.
func (r *revalidations) put(v *revalidation, due time.Time) {
	v.due = due
	if v.place > 0 {
		heap.Fix(&r.queue, v.place-1)
	} else {
		heap.Push(&r.queue, v)
	}
	if v.place == 1 {
		select {
		case r.sooner <- struct{}{}:
		default: // it has been told
		}
	}
}

// forget takes a connection out that has ended.
func (r *revalidations) forget(one *session.Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(one)
}

func (r *revalidations) remove(one *session.Session) {
	v := r.known[one]
	if v == nil {
		return
	}
	delete(r.known, one)
	if v.place > 0 {
		heap.Remove(&r.queue, v.place-1)
	}
}

// take returns a connection whose time has come, or how long there is none.
func (r *revalidations) take() (one *session.Session, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return nil, longestNap
	}
	if left := r.queue[0].due.Sub(r.now()); left > 0 {
		return nil, min(left, longestNap)
	}
	v, _ := heap.Pop(&r.queue).(*revalidation)
	return v.session, 0
}

// confirm notes that the server has admitted a connection again.
func (r *revalidations) confirm(one *session.Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v := r.known[one]; v != nil {
		v.confirmed = r.now()
		r.put(v, v.confirmed.Add(r.spread(v.every)))
	}
}

// miss notes that the server could not be asked. overdue is how long that has
// been so, once it has been too long.
func (r *revalidations) miss(one *session.Session) (overdue time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.known[one]
	if v == nil {
		return 0
	}
	now := r.now()
	last := v.confirmed.Add(patience * v.every)
	if !now.Before(last) {
		return now.Sub(v.confirmed) // it has no place in the queue any more
	}
	next := now.Add(r.spread(min(v.every, askAgain)))
	if next.After(last) {
		next = last
	}
	r.put(v, next)
	return 0
}

// sleep waits for the time or for a connection that is due sooner; false when ctx
// is done.
func (r *revalidations) sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-r.sooner:
	case <-timer.C:
	}
	return true
}

// dueQueue is a heap, the soonest first. Each knows its place, so that one that
// ends by itself leaves nothing behind.
type dueQueue []*revalidation

// Len implements heap.Interface.
func (q *dueQueue) Len() int { return len(*q) }

// Less implements heap.Interface.
func (q *dueQueue) Less(i, j int) bool { return (*q)[i].due.Before((*q)[j].due) }

// Swap implements heap.Interface.
func (q *dueQueue) Swap(i, j int) {
	list := *q
	list[i], list[j] = list[j], list[i]
	list[i].place, list[j].place = i+1, j+1
}

// Push implements heap.Interface.
func (q *dueQueue) Push(v any) {
	one, _ := v.(*revalidation)
	*q = append(*q, one)
	one.place = len(*q)
}

// Pop implements heap.Interface.
func (q *dueQueue) Pop() any {
	last := len(*q) - 1
	one := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	one.place = 0
	return one
}
