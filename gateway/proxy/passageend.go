// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/frame"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// settle proposes a reason to end; the first one stays. From then on nothing
// lasts longer than the close timeout.
func (p *passage) settle(closure *outcome.Closure, now time.Duration) bool {
	if p.closure != nil {
		return false
	}
	p.closure, p.by = closure, now+p.terms.closeTimeout
	return true
}

// end is a planned end: the client is told; what it still sends before its answer
// goes to the upstream, then the upstream is told, which gets at least a fifth of
// the time for its own answer.
func (p *passage) end(c carrier, closure *outcome.Closure, now time.Duration) {
	if !p.settle(closure, now) {
		return
	}
	p.parties[fromClient].readBy = p.by - 2*p.terms.closeTimeout/5
	p.say(c, fromClient, codeFor(closure, outcome.ByClient), string(closure.Reason), now)
}

// broken ends a connection whose party x has broken a rule. Nothing of what broke
// it was forwarded.
func (p *passage) broken(c carrier, x int, fault frame.Fault, now time.Duration) {
	p.offended(c, x, outcome.Close(fault.Reason(), nameOf(x), detailOf(fault, &p.terms.limits)), now)
}

// offended ends a connection for what party x has done.
func (p *passage) offended(c carrier, x int, closure *outcome.Closure, now time.Duration) {
	p.settle(closure, now)
	p.stop(c, x, now)
}

// closed ends a connection that a party has closed. A code and text that a party
// chose pass through, in both directions of the closing handshake, unless it was
// us who began to close.
func (p *passage) closed(c carrier, x int, now time.Duration) {
	code, reason, fault := frame.ParseClose(p.parties[x].closing.Bytes())
	if fault != frame.NoFault {
		p.broken(c, x, fault, now)
		return
	}
	p.parties[x].parted = p.parties[x].deaf
	p.settle(outcome.Closed(nameOf(x), code), now)
	if closure := p.closure; closure.Reason == outcome.ClientClosed || closure.Reason == outcome.UpstreamClosed {
		p.parties[x].silent = true
		p.say(c, 1-x, code, string(reason), now)
	}
	p.stop(c, x, now)
}

// ended ends a connection of which one side has failed or ended.
func (p *passage) ended(c carrier, x int, err error, now time.Duration) {
	from := &p.parties[x]
	from.gone, from.deaf = true, true
	if from.silent {
		return
	}
	detail := endedSilently
	if !errors.Is(err, io.EOF) {
		detail = cause(err)
	}
	closure := lost(nameOf(x), detail)
	if errors.Is(err, errTookNoAnswer) {
		closure = tookNothing(nameOf(x), p.terms.writeTimeout)
	}
	p.settle(closure, now)
	p.stop(c, x, now)
}

// unwritable ends a connection that nothing can be written to.
func (p *passage) unwritable(c carrier, x int, err error, now time.Duration) {
	to := &p.parties[x]
	to.gone, to.deaf = true, true
	closure := lost(nameOf(x), cause(err))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		closure = tookNothing(nameOf(x), p.terms.writeTimeout)
	}
	p.settle(closure, now)
	if !to.silent {
		p.stop(c, x, now)
	}
}

// fail ends both sides at once.
func (p *passage) fail(closure *outcome.Closure, now time.Duration) {
	p.settle(closure, now)
	for x := range p.parties {
		party := &p.parties[x]
		party.silent, party.deaf, party.gone = true, true, true
	}
}

// stop reads no more from x: it has closed, is lost, or has broken a rule. The
// other one is told, and has so much time to answer that one who does not can
// still be told, too.
func (p *passage) stop(c carrier, x int, now time.Duration) {
	from, to := &p.parties[x], &p.parties[1-x]
	from.silent = true
	closure := p.closure
	if closure.Initiator == nameOf(x) && closure.Violation() {
		p.say(c, x, closure.Code, string(closure.Reason), now)
	}
	code, text := closure.Code, ""
	if closure.Reason != outcome.ClientClosed && closure.Reason != outcome.UpstreamClosed {
		code, text = codeFor(closure, nameOf(1-x)), string(closure.Reason)
	}
	p.say(c, 1-x, code, text, now)
	to.readBy = p.by - p.terms.closeTimeout/5
	// What waited for x to end its message need not wait any more.
	p.inject(c, 1-x, now)
	if to.silent {
		p.inject(c, x, now)
	}
}

// say sends a Close frame to x, once, as soon as there is a place for it.
func (p *passage) say(c carrier, x int, code int, text string, now time.Duration) {
	to := &p.parties[x]
	if to.deaf || to.farewell != nil {
		return
	}
	to.farewell = &farewellFrame{code: code, text: text, since: now}
	p.inject(c, x, now)
}

// inject puts what we have to say ourselves between two frames for x, if this is
// the place.
func (p *passage) inject(c carrier, x int, now time.Duration) {
	to, source := &p.parties[x], &p.parties[1-x]
	if to.deaf {
		return
	}
	if source.inFrame() {
		if source.silent && to.farewell != nil {
			// The rest of the frame will never come, and whatever we say would
			// be taken for it. The end of the connection has to say it.
			to.farewell, to.deaf, to.silent = nil, true, true
		}
		return
	}
	if to.beat.pinging && to.farewell == nil {
		to.beat.sent(now)
		c.write(x, frame.AppendControl(nil, frame.Ping, []byte(pingToken), p.masking(x)))
	}
	if to.farewell == nil || now < to.farewell.since+boundaryWait && source.inMessage() {
		return
	}
	c.write(x, frame.AppendClose(nil, to.farewell.code, to.farewell.text, p.masking(x)))
	to.farewell, to.deaf = nil, true
}

// inMessage tells whether a message of the party has begun and may still end.
func (p *party) inMessage() bool { return p.walker.InMessage() && !p.silent }

// inFrame tells whether the party's last frame was passed on in part.
func (p *party) inFrame() bool {
	// A Close frame that is being collected is not passed on.
	return p.walker.InFrame() && p.closing == nil && !p.refused
}

// masking is how frames for x are written.
func (p *passage) masking(x int) frame.Masking {
	if x == fromUpstream {
		return frame.Masking{Masked: true, Key: p.terms.mask()}
	}
	return frame.Masking{}
}

// over tells whether nothing more is read from or written to anybody.
func (p *passage) over() bool {
	return p.parties[0].silent && p.parties[1].silent && p.parties[0].deaf && p.parties[1].deaf
}
