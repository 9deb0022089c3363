// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/nowait"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// mostPending bounds what is kept for a party that does not take it. A source
// is not read meanwhile, so it is one wake-up at most; but a peer may ask for
// new keys again and again and never read an answer.
const mostPending = 256 << 10

// socket is one of the two.
type socket struct {
	fd int
	// mask is what epoll reports; added says that it does.
	mask  uint32
	added bool
	// pending is what the peer has not taken yet, since when it has taken
	// nothing.
	pending []byte
	since   time.Duration
	// listened is how much was read and thrown away at the end; ended says that
	// the peer has ended its direction.
	listened int
	ended    bool
	// failed is why nothing can be written any more; sendAll tells the passage.
	failed error
}

// close closes the socket, of which epoll knows no more then.
func (s *socket) close() {
	if s.fd >= 0 {
		_ = syscall.Close(s.fd)
		s.fd, s.ended, s.added = -1, true, false
	}
}

// ready does what epoll has reported.
func (p *pair) ready(x int, events uint32) {
	s := &p.sockets[x]
	const broken = syscall.EPOLLERR | syscall.EPOLLHUP
	if events&syscall.EPOLLOUT != 0 || events&broken != 0 && len(s.pending) > 0 {
		p.flush(x, nil)
	}
	switch {
	case s.mask&syscall.EPOLLIN != 0 && events&(syscall.EPOLLIN|broken) != 0:
		p.read(x)
	case events&broken != 0:
		// Level-triggered, this would be reported for ever.
		p.passage.ended(p.loop, x, syscall.ECONNRESET, p.loop.now)
		s.ended = true
	}
}

func (p *pair) read(x int) {
	if p.lingering {
		p.listen(x)
		return
	}
	l := p.loop
	room := l.cipher
	if p.tls[x] == nil {
		room = l.plain[headroom : headroom+cipherRoom]
	}
	n, err := syscall.Read(p.sockets[x].fd, room)
	switch {
	case err != nil && again(err):
	case err != nil:
		p.passage.ended(l, x, os.NewSyscallError("read", err), l.now)
	case p.tls[x] != nil:
		l.exchanges[x].In, l.exchanges[x].Ended = room[:n], n == 0
		p.decrypt(x)
	case n == 0:
		p.passage.ended(l, x, io.EOF, l.now)
	default:
		p.receive(l, x, l.plain[:headroom+n], l.now)
	}
}

// decrypt relays what a party has sent by TLS. An end that came together with a Close
// frame, or with what broke a rule, is of no interest any more, and would keep the
// answer from the party.
func (p *pair) decrypt(x int) {
	l, exchange := p.loop, &p.loop.exchanges[x]
	answered := len(exchange.Out)
	plain, err := exchange.Decrypt(p.tls[x], l.plain[:headroom])
	answered = len(exchange.Out) - answered
	if barren := exchange.Barren; err == nil && answered+barren > 0 && p.demands[x].more(answered, barren, l.now) {
		err = nowait.ErrDemanding
	}
	if p.dropAt == 0 {
		p.dropAt = l.now + dropAfter
		l.timers.Set(p, l.frames.start.Add(p.next()))
	}
	if len(plain) > headroom {
		p.receive(l, x, plain, l.now)
	}
	if err != nil && !p.parties[x].silent {
		// The alert, if there is one: to whom is gone nothing is sent.
		p.flush(x, exchange.Out)
		exchange.Out = exchange.Out[:0]
		p.passage.ended(l, x, err, l.now)
	}
}

// mostBarren is how many records without data a peer may send in a second. A change
// of its keys is one and costs as much as several messages, of which no rate of bytes
// or messages would take notice.
const mostBarren = 200

// demand is what a peer has wanted of TLS within a second, besides the data that it
// sends.
type demand struct {
	from time.Duration
	// bytes that reading has made TLS write, and records without data.
	bytes, barren int
}

// more adds to it and tells whether that is too much.
func (d *demand) more(bytes, barren int, now time.Duration) bool {
	if now >= d.from+time.Second {
		*d = demand{from: now}
	}
	d.bytes += bytes
	d.barren += barren
	return d.bytes > nowait.MaxAnswers || d.barren > mostBarren
}

// encrypt puts records for a party into its exchange.
func (p *pair) encrypt(x int, plain []byte) {
	if _, err := p.tls[x].Write(plain); err != nil {
		p.unwritable(p.loop, x, err, p.loop.now)
	}
}

