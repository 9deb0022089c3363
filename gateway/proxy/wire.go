// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/frame"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// errBroken ends reading from a peer that has broken a rule.
var errBroken = errors.New("has broken a rule")

// errUnwritable ends reading from a peer that cannot be answered.
var errUnwritable = errors.New("cannot be written to")

// wire is the connection as the library sees it. It knows what the library
// does not tell: whether an error came from the network, when the last byte
// came, and whether anybody is reading at all. And it shows the library no frame
// that breaks a rule: so both relays judge alike, by the same walker, and limits
// that the library does not know hold as well. Reads are for one goroutine.
type wire struct {
	net.Conn

	messages *Messages
	// answers is nil where TLS is not.
	answers *impatient
	// play, if not nil, is read and written instead of the network.
	play play

	// readError is the network's last word, for the reading goroutine.
	readError error
	peer      peer
	walker    frame.Walker
	// broken is the rule that the peer did not keep to.
	broken *outcome.Closure
	// closing collects the peer's Close frame; closed is true behind it.
	closing *frame.Payload
	closed  bool
	// tempo holds a client to its rates; the upstream has none.
	tempo    *tempo
	progress progress

	// until is that of tempo, by that of progress, for other goroutines.
	until, by atomic.Int64
	// expired is true once the peer has taken too long.
	expired atomic.Bool
	// ending is closed when the end begins; nil where nobody waits for it.
	ending chan struct{}

	// lastRead is a time of Messages.elapsed.
	lastRead atomic.Int64
	reading  atomic.Bool

	// failed is true once a write did not reach the network, slow when the peer took
	// nothing for too long.
	failed, slow atomic.Bool

	// mu makes choosing and setting the write deadline one step; without it a
	// writer could overwrite the shorter deadline of closedown.
	mu sync.Mutex
	// last is the deadline that no write may pass, once the end has begun.
	last time.Time
}

func (m *Messages) newWire(conn net.Conn) *wire {
	return &wire{Conn: conn, messages: m}
}

// Read implements net.Conn.
func (w *wire) Read(p []byte) (int, error) {
	if w.play != nil {
		return w.play.Read(p)
	}
	if w.broken != nil {
		return 0, errBroken
	}
	w.beforeRead()
	n, err := w.Conn.Read(p)
	err = w.answers.explain(err)
	n = w.afterRead(p[:n])
	if err != nil && w.expired.Load() && w.broken == nil {
		w.broken = tooSlow(w.peer.name, w.peer.limits.FrameTimeout)
	}
	if w.broken == nil {
		w.readError = err
		return n, err
	}
	if n == 0 {
		return 0, errBroken
	}
	return n, nil // the next read tells
}

// Write implements net.Conn. Each write has the timeout for itself, so that a
// slow peer that reads on is kept and one that does not holds a buffer only so
// long.
func (w *wire) Write(p []byte) (int, error) {
	if w.play != nil {
		return w.play.Write(p)
	}
	err := w.limitNextWrite()
	n := 0
	if err == nil {
		n, err = w.Conn.Write(p)
		w.endWrite()
	}
	if err != nil {
		w.slow.Store(errors.Is(err, os.ErrDeadlineExceeded))
		w.failed.Store(true)
	}
	return n, err
}

func (w *wire) limitNextWrite() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	deadline := w.messages.options.Now().Add(writeTimeout(w.peer.limits))
	if !w.last.IsZero() && w.last.Before(deadline) {
		deadline = w.last
	}
	return w.Conn.SetWriteDeadline(deadline)
}

// endWrite takes back what limitNextWrite has set: while reading, TLS may write, too. It
// answers a request for new keys (RFC 8446 section 4.6.3), and that must not meet a
// deadline that has long passed.
func (w *wire) endWrite() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.Conn.SetWriteDeadline(w.last)
}

// closedown lets no write, not even one under way, last longer than deadline.
func (w *wire) closedown(deadline time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = deadline
	_ = w.Conn.SetWriteDeadline(deadline)
	if w.ending != nil {
		close(w.ending)
	}
}

// SetWriteDeadline does nothing: the library clears the deadline before each
// write, but Write knows better.
func (*wire) SetWriteDeadline(time.Time) error { return nil }

// wake ends a read under way and all to come.
func (w *wire) wake() { _ = w.Conn.SetReadDeadline(time.Unix(1, 0)) }
