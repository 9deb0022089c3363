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
	calls    sync.WaitGroup
	// next is when tick is due, by Messages.elapsed.
	next atomic.Int64

	// These belong to tick: whether a ping is unanswered, when it was sent, and
	// when the next one is due, by Messages.elapsed.
	waiting  bool
	pinged   time.Duration
	nextPing time.Duration
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

// startTimer begins to ping and to watch for idleness. The first ping comes
// early by a random part: clients that connected together, after a restart, say,
// must not be pinged together ever after.
func (r *relaying) startTimer() {
	r.touch()
	now := r.messages.elapsed()
	interval := r.limits.PingInterval
	r.nextPing = now + interval/2 + time.Duration(r.messages.options.Random()*float64(interval/2))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timer = time.AfterFunc(r.untilNext(now), r.tick)
}

// tick does what is due and sets the timer for what is due next.
func (r *relaying) tick() {
	if !r.enter() {
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
	for _, l := range []*leg{r.client, r.upstream} {
		if by := l.wire.due(); by > 0 && now >= by {
			l.wire.expire()
		}
	}
	if r.silent(now) {
		r.settle(outcome.Close(outcome.PongTimeout, outcome.ByClient, ""))
		r.client.abandon()
		return
	}
	if r.limits.PingInterval > 0 && !r.waiting && now >= r.nextPing {
		r.ping(now)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timer.Reset(r.untilNext(r.messages.elapsed()))
}

// hasten has tick come in time for something that is due, by Messages.elapsed.
func (r *relaying) hasten(at time.Duration) {
	if at >= time.Duration(r.next.Load()) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.finished {
		r.next.Store(int64(at))
		r.timer.Reset(max(at-r.messages.elapsed(), time.Millisecond))
	}
}

// lastActive is when a message last began or ended, or may have been meant to.
func (r *relaying) lastActive() time.Duration {
	return time.Duration(max(r.active.Load(), r.client.wire.until.Load()))
}

// ping sends a ping, or tries again soon when a slow client leaves no room for
// one: what was not asked needs no answer.
func (r *relaying) ping(now time.Duration) {
	err := r.client.ws.WriteControl(websocket.PingMessage, nil, r.now().Add(pongWait))
	r.waiting, r.pinged = err == nil, now
	if err == nil {
		return
	}
	r.nextPing = now + 2*pongWait
	if r.client.wire.failed.Load() {
		r.unwritable(r.client, err)
	}
}

// silent says whether the client has left a ping unanswered for too long. Any
// byte counts as an answer, as a pong may wait behind a large message; and time
// in which we did not read, because the upstream did not, is not the client's.
func (r *relaying) silent(now time.Duration) bool {
	if !r.waiting {
		return false
	}
	if time.Duration(r.client.wire.lastRead.Load()) >= r.pinged {
		r.waiting, r.nextPing = false, r.pinged+r.limits.PingInterval
		return false
	}
	if now-r.pinged < r.limits.PongTimeout {
		return false
	}
	if !r.client.wire.reading.Load() {
		r.pinged = now
		return false
	}
	return true
}

// untilNext is how long nothing will be due.
func (r *relaying) untilNext(now time.Duration) time.Duration {
	next := now + time.Hour
	if r.limits.IdleTimeout > 0 {
		next = min(next, r.lastActive()+r.limits.IdleTimeout)
	}
	for _, l := range []*leg{r.client, r.upstream} {
		if by := l.wire.due(); by > 0 {
			next = min(next, by)
		}
	}
	switch {
	case r.waiting:
		next = min(next, r.pinged+r.limits.PongTimeout)
	case r.limits.PingInterval > 0:
		next = min(next, r.nextPing)
	}
	r.next.Store(int64(next))
	// Never in a tight loop, whatever the limits are.
	return max(next-now, time.Millisecond)
}
