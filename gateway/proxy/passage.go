// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/frame"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

// The parties of a passage, as indices: the other one of x is 1-x.
const (
	fromClient   = 0
	fromUpstream = 1
)

// headroom is free space that must be in front of what receive is given: there it
// puts the beginning of a header that came before.
const headroom = frame.MaxHeader

// pingToken is the payload of our pings, by which their answers are known: these
// are not passed on, since nobody else has asked for them.
const pingToken = "wsgw"

// terms are what all connections with the same limits have in common.
type terms struct {
	rules        [2]frame.Rules
	limits       contract.EffectiveLimits
	closeTimeout time.Duration
	writeTimeout time.Duration
	// random returns numbers in [0, 1).
	random func() float64
	// mask returns a masking key that nobody can guess.
	mask func() [4]byte
}

func newTerms(limits contract.EffectiveLimits, o *FramesOptions) *terms {
	return &terms{
		rules: rulesOf(&limits), limits: limits, closeTimeout: o.CloseTimeout, writeTimeout: writeTimeout(&limits), random: o.Random, mask: o.Mask,
	}
}

// compressed lets the payload of messages be compressed, which both parties have
// agreed upon.
func (t *terms) compressed(agreed bool) *terms {
	for x := range t.rules {
		t.rules[x].Compression = agreed
	}
	return t
}

// carrier takes what a passage has for its parties. p must not change until the
// carrier has sent or copied it, at the end of the call of the passage.
type carrier interface {
	write(to int, p []byte)
}

// passage is one connection while frames are relayed: what may go from one party
// to the other, which Close frames and pings are put in between, and when it is
// over. It does no I/O, has no clock and is for one goroutine at a time; times are
// those that its caller tells, counted from any moment.
type passage struct {
	terms   *terms
	session *session.Session
	parties [2]party
	tempo   tempo
	// closure is set once: the first reason to end is the reason.
	closure *outcome.Closure
	// by is when the connection is cut, once closure is set.
	by time.Duration
	// active is when a message last began or ended. One that trickles in counts
	// twice, however long it takes.
	active time.Duration
	// retire is when it is old enough; 0 for never.
	retire time.Duration
	// asked is what due has told last.
	asked time.Duration
}

// party is one of the two peers.
type party struct {
	walker frame.Walker // of what it sends
	// closing collects its Close frame, nil until that begins.
	closing *frame.Payload
	// farewell is the Close frame that waits for its place; nil when there is none.
	farewell *farewellFrame
	// readBy is when no more is waited for, 0 for never.
	readBy time.Duration
	// heard is when it last sent anything.
	heard     time.Duration
	discarded uint64
	progress  progress
	beat      beat

	// refused is true once a frame has begun that is not passed on, although its
	// header is in order.
	refused bool
	// held is true while the party is not read, because the other one does not take
	// what it has sent, or because it has sent too much: see setHeld.
	held bool
	// silent is true once nothing more is read from it, deaf once nothing more is
	// written to it, gone once the connection has failed. parted is true once its
	// Close frame has come and ours is sent: neither has more to say.
	silent, deaf, gone, parted bool
}

type farewellFrame struct {
	code  int
	text  string
	since time.Duration
}

func (p *passage) begin(t *terms, s *session.Session, now time.Duration) {
	p.terms, p.session, p.active = t, s, now
	p.retire = retirement(&t.limits, now, t.random)
	for x := range p.parties {
		p.parties[x].beat.begin(t.limits.PingInterval, now, t.random)
	}
}

func nameOf(x int) outcome.Initiator {
	if x == fromClient {
		return outcome.ByClient
	}
	return outcome.ByUpstream
}

// piece is what has just come from a party. What is between start and at is in
// order and not forwarded yet.
type piece struct {
	buffer    []byte
	start, at int
}

