// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/gorilla/websocket"
)

// Both handshakes are ours, and the library offers no other door than its own
// handshakes. So each leg plays a handshake for the library in which not a byte
// reaches the network.

const (
	// readBuffer holds frame headers and control frames. Payload that does not
	// fit is read past it.
	readBuffer = 512
	// writeBuffer lets a message of 16 KiB leave as one frame.
	writeBuffer = 16<<10 + 512
	// anyKey is a well-formed key for the handshake that nobody sees.
	anyKey = "AAAAAAAAAAAAAAAAAAAAAA=="
)

// serve makes the library the server of a connection.
func (m *Messages) serve(w *wire) (*websocket.Conn, error) {
	w.play = &swallow{}
	defer func() { w.play = nil }()
	upgrader := websocket.Upgrader{
		ReadBufferSize:  readBuffer,
		WriteBufferSize: writeBuffer,
		WriteBufferPool: &m.buffers,
		CheckOrigin:     func(*http.Request) bool { return true }, // was checked long before
	}
	request := &http.Request{
		Method: http.MethodGet,
		Header: http.Header{
			"Connection":            {"Upgrade"},
			"Upgrade":               {"websocket"},
			"Sec-Websocket-Version": {"13"},
			"Sec-Websocket-Key":     {anyKey},
		},
	}
	conn, err := upgrader.Upgrade(&hijacked{conn: w}, request, nil)
	if err != nil {
		return nil, fmt.Errorf("client leg: %w", err)
	}
	return conn, nil
}

// call makes the library the client of a connection.
func (m *Messages) call(w *wire) (*websocket.Conn, error) {
	w.play = &answering{}
	defer func() { w.play = nil }()
	dialer := websocket.Dialer{
		ReadBufferSize:  readBuffer,
		WriteBufferSize: writeBuffer,
		WriteBufferPool: &m.buffers,
		NetDialContext:  func(context.Context, string, string) (net.Conn, error) { return w, nil },
	}
	// No deadline and no cancellation: nothing here waits for anybody.
	conn, response, err := dialer.DialContext(context.Background(), "ws://upstream/", nil)
	if response != nil {
		_ = response.Body.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("upstream leg: %w", err)
	}
	return conn, nil
}

// play stands in for the network during a played handshake.
type play interface {
	Read(p []byte) (int, error)
	Write(p []byte) (int, error)
}

var errPlayed = errors.New("handshake was already done")

// swallow loses the 101 answer that the client has already.
type swallow struct{}

func (*swallow) Write(p []byte) (int, error) { return len(p), nil }

func (*swallow) Read([]byte) (int, error) { return 0, errPlayed }

// answering loses the request and answers it.
type answering struct {
	request bytes.Buffer
	done    bool
}

func (a *answering) Write(p []byte) (int, error) { return a.request.Write(p) }

func (a *answering) Read(p []byte) (int, error) {
	if a.done {
		return 0, errPlayed
	}
	a.done = true
	request, err := http.ReadRequest(bufio.NewReader(&a.request))
	if err != nil {
		return 0, fmt.Errorf("read own request: %w", err)
	}
	return copy(p, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: "+acceptKey(request.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n"), nil
}

// hijacked is the ResponseWriter of a played request.
type hijacked struct {
	conn net.Conn
}

func (*hijacked) Header() http.Header { return http.Header{} }

func (*hijacked) Write(p []byte) (int, error) { return len(p), nil }

func (*hijacked) WriteHeader(int) {}

// Hijack implements http.Hijacker. The buffers are the smallest there are: the
// library has its own.
func (h *hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReaderSize(h.conn, 1), bufio.NewWriterSize(h.conn, 1)), nil
}
