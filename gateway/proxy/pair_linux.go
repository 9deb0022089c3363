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
	// tls is nil for an upstream without TLS.
	tls [2]*tls.Conn
	// early is what came behind the handshakes, until start.
	early   [2][]byte
	sockets [2]socket
	timer   due.Slot
	// dropAt is when the buffers are looked at; 0 when they were given back.
	dropAt time.Duration
	// lingering is true once our directions were ended and the peers have until
	// then to end theirs.
	lingering bool
	until     time.Duration
	buried    bool
	demands   [2]demand
	// lifetime is the channel of its context; nil for one that never ends.
	lifetime <-chan struct{}
	// done is called when both connections are closed.
	done func(*outcome.Closure)
}

// adopt takes the descriptors of both connections; false leaves everything as it
// was.
func (p *pair) adopt(client, upstream net.Conn) bool {
	var bottoms [2]net.Conn
	for x, conn := range [2]net.Conn{client, upstream} {
		early, inner := unplayed(conn)
		bottom, ok := p.bottom(x, inner)
		if !ok {
			p.disown(x)
			return false
		}
		var err error
		if p.sockets[x].fd, err = descriptor(bottom); err != nil {
			p.disown(x)
			return false
		}
		p.early[x], bottoms[x] = early, bottom
	}
	for _, bottom := range bottoms {
		_ = bottom.Close()
	}
	return true
}

// bottom is what is below TLS, or the upstream's connection itself; false where
// there is TLS that cannot be taken over, or none where it has to be.
func (p *pair) bottom(x int, conn net.Conn) (net.Conn, bool) {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return conn, x == fromUpstream
	}
	below, ok := secure.NetConn().(*nowait.Conn)
	if !ok {
		return nil, false
	}
	p.tls[x] = secure
	return below.Conn, true
}

// disown closes the descriptors of those before one that cannot be taken.
func (p *pair) disown(before int) {
	for x := range before {
		p.sockets[x].close()
	}
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
	for x, secure := range p.tls {
		if secure == nil {
			continue
		}
		if below, ok := secure.NetConn().(*nowait.Conn); ok { // adopt has looked
			below.Take(&l.exchanges[x])
		}
	}
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
		for x, secure := range p.tls {
			if secure != nil {
				p.decrypt(x)
			}
		}
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
		toClient, toUpstream := p.unsent(fromClient), p.unsent(fromUpstream)
		if len(toClient) > 0 || len(toUpstream) > 0 {
			p.flush(fromUpstream, toUpstream)
			p.flush(fromClient, toClient)
		}
		// Before what follows from an error, which fills them again.
		l.empty()
		upstream, client := p.giveUp(fromUpstream), p.giveUp(fromClient)
		if !upstream && !client {
			return
		}
	}
}

// unsent is what the passage has written to a party in this turn.
func (p *pair) unsent(x int) []byte {
	l := p.loop
	if p.tls[x] != nil {
		return l.exchanges[x].Out
	}
	if len(l.cork) > 0 {
		l.settleCork()
		return l.cork
	}
	return l.direct
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
	for x := range p.sockets {
		p.flush(x, p.unsent(x))
	}
	p.loop.empty()
	for x := range p.sockets {
		s := &p.sockets[x]
		switch party := &p.parties[x]; {
		case party.gone, len(s.pending) > 0:
			s.ended = true
		case party.parted && x == fromUpstream && p.tls[x] == nil:
			// Nothing that was said is unread here, so there is no reset, as there would be
			// for its close_notify. A client gets an orderly end all the same: browsers
			// tell its user of a reset.
			s.close()
		default:
			_ = syscall.Shutdown(s.fd, syscall.SHUT_WR)
		}
	}
}

// notify ends our directions of TLS, once; what it writes is in the exchanges.
func (p *pair) notify() {
	for _, secure := range p.tls {
		if secure != nil {
			_ = secure.CloseWrite()
		}
	}
}

// left tells whether both peers have gone or had their time.
func (p *pair) left() bool {
	for x := range p.sockets {
		if !p.sockets[x].ended && !p.parties[x].gone {
			return p.loop.now >= p.until
		}
	}
	return true
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

// drop gives back the buffers of each side that has been quiet for a while: who only
// listens needs none, however much the other one has to say.
func (p *pair) drop() {
	p.dropAt = 0
	for x, secure := range p.tls {
		if secure == nil || p.parties[x].silent {
			continue
		}
		if quiet := p.parties[x].heard + dropAfter; p.loop.now < quiet {
			p.dropAt = max(p.dropAt, quiet)
			continue
		}
		if buffers := p.loop.exchanges[x].Buffers; buffers != nil && buffers.Drop(secure) > 0 {
			p.loop.of.dropped.Add(1)
		}
	}
}
