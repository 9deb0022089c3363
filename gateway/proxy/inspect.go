// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/frame"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// peer is who is at the other end of a wire, and what it has to keep to.
type peer struct {
	name   outcome.Initiator
	rules  *frame.Rules
	limits *contract.EffectiveLimits
	// hasten is told of a time at which due has to be looked at.
	hasten func(at time.Duration)
}

// beforeRead waits until the client may send more, and says that from now on time
// is the peer's again.
func (w *wire) beforeRead() {
	if w.tempo != nil && w.tempo.until > 0 {
		w.rest(w.tempo.until - w.messages.elapsed())
	}
	if w.progress.by > 0 {
		w.progress.resume(w.messages.elapsed())
		w.by.Store(int64(w.progress.by))
	}
	w.reading.Store(true)
	if w.progress.by > 0 {
		w.peer.hasten(w.progress.by)
	}
}

// rest waits, but not when the connection ends.
func (w *wire) rest(wait time.Duration) {
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.ending:
	}
}

// afterRead returns how many bytes of what was read are in order.
func (w *wire) afterRead(p []byte) (good int) {
	defer w.reading.Store(false)
	if len(p) == 0 {
		return 0
	}
	now := w.messages.elapsed()
	w.lastRead.Store(int64(now))
	if w.tempo != nil {
		w.tempo.took(len(p), w.peer.limits, now)
		w.until.Store(int64(w.tempo.until))
	}
	good = w.follow(p, now)
	w.progress.partly(&w.walker, w.peer.limits.FrameTimeout, now)
	w.progress.pause(now)
	w.by.Store(int64(w.progress.by))
	return good
}

// follow returns how many bytes of p are in order. The beginning of a header is
// shown to the library before the rest is here: it does nothing about half a
// header.
func (w *wire) follow(p []byte, now time.Duration) (good int) {
	for !w.closed {
		n, event := w.walker.Next(p[good:], w.peer.rules)
		if w.closing != nil {
			w.closing.Add(p[good:good+n], w.walker.Key())
		}
		switch event {
		case frame.Began:
			w.began(now)
		case frame.Ended:
			w.ended()
		case frame.Broken:
			w.fault(w.walker.Fault())
		case frame.More:
			return len(p)
		}
		if w.broken != nil {
			return good
		}
		good += n
	}
	return len(p)
}

func (w *wire) began(now time.Duration) {
	w.progress.moved()
	if w.tempo != nil {
		if reason, detail := w.tempo.over(&w.walker, w.peer.limits, now); reason != "" {
			w.broken = outcome.Close(reason, w.peer.name, detail)
		}
	}
	if w.walker.Opcode() == frame.Close {
		w.closing = &frame.Payload{}
	}
}

// ended judges a Close frame as a whole. What comes behind it is nobody's.
func (w *wire) ended() {
	w.progress.moved()
	if w.closing == nil {
		return
	}
	w.closed = true
	if _, _, fault := frame.ParseClose(w.closing.Bytes()); fault != frame.NoFault {
		w.fault(fault)
	}
}

func (w *wire) fault(fault frame.Fault) {
	w.broken = outcome.Close(fault.Reason(), w.peer.name, detailOf(fault, w.peer.limits))
}

// due is when the frame under way has to be complete, 0 while there is none or
// the peer is not read.
func (w *wire) due() time.Duration {
	if !w.reading.Load() || w.expired.Load() {
		return 0
	}
	return time.Duration(w.by.Load())
}

// expire ends the read under way: the peer has taken too long.
func (w *wire) expire() {
	w.expired.Store(true)
	w.wake()
}
