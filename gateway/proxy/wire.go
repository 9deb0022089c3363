// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// errFraming ends a message that consists of frame headers more than of
// payload: the limit of message bytes does not see an endless row of empty
// fragments (RFC 6455 section 5.4 allows them).
var errFraming = errors.New("message has too many fragments")

// errUnwritable ends reading from a peer that cannot be answered.
var errUnwritable = errors.New("cannot be written to")

// wire is the connection as the library sees it. It knows what the library
// does not tell: whether an error came from the network, when the last byte
// came, and whether anybody is reading at all. Reads are for one goroutine.
type wire struct {
	net.Conn

	messages *Messages
	// play, if not nil, is read and written instead of the network.
	play play

	// readError is the network's last word, for the reading goroutine.
	readError error
	// metered says that allowance bounds what may still be read.
	metered   bool
	allowance int64

	// lastRead is a time of Messages.elapsed.
	lastRead atomic.Int64
	reading  atomic.Bool

	// failed is true once a write did not reach the network.
	failed atomic.Bool

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
	if w.metered && w.allowance <= 0 {
		return 0, errFraming
	}
	w.reading.Store(true)
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.lastRead.Store(int64(w.messages.elapsed()))
	}
	w.reading.Store(false)
	w.allowance -= int64(n)
	w.readError = err
	return n, err
}

// meter bounds what the rest of a message may cost on the network: eight bytes
// for each byte of payload, which lets a message of single-byte fragments pass,
// and a little for control frames in between.
func (w *wire) meter(payload int64) {
	const perByte, extra = 8, 64 << 10
	w.metered = payload > 0
	w.allowance = payload*perByte + extra
}

func (w *wire) unmeter() { w.metered = false }

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
	}
	if err != nil {
		w.failed.Store(true)
	}
	return n, err
}

func (w *wire) limitNextWrite() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	deadline := w.messages.options.Now().Add(w.messages.options.WriteTimeout)
	if !w.last.IsZero() && w.last.Before(deadline) {
		deadline = w.last
	}
	return w.Conn.SetWriteDeadline(deadline)
}

// closedown lets no write, not even one under way, last longer than deadline.
func (w *wire) closedown(deadline time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = deadline
	_ = w.Conn.SetWriteDeadline(deadline)
}

// SetWriteDeadline does nothing: the library clears the deadline before each
// write, but Write knows better.
func (*wire) SetWriteDeadline(time.Time) error { return nil }

// wake ends a read under way and all to come.
func (w *wire) wake() { _ = w.Conn.SetReadDeadline(time.Unix(1, 0)) }
