// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package due

import (
	"container/heap"
	"context"
	"time"
)

// LongestNap bounds how late a change of the system's clock is noticed: times of
// the calendar can be jumped to, and timers know nothing of that.
const LongestNap = 15 * time.Second

// Slot is what a thing carries for each queue that it may be in. The zero value
// is in no queue.
type Slot struct {
	at time.Time
	// place in the queue plus one.
	place int
}

// At is when the thing is due; zero when it is in no queue.
func (s *Slot) At() time.Time { return s.at }

// Queue holds things, the soonest first. A thing knows its place by its Slot, so
// that one that goes by itself leaves nothing behind. Whoever owns a Queue locks
// it: only Sleep and Wake may be called together with other methods.
type Queue[T any] struct {
	items order[T]
	// sooner wakes a Sleep that is too long.
	sooner chan struct{}
}

// New returns an empty Queue that finds the slots of its things by a function.
func New[T any](slot func(T) *Slot) *Queue[T] {
	return &Queue[T]{items: order[T]{slot: slot}, sooner: make(chan struct{}, 1)}
}

// Len is the number of things in the queue.
func (q *Queue[T]) Len() int { return q.items.Len() }

// Set puts a thing in, moves it, or takes it out when at is zero. It takes
// logarithmic time.
func (q *Queue[T]) Set(one T, at time.Time) {
	slot := q.items.slot(one)
	slot.at = at
	switch {
	case at.IsZero() && slot.place > 0:
		heap.Remove(&q.items, slot.place-1)
	case at.IsZero():
	case slot.place > 0:
		heap.Fix(&q.items, slot.place-1)
	default:
		heap.Push(&q.items, one)
	}
	if slot.place == 1 {
		q.Wake()
	}
}

// Wake ends the Sleep that is under way, or else the next one. It may be called at
// any time.
func (q *Queue[T]) Wake() {
	select {
	case q.sooner <- struct{}{}:
	default: // it has been told
	}
}

// First is the thing that is due first, which stays where it is; false when there
// is none.
func (q *Queue[T]) First() (one T, ok bool) {
	if q.Len() == 0 {
		return one, false
	}
	return q.items.things[0], true
}

// Take takes out the first thing if it is due. If there is none, wait is for how
// long to Sleep.
func (q *Queue[T]) Take(now time.Time) (one T, wait time.Duration, ok bool) {
	if q.Len() == 0 {
		return one, LongestNap, false
	}
	first := q.items.things[0]
	if left := q.items.slot(first).at.Sub(now); left > 0 {
		return one, min(left, LongestNap), false
	}
	q.Set(first, time.Time{})
	return first, 0, true
}

// Sleep waits for the time, or until another thing has become the first, or for
// Wake; false when ctx is done. One goroutine sleeps.
func (q *Queue[T]) Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-q.sooner:
	case <-timer.C:
	}
	return true
}

// order is a heap.
type order[T any] struct {
	slot   func(T) *Slot
	things []T
}

// Len implements heap.Interface.
func (o *order[T]) Len() int { return len(o.things) }

// Less implements heap.Interface.
func (o *order[T]) Less(i, j int) bool {
	return o.slot(o.things[i]).at.Before(o.slot(o.things[j]).at)
}

// Swap implements heap.Interface.
func (o *order[T]) Swap(i, j int) {
	o.things[i], o.things[j] = o.things[j], o.things[i]
	o.slot(o.things[i]).place, o.slot(o.things[j]).place = i+1, j+1
}

// Push implements heap.Interface.
func (o *order[T]) Push(thing any) {
	one, _ := thing.(T)
	o.things = append(o.things, one)
	o.slot(one).place = len(o.things)
}

// Pop implements heap.Interface.
func (o *order[T]) Pop() any {
	last := len(o.things) - 1
	one := o.things[last]
	var none T
	o.things[last] = none // or the array would keep it alive
	o.things = o.things[:last]
	o.slot(one).place = 0
	return one
}
