// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"bytes"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
)

// Message is an encoded message that knows when nobody reads it any more, so that its
// memory can be used again. Libraries go on reading what they were told to give up:
// an answer, or an error, is not the end. It is safe for concurrent use.
type Message struct {
	data    []byte
	readers atomic.Int64
	free    func()
}

// NewMessage returns a message with one reader, who calls Done. The data must not
// change before free is called, once, by the last reader; free may be nil.
func NewMessage(data []byte, free func()) *Message {
	m := &Message{data: data, free: free}
	m.readers.Store(1)
	return m
}

// Bytes may be read until Done.
func (m *Message) Bytes() []byte { return m.data }

// Done says that a reader is done, which it must do once.
func (m *Message) Done() {
	if m.readers.Add(-1) == 0 && m.free != nil {
		m.free()
	}
}

// read adds a reader. Whoever calls it is one.
func (m *Message) read() { m.readers.Add(1) }

// body is a message as the body of a request: a reader until it is closed.
type body struct {
	// mu keeps what is closed from being read: those who close it and those who read
	// it may be two.
	mu      sync.Mutex
	message *Message
	left    *bytes.Reader
}

func (m *Message) body() *body {
	m.read()
	return &body{message: m, left: bytes.NewReader(m.data)}
}

// Read implements io.Reader.
func (b *body) Read(to []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.message == nil {
		return 0, fs.ErrClosed
	}
	return b.left.Read(to) //nolint:wrapcheck // io.EOF
}

// Close implements io.Closer. The second time it does nothing.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.message != nil {
		b.message.Done()
		b.message = nil
	}
	return nil
}

var _ io.ReadCloser = (*body)(nil)
