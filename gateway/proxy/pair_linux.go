// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/due"
	"github.com/wsgateway/websocket-gateway-operator/gateway/nowait"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// dropAfter is how long a connection keeps the buffers of crypto/tls.
const dropAfter = 2 * time.Second

// pair is one connection of a loop. Only the loop's goroutine touches it once it
// was started.
type pair struct {
	passage

	loop *loop
	slot int32
	turn int32
	tls  *tls.Conn
	// early is what came behind the handshakes, until start.
	early   [2][]byte
	below   *nowait.Conn
	sockets [2]socket
	timer   due.Slot
	// dropAt is when the buffers are looked at; 0 when they were given back.
	dropAt time.Duration
	// lingering is true once our directions were ended and the peers have until
	// then to end theirs.
	lingering bool
	until     time.Duration
	buried    bool
	demand    demand
	// lifetime is the channel of its context; nil for one that never ends.
	lifetime <-chan struct{}
	// done is called when both connections are closed.
	done func(*outcome.Closure)
}

// adopt takes the descriptors of both connections; false leaves everything as it
// was.
func (p *pair) adopt(client, upstream net.Conn) bool {
	clientEarly, inner := unplayed(client)
	upstreamEarly, _ := unplayed(upstream)
	secure, ok := inner.(*tls.Conn)
	if !ok {
		return false
	}
	below, ok := secure.NetConn().(*nowait.Conn)
	if !ok {
		return false
	}
	p.tls, p.below, p.early = secure, below, [2][]byte{clientEarly, upstreamEarly}
	var err error
	if p.sockets[fromClient].fd, err = descriptor(below.Conn); err != nil {
		return false
	}
	if p.sockets[fromUpstream].fd, err = descriptor(upstream); err != nil {
		p.sockets[fromClient].close()
		return false
	}
	_ = below.Conn.Close()
	_ = upstream.Close()
	return true
}

// unplayed returns what a Replay would return first and the connection below it.
func unplayed(conn net.Conn) ([]byte, net.Conn) {
	if r, ok := conn.(*replayed); ok {
		return r.early, r.Conn
	}
	return nil, conn
}

// start makes the pair the loop's. What came with the handshakes is relayed
// first: no event will tell of it.
func (p *pair) start(ctx context.Context) {
	l := p.loop
	l.enter(p)
	p.below.Take(&l.exchange)
	p.dropAt = l.now + dropAfter
	l.on(p, func() {
		for x, early := range p.early {
			for len(early) > 0 {
				n := copy(l.plain[headroom:headroom+cipherRoom], early)
				early = early[n:]
				p.receive(l, x, l.plain[:headroom+n], l.now)
				l.settleCork()
			}
		}
		p.early = [2][]byte{}
		p.decrypt()
	})
	// Not before: what ends a pair must find it started.
	l.bind(ctx, p)
	p.session.OnEnd(p.endLater)
}

// vanish closes both connections and says so.
func (p *pair) vanish() {
	for x := range p.sockets {
		p.sockets[x].close()
	}
	p.loop.of.open.Add(-1)
	p.done(p.closure)
}

// settleCork makes what waits for the upstream independent of the buffer that it
// was read into.
func (l *loop) settleCork() {
	l.cork = append(l.cork, l.direct...)
	l.direct = nil
}

func (p *pair) key(x int) int32 { return p.slot*2 + int32(x) } //nolint:gosec // 0 or 1

func (p *pair) endLater(closure *outcome.Closure) {
	p.loop.post(func() {
		p.loop.on(p, func() { p.end(p.loop, closure, p.loop.now) })
	})
}

// follow does what follows from a change: sends, ends, and tells epoll and the
// timers what is waited for.
func (p *pair) follow() {
	l := p.loop
	if p.over() && !p.lingering {
		p.notify() // in one piece with the last words
	}
	p.sendAll()
	if p.over() && !p.lingering && p.settled() {
		p.hangUp()
		p.sendAll()
	}
	if p.lingering && p.left() {
		p.kill()
		return
	}
	p.hold()
	for x := range p.sockets {
		p.remask(x)
	}
	if p.retimed() {
		l.timers.Set(p, l.frames.start.Add(p.next()))
	}
}

// hold says who is not read, because the other one does not take what it sends or
// because it has sent too much.
// What is for one that has gone holds nobody up, nor is there a time for it.
func (p *pair) hold() {
	for x := range p.sockets {
		s := &p.sockets[x]
		if p.parties[x].gone {
			s.pending = nil
		}
		p.setHeld(1-x, len(s.pending) > 0 || p.rests(1-x, p.loop.now), p.loop.now)
	}
}

