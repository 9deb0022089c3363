// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/due"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

const (
	// askAgain is how long after a question without an answer the next one is due
	// at the latest.
	askAgain = 30 * time.Second
	// patience is after how many intervals without a yes a connection ends.
	patience = 3
	// revalidationsAtOnce bounds the questions about open connections to one
	// server, so that those about handshakes have most of its time. Each server
	// has its own, or one that hangs would keep all others from being asked.
	revalidationsAtOnce = 16
)

// errUnanswered is what is known of a question until it has come to something.
var errUnanswered = errors.New("no answer")

// revalidation is a connection about which an authorization server is asked now
// and then.
type revalidation struct {
	session *session.Session
	handshake.Revalidation
	// confirmed is when the server last admitted it.
	confirmed time.Time
	// question is its place among those that are to be asked about, or in the lane
	// where it waits; end its place among those that end without a yes.
	question, end due.Slot
	// lane is where it waits for its turn or, if asking, is being asked about; nil
	// for neither.
	lane   *lane
	asking bool
	// spared is true where only a dry run keeps it: its end has come without a yes.
	spared bool
	// missed is why there was no yes to the last question, nil if there was one.
	missed error
}

// lane are the questions to one server.
type lane struct {
	asking  int
	waiting *due.Queue[*revalidation]
}

// revalidations knows about whom to ask, and when. Its methods are safe for
// concurrent use and do not block.
type revalidations struct {
	now    func() time.Time
	random func() float64

	// mu guards the fields below. Whoever sleeps does not hold it.
	mu    sync.Mutex
	known map[*session.Session]*revalidation
	// questions has those whose next question is to come, ends all.
	questions, ends *due.Queue[*revalidation]
	lanes           map[string]*lane
}

func newRevalidations(now func() time.Time, random func() float64) *revalidations {
	return &revalidations{
		now: now, random: random, known: map[*session.Session]*revalidation{}, lanes: map[string]*lane{},
		questions: newQuestions(), ends: due.New(func(v *revalidation) *due.Slot { return &v.end }),
	}
}

func newQuestions() *due.Queue[*revalidation] {
	return due.New(func(v *revalidation) *due.Slot { return &v.question })
}

// schedule sees to it that a connection is asked about as wanted; an interval of 0
// means never. Whoever is new counts as confirmed now.
func (r *revalidations) schedule(one *session.Session, wanted handshake.Revalidation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, now := r.known[one], r.now()
	switch {
	case wanted.Every == 0:
		r.remove(one)
		return
	case v == nil:
		v = &revalidation{session: one, confirmed: now}
		r.known[one] = v
		r.ends.Set(v, now.Add(patience*wanted.Every))
	case v.Revalidation == wanted:
		return
	case v.Every != wanted.Every:
		r.ends.Set(v, newEnd(v, wanted.Every, now))
	}
	enforced := v.spared && v.DryRun && !wanted.DryRun
	v.Revalidation = wanted
	r.place(v)
	if enforced {
		r.hurry(v, now)
	}
}

// hurry is for a connection that only a dry run has kept and that nothing keeps any
// more: the server has had its three intervals, and is left the time of one answer.
func (r *revalidations) hurry(v *revalidation, now time.Time) {
	v.spared = false
	if end := now.Add(min(v.Every, askAgain)); end.Before(v.end.At()) {
		r.ends.Set(v, end)
	}
	if v.lane == nil {
		r.questions.Set(v, now)
	}
}

// newEnd is when a connection ends whose interval has changed. A shorter one does
// not end anybody before the server had its three intervals to answer in.
func newEnd(v *revalidation, every time.Duration, now time.Time) time.Time {
	end, grace := v.confirmed.Add(patience*every), now.Add(patience*every)
	if old := v.end.At(); old.Before(grace) {
		grace = old
	}
	if end.Before(grace) {
		return grace
	}
	return end
}