// receive relays what a party has sent: that is buffer[headroom:].
func (p *passage) receive(c carrier, x int, buffer []byte, now time.Duration) {
	from := &p.parties[x]
	from.heard = now
	if x == fromClient {
		p.tempo.took(len(buffer)-headroom, &p.terms.limits, now)
	}
	before := from.walker.Held()
	in := piece{buffer: buffer, start: headroom - len(before), at: headroom}
	copy(buffer[in.start:], before)
	for !from.silent {
		n, event := from.walker.Next(buffer[in.at:], &p.terms.rules[x])
		if from.closing != nil {
			from.closing.Add(buffer[in.at:in.at+n], from.walker.Key())
		}
		in.at += n
		switch event {
		case frame.Began:
			p.began(c, x, &in, now)
		case frame.Ended:
			p.frameEnded(c, x, &in, now)
		case frame.More:
			p.forward(c, x, &in, in.at-len(from.walker.Held()))
			from.progress.partly(&from.walker, p.terms.limits.FrameTimeout, now)
			return
		case frame.Broken:
			p.forward(c, x, &in, in.at-len(from.walker.Held()))
			p.broken(c, x, from.walker.Fault(), now)
		}
	}
}

// forward passes on what is in order up to an offset. Of a Close frame that has
// begun nothing is: it is judged as a whole.
func (p *passage) forward(c carrier, x int, in *piece, upTo int) {
	from, to := &p.parties[x], &p.parties[1-x]
	part := in.buffer[in.start:upTo]
	in.start = upTo
	switch {
	case len(part) == 0 || from.closing != nil:
	case to.deaf:
		from.discarded += uint64(len(part))
	default:
		c.write(1-x, part)
	}
}

func (p *passage) began(c carrier, x int, in *piece, now time.Duration) {
	from := &p.parties[x]
	from.progress.moved()
	if x == fromClient {
		if reason, detail := p.tempo.over(&from.walker, &p.terms.limits, now); reason != "" {
			p.forward(c, x, in, in.at-from.walker.HeaderSize())
			from.refused = true
			p.offended(c, x, outcome.Close(reason, nameOf(x), detail), now)
			return
		}
	}
	switch from.walker.Opcode() {
	case frame.Close:
		p.forward(c, x, in, in.at-from.walker.HeaderSize())
		from.closing = &frame.Payload{}
	case frame.Text, frame.Binary:
		p.active = now
	default: // goes on with what has begun, or is for the other side
	}
}

func (p *passage) frameEnded(c carrier, x int, in *piece, now time.Duration) {
	from, to := &p.parties[x], &p.parties[1-x]
	from.progress.moved()
	switch opcode := from.walker.Opcode(); {
	case opcode == frame.Close:
		p.closed(c, x, now)
		return
	case opcode == frame.Pong && p.answersUs(x, in):
		p.forward(c, x, in, in.at-from.walker.HeaderSize()-len(pingToken))
		in.start = in.at
	case from.walker.Final() && !opcode.Control():
		p.active = now
		if !to.deaf {
			p.count(x, from.walker.Message())
		}
	}
	if to.farewell != nil || to.beat.pinging {
		p.forward(c, x, in, in.at)
		p.inject(c, 1-x, now)
	}
	if from.discarded > discardBytes {
		// It goes on talking to one who has left.
		p.stop(c, x, now)
	}
}

// answersUs tells whether the pong that has just ended is the answer to our ping.
// One that came in pieces is passed on, which does no harm (RFC 6455 section
// 5.5.3).
func (p *passage) answersUs(x int, in *piece) bool {
	w := &p.parties[x].walker
	begin := in.at - w.HeaderSize() - len(pingToken)
	if !p.parties[x].beat.waiting || w.Length() != uint64(len(pingToken)) || begin < in.start {
		return false
	}
	key := w.Key()
	for i, b := range in.buffer[in.at-len(pingToken) : in.at] {
		if b^key[i] != pingToken[i] {
			return false
		}
	}
	return true
}

func (p *passage) count(x int, bytes uint64) {
	if x == fromClient {
		p.session.FromClient(1, bytes)
		return
	}
	p.session.ToClient(1, bytes)
}
