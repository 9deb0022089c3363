// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"fmt"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/frame"
	"github.com/wsgateway/websocket-gateway-operator/gateway/limits"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// tempo holds one client to the rates of its limits. It has no clock: now is a
// time since any moment. The zero value is ready and takes no memory besides
// until there is something to count.
type tempo struct {
	messages, controls limits.Rate
	bytes              limits.Pace
	// until is when more is read.
	until time.Duration
}

// instant is a time for those who count in times of the calendar.
func instant(now time.Duration) time.Time { return time.Unix(0, 0).Add(now) }

// over counts the frame that has begun, and returns why it is one too many: nothing
// when it is not. Close frames are free.
func (t *tempo) over(w *frame.Walker, l *contract.EffectiveLimits, now time.Duration) (reason outcome.Reason, detail string) {
	switch opcode := w.Opcode(); {
	case opcode == frame.Close || opcode == frame.Continuation:
	case opcode.Control():
		if !t.controls.Allow(l.ControlFramesPerSecond, instant(now)) {
			return outcome.ControlRate, fmt.Sprintf("more than %d pings and pongs per second", l.ControlFramesPerSecond)
		}
	case !t.messages.Allow(l.MessagesPerSecond, instant(now)):
		return outcome.MessageRate, fmt.Sprintf("more than %d messages per second", l.MessagesPerSecond)
	}
	return "", ""
}

// took counts bytes that have been read. Those that are not too many leave until as
// it is: else each byte, and be it of a pong, would put off the end of an idle
// connection.
func (t *tempo) took(amount int, l *contract.EffectiveLimits, now time.Duration) {
	if l.BytesPerSecond <= 0 {
		return
	}
	if wait := t.bytes.Take(amount, l.BytesPerSecond, instant(now)); wait > 0 {
		t.until = now + wait
	}
}

// leastProgress is how many bytes of a frame have to come in a second, on
// average, besides what FrameTimeout allows.
const leastProgress = 4 << 10

// progress watches over frames that come in part. The zero value is ready.
type progress struct {
	// by is when the frame has to be complete, 0 when none is under way.
	by time.Duration
	// since is when reading has stopped.
	since time.Duration
}

// partly is told what a walker has come to when there is nothing more to read.
func (g *progress) partly(w *frame.Walker, timeout, now time.Duration) {
	switch {
	case timeout <= 0:
	case w.InFrame():
		if g.by == 0 {
			const most = 1 << 40 // bytes, so that no sum overflows
			g.by = now + timeout + time.Duration(min(w.Length(), most)/leastProgress)*time.Second
		}
	case len(w.Held()) == 0:
		g.by = 0
	case g.by == 0: // a header in part
		g.by = now + timeout
	}
}

// moved is told that a header or a frame has become complete.
func (g *progress) moved() { g.by = 0 }

// pause is told that the peer is not read: that time is not its own.
func (g *progress) pause(now time.Duration) { g.since = now }

// resume ends a pause.
func (g *progress) resume(now time.Duration) {
	if g.by > 0 {
		g.by += now - g.since
	}
}

// late tells whether the frame should be complete by now.
func (g *progress) late(now time.Duration) bool { return g.by > 0 && now >= g.by }

// tooSlow is what a peer is told that is late.
func tooSlow(by outcome.Initiator, timeout time.Duration) *outcome.Closure {
	return outcome.Close(outcome.FrameTimeout, by, fmt.Sprintf("a frame was not complete after %s and a second for each %d bytes", timeout, leastProgress))
}
