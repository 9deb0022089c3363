// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	coder "github.com/coder/websocket"
	"github.com/gorilla/websocket"
)

// Servers that echo. They are on two libraries that have nothing in common, and look
// at texts in different ways: the first while they come, the second as a whole.
const (
	onGorilla = "gorilla"
	onCoder   = "coder"
)

// echoes starts both servers and returns their addresses.
func echoes(t *testing.T) map[string]string {
	t.Helper()
	addresses := map[string]string{}
	for name, echo := range map[string]func(http.ResponseWriter, *http.Request) net.Conn{onGorilla: echoGorilla, onCoder: echoCoder} {
		// The server forgets connections that were taken over.
		var open sync.WaitGroup
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			open.Add(1)
			defer open.Done()
			if conn := echo(w, r); conn != nil {
				hangUp(conn)
			}
		}))
		t.Cleanup(func() {
			server.Close()
			open.Wait()
		})
		addresses[name] = server.Listener.Addr().String()
	}
	return addresses
}

// hangUp closes a connection without losing what was just sent: closing a socket
// that still has unread bytes resets it, and a Close frame may be lost with it.
func hangUp(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	if conn.SetReadDeadline(time.Now().Add(time.Minute)) == nil {
		_, _ = io.Copy(io.Discard, conn)
	}
}

// echoGorilla judges a text while it comes.
func echoGorilla(w http.ResponseWriter, r *http.Request) net.Conn {
	upgrader := websocket.Upgrader{EnableCompression: true, CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return nil
	}
	for {
		kind, reader, err := ws.NextReader()
		if err != nil {
			return ws.NetConn()
		}
		var judge textReader
		source := reader
		if kind == websocket.TextMessage {
			judge.reader = reader
			source = &judge
		}
		data, err := io.ReadAll(source)
		if errors.Is(err, errText) {
			bye := websocket.FormatCloseMessage(websocket.CloseInvalidFramePayloadData, "")
			_ = ws.WriteControl(websocket.CloseMessage, bye, time.Now().Add(time.Minute))
		}
		if err != nil || ws.WriteMessage(kind, data) != nil {
			return ws.NetConn()
		}
	}
}

var errText = errors.New("text is not UTF-8")

// textReader fails at the first byte that cannot be in a text. The bytes of at most
// one character are kept until the rest of it comes.
type textReader struct {
	reader io.Reader
	begun  []byte
}

// Read implements io.Reader.
func (r *textReader) Read(p []byte) (int, error) {
	n, err := r.reader.Read(p)
	rest := append(r.begun, p[:n]...)
	for len(rest) > 0 && (utf8.FullRune(rest) || errors.Is(err, io.EOF)) {
		char, size := utf8.DecodeRune(rest)
		if char == utf8.RuneError && size <= 1 {
			return 0, errText
		}
		rest = rest[size:]
	}
	r.begun = append([]byte(nil), rest...)
	return n, err
}

// echoCoder judges a text when all of it is there.
func echoCoder(w http.ResponseWriter, r *http.Request) net.Conn {
	kept := &keeping{ResponseWriter: w}
	ws, err := coder.Accept(kept, r, &coder.AcceptOptions{InsecureSkipVerify: true, CompressionMode: coder.CompressionContextTakeover})
	if err != nil {
		return nil
	}
	ws.SetReadLimit(-1)
	ctx := context.WithoutCancel(r.Context())
	for {
		kind, data, err := ws.Read(ctx)
		if err != nil {
			return kept.conn
		}
		if kind == coder.MessageText && !utf8.Valid(data) {
			_ = ws.Close(coder.StatusInvalidFramePayloadData, "")
			return kept.conn
		}
		if ws.Write(ctx, kind, data) != nil {
			return kept.conn
		}
	}
}

// keeping keeps the connection that the library takes over.
type keeping struct {
	http.ResponseWriter
	conn net.Conn
}

// Hijack implements http.Hijacker.
func (k *keeping) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(k.ResponseWriter).Hijack()
	k.conn = conn
	return conn, buffers, err
}
