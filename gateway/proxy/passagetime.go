// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"os"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// tick does what is due.
func (p *passage) tick(c carrier, now time.Duration) {
	if p.closure != nil {
		p.tickEnd(c, now)
		return
	}
	if idle := p.terms.limits.IdleTimeout; idle > 0 && now-p.lastActive() >= idle {
		p.end(c, outcome.Close(outcome.IdleTimeout, outcome.ByGateway, ""), now)
		return
	}
	if p.retire > 0 && now >= p.retire {
		p.end(c, outcome.Close(outcome.MaxAge, outcome.ByGateway, ""), now)
		return
	}
	for x := range p.parties {
		if p.closure == nil {
			p.look(c, x, now)
		}
	}
}

// look looks after one party: whether it is late, whether it is still there.
func (p *passage) look(c carrier, x int, now time.Duration) {
	party, patience := &p.parties[x], patience(&p.terms.limits, nameOf(x))
	switch {
	case !party.silent && !party.held && party.progress.late(now):
		p.offended(c, x, tooSlow(nameOf(x), p.terms.limits.FrameTimeout), now)
	case party.beat.unanswered(party.heard, now, p.terms.limits.PingInterval, patience, party.held):
		party.gone, party.deaf = true, true
		p.offended(c, x, outcome.Close(outcome.PongTimeout, nameOf(x), ""), now)
	case patience > 0 && party.beat.isDue(now, p.terms.limits.PingInterval):
		party.beat.pinging = true
		p.inject(c, x, now)
	}
}

// tickEnd is tick once the end has begun.
func (p *passage) tickEnd(c carrier, now time.Duration) {
	for x := range p.parties {
		party := &p.parties[x]
		if party.readBy > 0 && now >= party.readBy && !party.silent {
			p.ended(c, x, os.ErrDeadlineExceeded, now)
		}
		if party.farewell != nil {
			p.inject(c, x, now)
		}
	}
	if now < p.by {
		return
	}
	for x := range p.parties {
		p.parties[x].silent, p.parties[x].deaf = true, true
	}
}

// due is how long from now on tick has nothing to do.
func (p *passage) due(now time.Duration) time.Duration {
	next := p.soonest(now, p.nextCheck(now+time.Hour))
	if p.closure != nil {
		next = p.nextEnd(now)
	}
	// Never in a tight loop, whatever the limits are.
	wait := max(next-now, time.Millisecond)
	p.asked = now + wait
	return wait
}

// sooner tells whether tick has something to do before the time that due told
// last: a timer is moved for that only, and not with every message.
func (p *passage) sooner(now time.Duration) bool {
	return p.closure == nil && p.soonest(now, p.asked) < p.asked
}

// soonest is when the client is read again, a frame is late, or an answer to a
// ping is, if that is before next.
func (p *passage) soonest(now, next time.Duration) time.Duration {
	if p.tempo.until > now {
		next = min(next, p.tempo.until)
	}
	for x := range p.parties {
		party := &p.parties[x]
		if party.progress.by > 0 && !party.held && !party.silent {
			next = min(next, party.progress.by)
		}
		if party.beat.waiting {
			next = min(next, party.beat.pinged+patience(&p.terms.limits, nameOf(x)))
		}
	}
	return next
}

// rests tells whether a party has sent so much that it is not read for a while.
func (p *passage) rests(x int, now time.Duration) bool {
	return x == fromClient && p.closure == nil && now < p.tempo.until
}

// setHeld is told by the carrier whether a party is read. What it could not send
// meanwhile, it need not have sent.
func (p *passage) setHeld(x int, held bool, now time.Duration) {
	party := &p.parties[x]
	switch {
	case held && !party.held:
		party.progress.pause(now)
	case !held && party.held:
		party.progress.resume(now)
	}
	party.held = held
}

// lastActive is when the client or the upstream last began or ended a message, or
// may have wanted to.
func (p *passage) lastActive() time.Duration { return max(p.active, p.tempo.until) }

// nextEnd is due once the end has begun.
func (p *passage) nextEnd(now time.Duration) time.Duration {
	next := p.by
	for x := range p.parties {
		party := &p.parties[x]
		if party.readBy > 0 && !party.silent {
			next = min(next, party.readBy)
		}
		if party.farewell != nil && now < party.farewell.since+boundaryWait {
			next = min(next, party.farewell.since+boundaryWait)
		}
	}
	return next
}

// nextCheck is when an idle or old connection is to be ended or the next ping is
// due, if that is before next.
func (p *passage) nextCheck(next time.Duration) time.Duration {
	if p.terms.limits.IdleTimeout > 0 {
		next = min(next, p.lastActive()+p.terms.limits.IdleTimeout)
	}
	if p.retire > 0 {
		next = min(next, p.retire)
	}
	for x := range p.parties {
		beat := &p.parties[x].beat
		if p.terms.limits.PingInterval > 0 && !beat.waiting && !beat.pinging && patience(&p.terms.limits, nameOf(x)) > 0 {
			next = min(next, beat.next)
		}
	}
	return next
}
