// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package nowait

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// ErrWouldBlock is what a taken connection returns where another would wait. It
// is a net.Error and says Temporary: crypto/tls remembers every other error for
// ever.
const ErrWouldBlock = wouldBlockError("nothing to read yet")

type wouldBlockError string

func (w wouldBlockError) Error() string { return string(w) }

// Timeout implements net.Error.
func (wouldBlockError) Timeout() bool { return false }

// Temporary implements net.Error.
func (wouldBlockError) Temporary() bool { return true }

var _ net.Error = ErrWouldBlock

// ErrFull means that there was more to decrypt than there was room for.
var ErrFull = errors.New("no room for what was decrypted")

// ErrDemanding means that the peer has changed keys, or asked for new ones, again and
// again, each time of which costs as much as a message of ten times the size; or that
// it has sent record after record without data.
var ErrDemanding = errors.New("new keys, or records without data, too often")

// MaxAnswers is how many bytes one Decrypt may make a connection write: three dozen
// answers to requests for new keys. Nobody needs more than one in millions of
// records (RFC 8446 section 5.5).
const MaxAnswers = 1 << 10

// Conn is a connection below a tls.Conn. It is not safe for concurrent use
// beyond what the connection that it was made of is, and once taken not at all.
type Conn struct {
	net.Conn

	exchange *Exchange
}

// Wrap returns a Conn that passes everything through until it is taken.
func Wrap(conn net.Conn) *Conn { return &Conn{Conn: conn} }

// Take makes the connection read from an Exchange and write to it, for good. No
// other call may be under way. Deadlines mean nothing from here on, there are no
// addresses any more, and Close leaves the connection below to the caller, who has
// it alone: it is forgotten here, as it would cost memory for as long as this one
// lives.
func (c *Conn) Take(e *Exchange) { c.exchange, c.Conn = e, nil }

// Taken tells whether Take was called.
func (c *Conn) Taken() bool { return c.exchange != nil }

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	if c.exchange == nil {
		return c.Conn.Read(p) //nolint:wrapcheck // it stands for the connection
	}
	return c.exchange.read(p)
}

// Write implements net.Conn. Taken, it keeps everything and never fails: to
// crypto/tls an error of writing is final, even a temporary one.
func (c *Conn) Write(p []byte) (int, error) {
	if c.exchange == nil {
		return c.Conn.Write(p) //nolint:wrapcheck // it stands for the connection
	}
	c.exchange.Out = append(c.exchange.Out, p...)
	return len(p), nil
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	if c.exchange == nil {
		return c.Conn.Close() //nolint:wrapcheck // it stands for the connection
	}
	return nil
}

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr {
	if c.exchange == nil {
		return c.Conn.LocalAddr()
	}
	return taken{}
}

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr {
	if c.exchange == nil {
		return c.Conn.RemoteAddr()
	}
	return taken{}
}

// taken is the address of a connection that was taken.
type taken struct{}

// Network implements net.Addr.
func (taken) Network() string { return "taken" }

// String implements net.Addr.
func (taken) String() string { return "taken" }

// CloseWrite ends our direction of a connection that is not taken, as far as it
// can.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.exchange == nil {
		return half.CloseWrite() //nolint:wrapcheck // it stands for the connection
	}
	return nil
}

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	if c.exchange == nil {
		return c.Conn.SetDeadline(t) //nolint:wrapcheck // it stands for the connection
	}
	return nil
}

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if c.exchange == nil {
		return c.Conn.SetReadDeadline(t) //nolint:wrapcheck // it stands for the connection
	}
	return nil
}

// SetWriteDeadline implements net.Conn. Closing a tls.Conn calls it.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if c.exchange == nil {
		return c.Conn.SetWriteDeadline(t) //nolint:wrapcheck // it stands for the connection
	}
	return nil
}

// Exchange is where taken connections read and write. One is enough for all
// connections of a goroutine, as long as it is empty between two of them.
type Exchange struct {
	// In is ciphertext that the network has delivered. The memory stays the
	// caller's: crypto/tls copies what it cannot use yet.
	In []byte
	// Ended says that nothing comes behind In.
	Ended bool
	// Out is ciphertext to be sent. Connections append to it, and not only in
	// answer to Write: a request for new keys is answered while reading.
	Out []byte
	// Barren is how many records without data the last Decrypt has come across. It is
	// known only with Buffers.
	Barren int
	// Buffers, if not nil, lets Decrypt put In where crypto/tls looks for it and
	// ask only for records that are complete. Reading through Conn costs an
	// allocation for each time that crypto/tls asks it, and it asks at least
	// once in vain.
	Buffers *Buffers
}

func (e *Exchange) read(p []byte) (int, error) {
	switch {
	case len(e.In) > 0:
		n := copy(p, e.In)
		e.In = e.In[n:]
		return n, nil
	case e.Ended:
		return 0, io.EOF
	}
	return 0, ErrWouldBlock
}

// Decrypt reads all that a taken connection has, In included, and appends it to
// plain. The error is nil as long as more may come, io.EOF after the peer's
// close_notify or an end between two records, and otherwise final. What is
// returned beside an error came before it.
//
// A peer that makes the connection write more than MaxAnswers meanwhile gets
// ErrDemanding. One that changes its own keys needs no answer: Barren counts that.
//
// plain needs room for In and for one record more (tls records hold 16 KiB),
// whose beginning the connection may have already; else the error is ErrFull.
func (e *Exchange) Decrypt(conn *tls.Conn, plain []byte) ([]byte, error) {
	if e.Buffers != nil {
		e.Buffers.put(conn, e.In)
		e.In = nil
	}
	most := len(e.Out) + MaxAnswers
	e.Barren = e.Buffers.complete(conn)
	for e.Buffers == nil || e.Ended || e.Buffers.ready(conn) {
		if len(e.Out) > most {
			return plain, ErrDemanding
		}
		room := plain[len(plain):cap(plain)]
		if len(room) == 0 {
			// Read returns 0 bytes and no error for an empty slice: a loop
			// without end.
			return plain, ErrFull
		}
		n, err := conn.Read(room)
		plain = plain[:len(plain)+n]
		if err == nil {
			e.Barren = max(e.Barren-1, 0)
			continue
		}
		if errors.Is(err, ErrWouldBlock) {
			return plain, nil
		}
		if errors.Is(err, io.EOF) {
			return plain, io.EOF
		}
		return plain, fmt.Errorf("decrypt: %w", err)
	}
	return plain, nil
}
