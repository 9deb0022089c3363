// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"net"
	"sync"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// threads carries a passage with goroutines that wait: one reads each party, and
// whoever has something for a party writes it.
type threads struct {
	frames *Frames
	ports  [2]port
	timer  *time.Timer
	calls  sync.WaitGroup

	mu sync.Mutex
	// moved tells of a queue that was emptied and of the end.
	moved    sync.Cond
	passage  passage
	hurried  bool
	finished bool
}

// port is the connection to one party.
type port struct {
	conn net.Conn
	// answers is nil where TLS is not.
	answers *impatient
	// queue is for the next write, spare is where the next queue grows.
	queue, spare []byte
	writing      bool
	// woken is true once reading was ended.
	woken bool
}

var _ carrier = (*threads)(nil)

func newThreads(f *Frames, client, upstream net.Conn) *threads {
	t := &threads{frames: f}
	t.ports[fromClient].conn, t.ports[fromUpstream].conn = client, upstream
	t.moved.L = &t.mu
	for x := range t.ports {
		// What is left of the handshakes' deadlines must not matter.
		_ = t.ports[x].conn.SetDeadline(time.Time{})
	}
	return t
}

// write implements carrier.
func (t *threads) write(to int, p []byte) {
	t.ports[to].queue = append(t.ports[to].queue, p...)
}

// read reads a party until its direction is over.
func (t *threads) read(x int) {
	defer t.contain()
	buffer, _ := t.frames.buffers.Get().(*[]byte)
	defer func() {
		poison(*buffer)
		t.frames.buffers.Put(buffer)
	}()
	for t.readOnce(x, *buffer) {
	}
}

func (t *threads) readOnce(x int, buffer []byte) (more bool) {
	n, err := t.ports[x].conn.Read(buffer[headroom:])
	err = t.ports[x].answers.explain(err)
	t.mu.Lock()
	defer t.mu.Unlock()
	now, from := t.frames.elapsed(), &t.passage.parties[x]
	t.passage.setHeld(x, true, now)
	if n > 0 {
		t.passage.receive(t, x, buffer[:headroom+n], now)
	}
	if err != nil {
		t.passage.ended(t, x, err, now)
	}
	t.follow(now)
	for !from.silent && (!t.drained(1-x) || t.passage.rests(x, now)) {
		t.moved.Wait()
		now = t.frames.elapsed()
	}
	t.passage.setHeld(x, false, now)
	if t.passage.sooner(now) && !t.finished {
		t.timer.Reset(t.passage.due(now))
	}
	return !from.silent
}

// drained tells whether a party has taken, or will never take, what is for it.
func (t *threads) drained(x int) bool {
	return len(t.ports[x].queue) == 0 && !t.ports[x].writing || t.passage.parties[x].gone
}

// follow does what follows from a change of the passage.
func (t *threads) follow(now time.Duration) {
	for x := range t.ports {
		if p := &t.ports[x]; t.passage.parties[x].silent && !p.woken {
			p.woken = true
			_ = p.conn.SetReadDeadline(time.Unix(1, 0))
		}
		if t.passage.closure != nil && !t.hurried {
			_ = t.ports[x].conn.SetWriteDeadline(t.lastWrite())
		}
	}
	t.hurried = t.passage.closure != nil
	if !t.finished {
		t.timer.Reset(t.passage.due(now))
	}
	for x := range t.ports {
		t.flush(x)
	}
	t.moved.Broadcast()
}

// flush writes what is for a party, unless somebody is at it already.
func (t *threads) flush(x int) {
	p := &t.ports[x]
	for !p.writing && len(p.queue) > 0 {
		if t.passage.parties[x].gone {
			p.queue = nil
			return
		}
		p.queue, p.spare = p.spare[:0], p.queue
		if err := t.send(p); err != nil {
			now := t.frames.elapsed()
			t.passage.unwritable(t, x, err, now)
			t.follow(now)
		}
	}
}

// send writes without holding the lock.
func (t *threads) send(p *port) error {
	deadline := t.frames.options.Now().Add(t.passage.terms.writeTimeout)
	if last := t.lastWrite(); !last.IsZero() && last.Before(deadline) {
		deadline = last
	}
	p.writing = true
	batch := p.spare
	_ = p.conn.SetWriteDeadline(deadline)
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		p.writing = false
		// While reading, TLS may write, too: it answers a request for new keys (RFC 8446
		// section 4.6.3), and that must not meet a deadline that has long passed.
		_ = p.conn.SetWriteDeadline(t.lastWrite())
	}()
	_, err := p.conn.Write(batch)
	return err //nolint:wrapcheck // its cause is what is told
}

// lastWrite is when nothing more is written, once the end has begun; zero before.
func (t *threads) lastWrite() time.Time {
	if t.passage.closure == nil {
		return time.Time{}
	}
	return t.frames.start.Add(t.passage.by)
}

// contain keeps a bug in one connection from ending all the others.
func (t *threads) contain() {
	if problem := recover(); problem != nil {
		detail := mistake(problem)
		t.act(func(now time.Duration) {
			t.passage.fail(outcome.Close(outcome.RelayFailed, outcome.ByGateway, detail), now)
		})
	}
}

// act does something to the passage from outside of the readers.
func (t *threads) act(do func(now time.Duration)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.finished {
		return
	}
	now := t.frames.elapsed()
	do(now)
	t.follow(now)
}

// endLater is a planned end, in a goroutine of its own: writing may take long.
func (t *threads) endLater(closure *outcome.Closure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.finished {
		return
	}
	t.calls.Go(func() {
		t.act(func(now time.Duration) { t.passage.end(t, closure, now) })
	})
}

func (t *threads) startTimer() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timer = time.AfterFunc(t.passage.due(t.frames.elapsed()), t.tick)
}

func (t *threads) tick() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.finished {
		return
	}
	t.calls.Go(func() {
		t.act(func(now time.Duration) { t.passage.tick(t, now) })
	})
}

// finish waits until all is written and lets no more calls in.
func (t *threads) finish() {
	t.mu.Lock()
	for !t.drained(fromClient) || !t.drained(fromUpstream) {
		t.moved.Wait()
	}
	t.finished = true
	t.timer.Stop()
	t.mu.Unlock()
	t.calls.Wait()
}

func (t *threads) hangUp(x int) {
	hangUp(t.ports[x].conn, t.passage.parties[x].gone, t.frames.options.Now)
}