// spread keeps connections that came together, as after a rollout, from being
// asked about together. It never makes an interval longer.
func (r *revalidations) spread(every time.Duration) time.Duration {
	const part = 0.2
	return time.Duration(float64(every) * (1 - part*r.random()))
}

// place finds the time of the next question. While there is one under way that
// has to wait. The lock is held.
func (r *revalidations) place(v *revalidation) {
	if v.asking {
		return
	}
	r.unplace(v)
	next := v.confirmed.Add(r.spread(v.Every))
	if v.missed != nil {
		next = r.now().Add(r.spread(min(v.Every, askAgain)))
	}
	r.questions.Set(v, next)
}

// unplace takes out the next question. The lock is held.
func (r *revalidations) unplace(v *revalidation) {
	if v.lane != nil && !v.asking {
		v.lane.waiting.Set(v, time.Time{})
		v.lane = nil
		return
	}
	r.questions.Set(v, time.Time{})
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
	r.unplace(v)
	r.ends.Set(v, time.Time{})
}

// take returns a connection whose time has come and whose server has a question
// free, or how long there is none. Whoever gets one calls asked afterwards.
func (r *revalidations) take() (v *revalidation, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	wait = r.lineUp(now)
	// In no order of servers, so that none has to wait for the crowd of another.
	for _, l := range r.lanes {
		if l.asking == revalidationsAtOnce {
			continue
		}
		if v, _, ok := l.waiting.Take(now); ok {
			return v.ask(), 0
		}
	}
	return nil, wait
}

// lineUp puts all whose time has come into the lane of their server, and returns
// how long there are no others. The lock is held.
func (r *revalidations) lineUp(now time.Time) (wait time.Duration) {
	for {
		v, wait, ok := r.questions.Take(now)
		if !ok {
			return wait
		}
		v.lane = r.laneOf(v.Server)
		v.lane.waiting.Set(v, now)
	}
}

func (r *revalidations) laneOf(server string) *lane {
	if r.lanes[server] == nil {
		r.lanes[server] = &lane{waiting: newQuestions()}
	}
	return r.lanes[server]
}

// ask begins a question in the lane.
func (v *revalidation) ask() *revalidation {
	v.lane.asking++
	v.asking = true
	if v.missed == nil {
		v.missed = errUnanswered
	}
	return v
}

// asked is called after each question, whatever has become of it: also after a
// mistake of ours its connection must be asked about again.
func (r *revalidations) asked(v *revalidation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v.lane.asking--
	v.lane, v.asking = nil, false
	maps.DeleteFunc(r.lanes, func(_ string, l *lane) bool { return l.asking == 0 && l.waiting.Len() == 0 })
	if r.known[v.session] == v {
		r.place(v)
	}
	r.questions.Wake() // for those who wait in the lane
}

// confirm notes that a connection may stay: the server has admitted it again, or a
// dry run takes its denial for no more than advice.
func (r *revalidations) confirm(one *session.Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v := r.known[one]; v != nil {
		v.confirmed, v.missed, v.spared = r.now(), nil, false
		r.ends.Set(v, v.confirmed.Add(patience*v.Every))
		r.place(v)
	}
}

// miss notes why the server has not answered.
func (r *revalidations) miss(one *session.Session, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v := r.known[one]; v != nil {
		v.missed = why
	}
}

// overdue is a connection that has had no yes for too long.
type overdue struct {
	session *session.Session
	since   time.Duration
	why     error
	dryRun  bool
}

// takeOverdue returns a connection that has to end and forgets it, or how long
// there is none. One that a dry run keeps is asked about as before.
func (r *revalidations) takeOverdue() (late *overdue, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	v, wait, ok := r.ends.Take(now)
	if !ok {
		return nil, wait
	}
	late = &overdue{session: v.session, since: now.Sub(v.confirmed), why: v.missed, dryRun: v.DryRun}
	if late.why == nil {
		late.why = errUnanswered
	}
	if v.DryRun {
		v.spared = true
		r.ends.Set(v, now.Add(patience*v.Every))
		return late, 0
	}
	r.remove(v.session)
	return late, 0
}