// retimed tells whether the timer may have to be set: not with every message.
func (p *pair) retimed() bool {
	return p.closure != nil || p.timer.At().IsZero() || p.waits() || p.sooner(p.loop.now)
}

// sendAll sends what the passage has written in this turn. That one can be written to
// no more makes it write more to the other, which may be found to be so, too, then.
func (p *pair) sendAll() {
	l := p.loop
	for range len(p.sockets) + 1 {
		toClient, toUpstream := l.exchange.Out, l.direct
		if len(l.cork) > 0 {
			l.settleCork()
			toUpstream = l.cork
		}
		if len(toClient) > 0 || len(toUpstream) > 0 {
			p.flush(fromUpstream, toUpstream)
			p.flush(fromClient, toClient)
		}
		// Before what follows from an error, which fills them again.
		l.cork, l.direct, l.exchange.Out = l.cork[:0], nil, toClient[:0]
		upstream, client := p.giveUp(fromUpstream), p.giveUp(fromClient)
		if !upstream && !client {
			return
		}
	}
}

// settled tells whether all was sent.
func (p *pair) settled() bool {
	for x := range p.sockets {
		if len(p.sockets[x].pending) > 0 && !p.parties[x].gone && p.loop.now < p.by {
			return false
		}
	}
	return true
}

// hangUp ends our directions. A socket that is closed with unread bytes is reset,
// and the reset may overtake the Close frame that was just sent; so the peers get
// a moment to end theirs.
func (p *pair) hangUp() {
	p.lingering, p.until = true, p.loop.now+lingerTime
	p.notify()
	p.flush(fromClient, p.loop.exchange.Out)
	p.loop.exchange.Out = p.loop.exchange.Out[:0]
	for x := range p.sockets {
		s := &p.sockets[x]
		switch party := &p.parties[x]; {
		case party.gone, len(s.pending) > 0:
			s.ended = true
		case party.parted && x == fromUpstream:
			// It has read all of ours, so no reset can overtake anything. A client
			// gets an orderly end all the same: browsers tell its user of a reset.
			s.close()
		default:
			_ = syscall.Shutdown(s.fd, syscall.SHUT_WR)
		}
	}
}

// notify ends our direction of TLS, once; what it writes is in the exchange.
func (p *pair) notify() { _ = p.tls.CloseWrite() }

// left tells whether both peers have gone or had their time.
func (p *pair) left() bool {
	return p.loop.now >= p.until || p.sockets[0].ended && p.sockets[1].ended
}

func (p *pair) kill() {
	if !p.buried {
		p.buried = true
		p.loop.dead = append(p.loop.dead, p)
	}
}

// waits tells whether something is pending.
func (p *pair) waits() bool { return len(p.sockets[0].pending) > 0 || len(p.sockets[1].pending) > 0 }

// next is when tickAll has something to do.
func (p *pair) next() time.Duration {
	if p.lingering {
		return p.until
	}
	next := p.loop.now + p.due(p.loop.now)
	for x := range p.sockets {
		if s := &p.sockets[x]; len(s.pending) > 0 {
			next = min(next, s.since+p.terms.writeTimeout)
		}
	}
	if p.dropAt > 0 {
		next = min(next, p.dropAt)
	}
	return next
}

// tickAll does what is due.
func (p *pair) tickAll() {
	l := p.loop
	if p.lingering {
		return
	}
	for x := range p.sockets {
		if s := &p.sockets[x]; len(s.pending) > 0 && l.now >= s.since+p.terms.writeTimeout {
			p.unwritable(l, x, os.ErrDeadlineExceeded, l.now)
		}
	}
	if p.dropAt > 0 && l.now >= p.dropAt {
		p.drop()
	}
	p.tick(l, l.now)
}

// drop gives back the buffers of a connection that has been quiet for a while.
func (p *pair) drop() {
	if p.loop.now < p.parties[fromClient].heard+dropAfter {
		p.dropAt = p.parties[fromClient].heard + dropAfter
		return
	}
	p.dropAt = 0
	buffers := p.loop.exchange.Buffers
	if buffers != nil && !p.parties[fromClient].silent && buffers.Drop(p.tls) > 0 {
		p.loop.of.dropped.Add(1)
	}
}
