// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package revalidation

import (
	"errors"
	"sync"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/due"
)

const (
	// askAgain is how long after a question without an answer the next one is due
	// at the latest.
	askAgain = 30 * time.Second
	// patience is after how many intervals without a yes a connection ends.
	patience = 3
	// early is the part of an interval by which a question may come sooner, so that
	// connections that came together, as after a rollout, are not asked about
	// together.
	early = 0.2
)

var (
	// ErrUnanswered is what is known of a question until it has come to something.
	ErrUnanswered = errors.New("no answer")
	// ErrCrowded is for those about whom nobody could be asked although the server
	// answers.
	ErrCrowded = errors.New("its turn to be asked about did not come: too many connections for the interval and the time that the authorization server takes to answer")
)

// Wanted is how a server is asked about a connection.
type Wanted struct {
	// Server that is asked; it stays the same for a connection.
	Server string
	// Every is the interval; 0 means never.
	Every time.Duration
	// DryRun is true where no answer, and no lack of one, ends the connection.
	DryRun bool
}

// entry is a connection that is asked about now and then.
type entry[K comparable] struct {
	key    K
	wanted Wanted
	// confirmed is when the server last admitted it.
	confirmed time.Time
	// question is its place among those that are to be asked about, or in the lane
	// where it waits since then; end its place among those that end without a yes.
	question, end due.Slot
	// lane is where it waits for its turn or, if asking, is being asked about; nil
	// for neither.
	lane   *lane[K]
	asking bool
	// spared is true where only a dry run keeps it: its end has come without a yes.
	spared bool
	// missed is why there was no yes to the last question, nil if there was one.
	missed error
}

// Plan is for all connections of a gateway, each with a key. Its methods are safe
// for concurrent use and, but for Run and SleepUntilOverdue, do not block.
type Plan[K comparable] struct {
	now    func() time.Time
	random func() float64
	most   int

	// mu guards the fields below. Whoever sleeps does not hold it.
	mu    sync.Mutex
	known map[K]*entry[K]
	// questions has those whose next question is to come, ends all.
	questions, ends *due.Queue[*entry[K]]
	lanes           map[string]*lane[K]
}

// New returns a Plan without connections. random returns numbers in [0, 1) and must
// be safe for concurrent use; most is how many questions may be on their way to one
// server.
func New[K comparable](now func() time.Time, random func() float64, most int) *Plan[K] {
	return &Plan[K]{
		now: now, random: random, most: most, known: map[K]*entry[K]{}, lanes: map[string]*lane[K]{},
		questions: newQuestions[K](), ends: due.New(func(v *entry[K]) *due.Slot { return &v.end }),
	}
}

func newQuestions[K comparable]() *due.Queue[*entry[K]] {
	return due.New(func(v *entry[K]) *due.Slot { return &v.question })
}

// Schedule sees to it that a connection is asked about as wanted. Whoever is new
// counts as confirmed now.
func (p *Plan[K]) Schedule(key K, wanted Wanted) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, now := p.known[key], p.now()
	switch {
	case wanted.Every == 0:
		p.remove(key)
		return
	case v == nil:
		v = &entry[K]{key: key, confirmed: now}
		p.known[key] = v
		p.ends.Set(v, now.Add(patience*wanted.Every))
	case v.wanted == wanted:
		return
	case v.wanted.Every != wanted.Every:
		p.ends.Set(v, newEnd(v, wanted.Every, now))
	}
	enforced := v.spared && v.wanted.DryRun && !wanted.DryRun
	v.wanted = wanted
	p.place(v, now)
	if enforced {
		p.hurry(v, now)
	}
}

// newEnd is when a connection ends whose interval has changed. A shorter one does
// not end anybody before the server had its three intervals to answer in.
func newEnd[K comparable](v *entry[K], every time.Duration, now time.Time) time.Time {
	end, grace := v.confirmed.Add(patience*every), now.Add(patience*every)
	if old := v.end.At(); old.Before(grace) {
		grace = old
	}
	if end.Before(grace) {
		return grace
	}
	return end
}

// hurry is for a connection that only a dry run has kept and that nothing keeps any
// more: the server has had its three intervals, and is left the time of one answer.
func (p *Plan[K]) hurry(v *entry[K], now time.Time) {
	v.spared = false
	if end := now.Add(min(v.wanted.Every, askAgain)); end.Before(v.end.At()) {
		p.ends.Set(v, end)
	}
	if v.lane == nil {
		p.questions.Set(v, now)
	}
}

// spread never makes an interval longer.
func (p *Plan[K]) spread(every time.Duration) time.Duration {
	return time.Duration(float64(every) * (1 - early*p.random()))
}

// place finds the time of the next question. While there is one under way that
// has to wait. The lock is held.
func (p *Plan[K]) place(v *entry[K], now time.Time) {
	if v.asking {
		return
	}
	p.unplace(v)
	next := v.confirmed.Add(p.spread(v.wanted.Every))
	if v.missed != nil {
		next = now.Add(p.spread(min(v.wanted.Every, askAgain)))
	}
	p.questions.Set(v, next)
}

// unplace takes out the next question. The lock is held.
func (p *Plan[K]) unplace(v *entry[K]) {
	if v.lane != nil && !v.asking {
		v.lane.waiting.Set(v, time.Time{})
		v.lane = nil
		return
	}
	p.questions.Set(v, time.Time{})
}

// Forget takes out a connection that has ended.
func (p *Plan[K]) Forget(key K) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(key)
}

func (p *Plan[K]) remove(key K) {
	v := p.known[key]
	if v == nil {
		return
	}
	delete(p.known, key)
	p.unplace(v)
	p.ends.Set(v, time.Time{})
}

// Confirm notes that a connection may stay: the server has admitted it again, or a
// dry run takes its denial for no more than advice.
func (p *Plan[K]) Confirm(key K) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.known[key]
	if v == nil {
		return
	}
	now := p.now()
	v.answered(now)
	v.confirmed, v.missed, v.spared = now, nil, false
	p.ends.Set(v, now.Add(patience*v.wanted.Every))
	p.place(v, now)
}

// Deny notes that the server has denied a connection, and forgets it.
func (p *Plan[K]) Deny(key K) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v := p.known[key]; v != nil {
		v.answered(p.now())
		p.remove(key)
	}
}

// Miss notes why the server has not answered.
func (p *Plan[K]) Miss(key K, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v := p.known[key]; v != nil {
		v.missed = why
		if v.asking {
			v.lane.why = why
		}
	}
}

// Overdue is a connection that has had no yes for too long.
type Overdue[K comparable] struct {
	Key K
	// Since is the time that has passed since the last yes.
	Since time.Duration
	// Why there was none: what was given to Miss, ErrUnanswered or ErrCrowded.
	Why error
	// DryRun is true where it stays all the same.
	DryRun bool
}

// TakeOverdue returns a connection that has to end and forgets it, or how long
// there is none. One that a dry run keeps is asked about as before.
func (p *Plan[K]) TakeOverdue() (late *Overdue[K], wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	v, wait, ok := p.ends.Take(now)
	if !ok {
		return nil, wait
	}
	late = &Overdue[K]{Key: v.key, Since: now.Sub(v.confirmed), Why: v.why(now), DryRun: v.wanted.DryRun}
	if late.DryRun {
		v.spared = true
		p.ends.Set(v, now.Add(patience*v.wanted.Every))
	} else {
		p.remove(v.key)
	}
	return late, 0
}
