// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/frame"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// relaying is one connection while Messages relays it.
type relaying struct {
	messages *Messages
	limits   contract.EffectiveLimits
	// rules are what the parties have to keep to.
	rules    [2]frame.Rules
	client   *leg
	upstream *leg

	// closure is set once: the first reason to end is the reason.
	closure atomic.Pointer[outcome.Closure]
	// active is when a data message last began or ended, by Messages.elapsed. A
	// message that trickles in counts twice, however long it takes.
	active atomic.Int64

	mu sync.Mutex
	// by is when the connection is closed, answered or not.
	by       time.Time
	timer    *time.Timer
	finished bool
	// ticking is true while a tick is at work, which may wait in a ping: there is
	// one at a time, and what is due meanwhile is its own to find.
	ticking bool
	calls   sync.WaitGroup
	// next is when tick is due, by Messages.elapsed.
	next time.Duration
	// retire is when the connection is old enough, by Messages.elapsed; 0 for never.
	retire time.Duration
}

func (r *relaying) now() time.Time { return r.messages.options.Now() }

func (r *relaying) touch() { r.active.Store(int64(r.messages.elapsed())) }

// settle proposes a reason to end; false means that there was one before. From
// the first on, nothing lasts longer than the close timeout.
func (r *relaying) settle(closure *outcome.Closure) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closure.CompareAndSwap(nil, closure) {
		return false
	}
	r.by = r.now().Add(r.messages.options.CloseTimeout)
	r.client.wire.closedown(r.by)
	r.upstream.wire.closedown(r.by)
	return true
}

// answerBy is when a connection whose end was settled stops waiting for answers
// to Close frames. A fifth of the time is kept: whoever does get no answer must
// still be able to give one.
func (r *relaying) answerBy() time.Time {
	return r.deadline().Add(-r.messages.options.CloseTimeout / 5)
}

// deadline is when nothing more is written to a connection whose end was
// settled.
func (r *relaying) deadline() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.by
}

// end is a planned end: the client is told, what it still sends before its
// answer goes to the upstream, then the upstream is told. The upstream gets at
// least a fifth of the time for its own answer.
func (r *relaying) end(closure *outcome.Closure) {
	if !r.settle(closure) {
		return
	}
	_ = r.client.wire.SetReadDeadline(r.answerBy().Add(-r.messages.options.CloseTimeout / 5))
	r.client.bye(codeFor(closure, outcome.ByClient), string(closure.Reason), r.deadline())
}

// enter begins a call from outside the two pumps; false means that they are
// done and the caller must do nothing.
func (r *relaying) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.finished {
		return false
	}
	r.calls.Add(1)
	return true
}

func (r *relaying) leave() { r.calls.Done() }

// spawn runs a call in a goroutine of its own.
func (r *relaying) spawn(call func()) {
	if !r.enter() {
		return
	}
	go func() {
		defer r.leave()
		call()
	}()
}

// finish waits for calls under way and lets no more in.
func (r *relaying) finish() {
	r.mu.Lock()
	r.finished = true
	r.mu.Unlock()
	r.calls.Wait()
	r.timer.Stop()
}

// startTimer begins to ping and to watch for idleness.
func (r *relaying) startTimer() {
	r.touch()
	now := r.messages.elapsed()
	r.retire = retirement(&r.limits, now, r.messages.options.Random)
	for _, l := range r.legs() {
		l.beat.begin(r.limits.PingInterval, now, r.messages.options.Random)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timer = time.AfterFunc(r.untilNext(now), r.tick)
}

func (r *relaying) legs() [2]*leg { return [2]*leg{r.client, r.upstream} }

// tick does what is due and sets the timer for what is due next.
func (r *relaying) tick() {
	if !r.enterTick() {
		return
	}
	defer r.leave()
	if r.closure.Load() != nil {
		return
	}
	now := r.messages.elapsed()
	if idle := r.limits.IdleTimeout; idle > 0 && now-r.lastActive() >= idle {
		r.end(outcome.Close(outcome.IdleTimeout, outcome.ByGateway, ""))
		return
	}
	if r.retire > 0 && now >= r.retire {
		r.end(outcome.Close(outcome.MaxAge, outcome.ByGateway, ""))
		return
	}
	for _, l := range r.legs() {
		if !r.look(l, now) {
			return
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ticking = false
	r.timer.Reset(r.untilNext(r.messages.elapsed()))
}

// enterTick is enter for tick; false also while there is another one.
func (r *relaying) enterTick() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.finished || r.ticking {
		return false
	}
	r.ticking = true
	r.calls.Add(1)
	return true
}

// hasten has tick come in time for something that is due, by Messages.elapsed.
func (r *relaying) hasten(at time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.finished && !r.ticking && at < r.next {
		r.next = at
		r.timer.Reset(max(at-r.messages.elapsed(), time.Millisecond))
	}
}

// lastActive is when a message last began or ended, or may have been meant to.
func (r *relaying) lastActive() time.Duration {
	return time.Duration(max(r.active.Load(), r.client.wire.until.Load()))
}

// look looks after one leg: whether its peer is late, whether it is still there;
// false when it is not.
func (r *relaying) look(l *leg, now time.Duration) bool {
	if by := l.wire.due(); by > 0 && now >= by {
		l.wire.expire()
	}
	patience := patience(&r.limits, l.name)
	heard := time.Duration(l.wire.lastRead.Load())
	if l.beat.unanswered(heard, now, r.limits.PingInterval, patience, !l.wire.reading.Load()) {
		r.settle(outcome.Close(outcome.PongTimeout, l.name, ""))
		l.abandon()
		return false
	}
	if patience > 0 && l.beat.isDue(now, r.limits.PingInterval) {
		r.ping(l, now)
	}
	return true
}

// ping sends a ping, or tries again soon when a slow peer leaves no room for one:
// what was not asked needs no answer.
func (r *relaying) ping(l *leg, now time.Duration) {
	err := l.ws.WriteControl(websocket.PingMessage, nil, r.now().Add(pongWait))
	if err == nil {
		l.beat.sent(now)
		return
	}
	l.beat.next = now + 2*pongWait
	if l.wire.failed.Load() {
		r.unwritable(l, err)
	}
}

// untilNext is how long nothing will be due. Its caller holds mu.
func (r *relaying) untilNext(now time.Duration) time.Duration {
	next := now + time.Hour
	if r.limits.IdleTimeout > 0 {
		next = min(next, r.lastActive()+r.limits.IdleTimeout)
	}
	if r.retire > 0 {
		next = min(next, r.retire)
	}
	for _, l := range r.legs() {
		next = min(next, r.nextOf(l, next))
	}
	r.next = next
	// Never in a tight loop, whatever the limits are.
	return max(next-now, time.Millisecond)
}

// nextOf is when one leg has to be looked after, if that is before next.
func (r *relaying) nextOf(l *leg, next time.Duration) time.Duration {
	if by := l.wire.due(); by > 0 {
		next = min(next, by)
	}
	patience := patience(&r.limits, l.name)
	switch {
	case l.beat.waiting:
		next = min(next, l.beat.pinged+patience)
	case r.limits.PingInterval > 0 && patience > 0:
		next = min(next, l.beat.next)
	}
	return next
}
