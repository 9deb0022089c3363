// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/nowait"
)

// errTookNoAnswer ends reading from a peer that asks for answers and takes none.
var errTookNoAnswer = errors.New("took no answer of TLS")

// impatient is what is below the TLS of a relay that waits. Whoever reads from a
// tls.Conn may be made to write: a request for new keys is answered at once (RFC 8446
// section 4.6.3). A peer that asks on and on and reads nothing would hold that
// goroutine for as long as it likes, where neither a ping nor a message nor a timeout
// finds it out. So what is written while no deadline is set gets one of its own.
//
// It is as safe for concurrent use as the connection below, but for one writer at a
// time, which is all that tls.Conn has.
type impatient struct {
	net.Conn

	now      func() time.Time
	patience time.Duration
	// late is true once an answer was not taken in time. crypto/tls goes on reading
	// then, and would wait for the next answer as long.
	late atomic.Bool

	// mu makes choosing and setting a deadline one step.
	mu sync.Mutex
	// set is the deadline that was asked for, by our own for a write under way; zero for
	// none.
	set, by time.Time
}

// boundAnswers bounds how long crypto/tls waits for a peer to take its answers. It
// returns nil, and does nothing, where there is no TLS on top of a nowait.Conn: what is
// plain writes nothing by itself. Nobody else may use the connection meanwhile.
func boundAnswers(conn net.Conn, patience time.Duration, now func() time.Time) *impatient {
	if early, ok := conn.(*replayed); ok {
		conn = early.Conn
	}
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	below, ok := secure.NetConn().(*nowait.Conn)
	if !ok || below.Taken() {
		return nil
	}
	i := &impatient{Conn: below.Conn, now: now, patience: patience}
	below.Conn = i
	return i
}

// explain returns why reading has failed with err, or err. Where an answer is missing,
// crypto/tls has not changed its own keys either, and may say that a record is bad. i
// may be nil.
func (i *impatient) explain(err error) error {
	if err != nil && i != nil && i.late.Load() {
		return errTookNoAnswer
	}
	return err
}

// Read implements net.Conn.
func (i *impatient) Read(p []byte) (int, error) {
	if i.late.Load() {
		return 0, errTookNoAnswer
	}
	return i.Conn.Read(p) //nolint:wrapcheck // it stands for the connection
}

// Write implements net.Conn.
func (i *impatient) Write(p []byte) (int, error) {
	if i.late.Load() {
		return 0, fmt.Errorf("%w: %w", errTookNoAnswer, os.ErrDeadlineExceeded)
	}
	i.begin()
	n, err := i.Conn.Write(p)
	i.end(err)
	return n, err //nolint:wrapcheck // it stands for the connection
}

func (i *impatient) begin() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.by = i.now().Add(i.patience)
	if i.set.IsZero() {
		_ = i.Conn.SetWriteDeadline(i.by)
	}
}

func (i *impatient) end(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.by = time.Time{}
	if !i.set.IsZero() {
		return
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		i.late.Store(true)
	}
	_ = i.Conn.SetWriteDeadline(time.Time{})
}

// SetWriteDeadline implements net.Conn. The zero value leaves a write under way the
// time that it has.
func (i *impatient) SetWriteDeadline(t time.Time) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.set = t; t.IsZero() {
		t = i.by
	}
	return i.Conn.SetWriteDeadline(t) //nolint:wrapcheck // it stands for the connection
}

// SetDeadline implements net.Conn.
func (i *impatient) SetDeadline(t time.Time) error {
	return errors.Join(i.SetReadDeadline(t), i.SetWriteDeadline(t))
}

// CloseWrite ends our direction of the connection, as far as it can.
func (i *impatient) CloseWrite() error {
	if half, ok := i.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite() //nolint:wrapcheck // it stands for the connection
	}
	return nil
}
