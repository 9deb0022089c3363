// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"container/heap"
	"context"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

const (
	// SecurityPace is the time that the end of one session gets when many have
	// to end for security: half of what is promised (1 s per 1,000), so that
	// those that come while others are being ended are in time as well.
	SecurityPace = 500 * time.Microsecond
	// longestSleep bounds how late a change of the system's clock is noticed.
	// Expiries are times of the calendar, timers know nothing of it.
	longestSleep = 15 * time.Second
)

// SetExpiry says when Expire ends a session; the zero time means never. A
// session that is not registered is left alone.
func (r *Registry) SetExpiry(s *Session, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions[s.ID()] != s {
		return
	}
	r.expiries.set(s, at)
	if s.place != 1 {
		return
	}
	select {
	case r.sooner <- struct{}{}:
	default: // it has been told
	}
}

// Expire ends each session at its expiry with outcome.CredentialExpired, until
// ctx is done. Those that expire together are spread over SecurityPace each. One
// goroutine does so for all of them.
func (r *Registry) Expire(ctx context.Context) {
	for {
		due, next := r.expired()
		if len(due) == 0 {
			if !r.sleep(ctx, next) {
				return
			}
			continue
		}
		pace := r.pacer(time.Duration(len(due)) * SecurityPace)
		for i, s := range due {
			if pace.wait(ctx, len(due)-i) != nil {
				return
			}
			s.End(outcome.Close(outcome.CredentialExpired, outcome.ByGateway, ""))
		}
	}
}

// expired takes out the sessions whose time has come, and says how long none
// will.
func (r *Registry) expired() (due []*Session, next time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.options.Now()
	for len(r.expiries) > 0 {
		first := r.expiries[0]
		if left := first.due.Sub(now); left > 0 {
			return due, min(left, longestSleep)
		}
		r.expiries.set(first, time.Time{})
		due = append(due, first)
	}
	return due, longestSleep
}

// sleep waits for the time or for a session that expires sooner; false when ctx
// is done.
func (r *Registry) sleep(ctx context.Context, d time.Duration) bool {
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

// expiries are the sessions that expire, as a heap: the soonest first. Each knows
// its place, so that one that ends by itself leaves nothing behind.
type expiries []*Session

// set puts a session in, moves it, or takes it out when at is zero.
func (e *expiries) set(s *Session, at time.Time) {
	s.due = at
	switch {
	case at.IsZero() && s.place > 0:
		heap.Remove(e, s.place-1)
	case at.IsZero():
	case s.place > 0:
		heap.Fix(e, s.place-1)
	default:
		heap.Push(e, s)
	}
}

// Len implements heap.Interface.
func (e *expiries) Len() int { return len(*e) }

// Less implements heap.Interface.
func (e *expiries) Less(i, j int) bool { return (*e)[i].due.Before((*e)[j].due) }

// Swap implements heap.Interface.
func (e *expiries) Swap(i, j int) {
	list := *e
	list[i], list[j] = list[j], list[i]
	list[i].place, list[j].place = i+1, j+1
}

// Push implements heap.Interface.
func (e *expiries) Push(s any) {
	one, _ := s.(*Session)
	*e = append(*e, one)
	one.place = len(*e)
}

// Pop implements heap.Interface.
func (e *expiries) Pop() any {
	last := len(*e) - 1
	one := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	one.place = 0
	return one
}
