// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/nowait"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

// Loops is Frames without a goroutine per direction and without a buffer per
// connection: a few event loops own the sockets of all of them. A connection that
// cannot be taken over, because it is no tls.Conn on top of a nowait.Conn or has
// no descriptor, is relayed by Frames.
type Loops struct {
	frames  *Frames
	open    atomic.Int64 // connections
	dropped atomic.Uint64
	turns   atomic.Uint64
	longest atomic.Int64
	// buffers is nil where crypto/tls has them elsewhere: that costs memory and
	// allocations, nothing else.
	buffers *nowait.Buffers

	mu    sync.Mutex
	loops []*loop
	next  int
	terms map[agreement]*terms
	ended bool
}

var (
	_ Relay   = (*Loops)(nil)
	_ Starter = (*Loops)(nil)
)

// NewLoops returns a relay that starts its loops, one for each processor, when
// there is a connection for them. Close ends them.
func NewLoops(o FramesOptions) *Loops {
	buffers, _ := nowait.FindBuffers() // Stats tells
	return &Loops{frames: NewFrames(o), buffers: buffers, terms: map[agreement]*terms{}}
}

// Close ends the loops and cuts the connections that they still have. Those that
// come later are relayed by Frames.
func (l *Loops) Close() {
	l.mu.Lock()
	loops := l.loops
	l.loops, l.ended = nil, true
	l.mu.Unlock()
	for _, one := range loops {
		one.stop()
	}
}

// loop is the next one in turn; nil when there are none.
func (l *Loops) loop() *loop {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.loops == nil && !l.ended {
		l.start()
	}
	if len(l.loops) == 0 {
		return nil
	}
	l.next = (l.next + 1) % len(l.loops)
	return l.loops[l.next]
}

// start starts as many loops as it can; one is enough.
func (l *Loops) start() {
	for range runtime.GOMAXPROCS(0) {
		one, err := newLoop(l)
		if err != nil {
			return // out of descriptors, say: the next connection tries again
		}
		l.loops = append(l.loops, one)
	}
}

// Open is the number of connections in the loops.
func (l *Loops) Open() int { return int(l.open.Load()) }

// Stats are the figures of the loops. It may be called at any time.
func (l *Loops) Stats() LoopStats {
	return LoopStats{
		Turns: l.turns.Load(), Longest: time.Duration(l.longest.Load()),
		Dropped: l.dropped.Load(), BuffersFound: l.buffers != nil,
	}
}

// tookLongest notes the longest turn that a loop has seen.
func (l *Loops) tookLongest(took time.Duration) {
	for {
		longest := l.longest.Load()
		if int64(took) <= longest || l.longest.CompareAndSwap(longest, int64(took)) {
			return
		}
	}
}

// agreement is what makes the terms of connections the same.
type agreement struct {
	limits     contract.EffectiveLimits
	compressed bool
}

// termsOf shares what connections with the same limits have in common.
func (l *Loops) termsOf(a agreement) *terms {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.terms[a]
	if t == nil {
		// No more limits are in force at a time than there are routes, but over the
		// years there are many.
		if len(l.terms) > 1000 {
			clear(l.terms)
		}
		t = newTerms(a.limits, &l.frames.options).compressed(a.compressed)
		l.terms[a] = t
	}
	return t
}

// Relay implements Relay.
func (l *Loops) Relay(ctx context.Context, client net.Conn, upstream *Upstream, s *session.Session, limits contract.EffectiveLimits) *outcome.Closure {
	done := make(chan *outcome.Closure, 1)
	if l.Start(ctx, &Link{Client: client, Upstream: upstream, Session: s, Limits: limits}, func(c *outcome.Closure) { done <- c }) {
		return <-done
	}
	return l.frames.Relay(ctx, client, upstream, s, limits)
}

// Start implements Starter. Of a link whose upstream it takes over it closes both
// connections.
func (l *Loops) Start(ctx context.Context, link *Link, done func(*outcome.Closure)) bool {
	p := &pair{loop: l.loop()}
	if p.loop == nil || !p.adopt(link.Client, link.Upstream.Conn) {
		return false
	}
	link.Upstream.Conn = nil
	p.begin(l.termsOf(agreement{link.Limits, link.Upstream.Extension != ""}), link.Session, l.frames.elapsed())
	l.open.Add(1)
	p.done = done
	if !p.loop.post(func() { p.start(ctx) }) {
		p.fail(outcome.Close(outcome.Shutdown, outcome.ByGateway, ""), 0)
		p.vanish()
	}
	return true
}

var errNoDescriptor = errors.New("connection has no descriptor")

// descriptor duplicates the descriptor of the connection at the bottom, which is
// to be closed then: closing takes it out of the runtime's poller.
func descriptor(conn net.Conn) (fd int, err error) {
	for {
		if early, ok := conn.(*replayed); ok {
			conn = early.Conn // its NetConn would be what is below TLS
			continue
		}
		below, ok := conn.(interface{ NetConn() net.Conn })
		if _, secure := conn.(*tls.Conn); !ok || secure {
			break // below TLS there is something else than what is relayed
		}
		conn = below.NetConn()
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return -1, errNoDescriptor
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("take over connection: %w", err)
	}
	var failed error
	err = raw.Control(func(of uintptr) { fd, failed = duplicate(int(of)) })
	if err = errors.Join(err, failed); err != nil {
		return -1, fmt.Errorf("take over connection: %w", err)
	}
	return fd, nil
}