// listen throws away what a peer sends at the end.
func (p *pair) listen(x int) {
	s := &p.sockets[x]
	n, err := syscall.Read(s.fd, p.loop.cipher)
	if err != nil && again(err) {
		return
	}
	if s.listened += max(n, 0); err != nil || n == 0 || s.listened > lingerBytes {
		s.ended = true
	}
}

// flush sends what is pending and then more, and keeps what the socket does not
// take. It tells nobody of an error: what follows from one reads and writes more, which
// must not happen to whoever is about to send.
func (p *pair) flush(x int, more []byte) {
	s := &p.sockets[x]
	if p.parties[x].gone || s.failed != nil {
		s.pending = nil
		return
	}
	if len(s.pending) > 0 {
		s.pending = append(s.pending, more...)
		more = s.pending
	}
	if len(more) == 0 {
		return
	}
	n, err := p.send(x, more)
	if err != nil && !again(err) {
		s.pending, s.failed = nil, os.NewSyscallError("write", err)
		return
	}
	s.keep(more, max(n, 0), p.loop.now)
	if len(s.pending) > mostPending {
		s.failed = errStuck
	}
}

// send gives the socket what it takes. The client's last words wait for the end of our
// direction, which follows at once: one packet, which wakes the client once.
func (p *pair) send(x int, batch []byte) (int, error) {
	fd := p.sockets[x].fd
	if x == fromClient && p.over() && !p.lingering && len(p.sockets[fromUpstream].pending) == 0 {
		return syscall.SendmsgN(fd, batch, nil, nil, syscall.MSG_MORE)
	}
	return syscall.Write(fd, batch)
}

// giveUp ends the connection if nothing can be written to one any more, and tells
// whether that is new.
func (p *pair) giveUp(x int) bool {
	s := &p.sockets[x]
	if s.failed == nil || p.parties[x].gone {
		return false
	}
	if !errors.Is(s.failed, errStuck) {
		p.lastWords(x)
	}
	p.unwritable(p.loop, x, s.failed, p.loop.now)
	return true
}

// lastWords reads what one has sent that can be written to no more. Who closes a
// socket at once behind a Close frame, with bytes of ours unread, resets the connection:
// that ends what goes out, but the Close frame is still there and is the reason.
func (p *pair) lastWords(x int) {
	const most = 4 // times as much as is ever read at once
	for range most {
		if party := &p.parties[x]; p.lingering || party.silent || party.held {
			return
		}
		// What waits to be sent may lie where is read to now.
		p.loop.settleCork()
		p.read(x)
	}
}

// keep keeps what is left of batch after so many bytes were sent.
func (s *socket) keep(batch []byte, sent int, now time.Duration) {
	if sent > 0 || len(s.pending) == 0 {
		s.since = now
	}
	switch rest := batch[sent:]; {
	case len(rest) == 0:
		s.pending = nil
	case len(s.pending) > 0:
		s.pending = rest // of itself
	default:
		s.pending = append([]byte(nil), rest...) // batch is the loop's
	}
}

// again tells whether a system call may succeed later.
func again(err error) bool {
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR)
}

var errStuck = errors.New("does not take what is sent")

// wanted is what is waited for: a party is read while the other one takes what it
// sends, and at the end.
func (p *pair) wanted(x int) (mask uint32) {
	s, from := &p.sockets[x], &p.parties[x]
	if p.lingering && !s.ended || !from.silent && !from.held {
		mask = syscall.EPOLLIN
	}
	if len(s.pending) > 0 {
		mask |= syscall.EPOLLOUT
	}
	return mask
}

// remask tells epoll what is waited for.
func (p *pair) remask(x int) {
	s, mask := &p.sockets[x], p.wanted(x)
	operation := syscall.EPOLL_CTL_MOD
	switch gone := s.ended || p.parties[x].gone; {
	case gone && s.added:
		operation, s.added = syscall.EPOLL_CTL_DEL, false
	case gone, s.added && s.mask == mask:
		return
	case !s.added:
		operation, s.added = syscall.EPOLL_CTL_ADD, true
	}
	s.mask = mask
	if err := p.loop.watch(operation, s.fd, mask, p.key(x), p.turn); err != nil {
		p.fail(outcome.Close(outcome.RelayFailed, outcome.ByGateway, err.Error()), p.loop.now)
		p.kill()
	}
}

// duplicate returns another descriptor of the same socket.
func duplicate(fd int) (int, error) {
	again, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return -1, os.NewSyscallError("fcntl", errno)
	}
	return int(again), nil
}
