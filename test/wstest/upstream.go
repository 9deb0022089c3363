// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package wstest

import (
	"bufio"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Upstream is a backend on a loopback port that ends with its test.
type Upstream struct {
	// Address is 127.0.0.1:PORT.
	Address string

	accepted atomic.Int64

	mu       sync.Mutex
	requests []*http.Request
	conns    map[net.Conn]bool
	stopped  bool
	handlers sync.WaitGroup
	listener net.Listener
}

// Requests returns the handshakes so far.
func (u *Upstream) Requests() []*http.Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]*http.Request(nil), u.requests...)
}

// Accepted counts the connections so far, whatever came over them.
func (u *Upstream) Accepted() int64 { return u.accepted.Load() }

// Open counts the connections that are open now.
func (u *Upstream) Open() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.conns)
}

// Reset ends all connections by a TCP reset, as a killed process may.
func (u *Upstream) Reset() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for conn := range u.conns {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
}

// Stop closes the port and all connections and waits for their handlers. The
// test's end does so too.
func (u *Upstream) Stop() {
	_ = u.listener.Close()
	u.mu.Lock()
	u.stopped = true
	for conn := range u.conns {
		_ = conn.Close()
	}
	u.mu.Unlock()
	u.handlers.Wait()
}

// Raw is a backend that does anything with its connections: handle owns one
// until it returns, then it is closed.
func Raw(tb testing.TB, handle func(net.Conn)) *Upstream {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // listens for as long as the test lasts
	if err != nil {
		tb.Fatalf("listen for an upstream: %v", err)
	}
	u := &Upstream{Address: listener.Addr().String(), listener: listener, conns: map[net.Conn]bool{}}
	u.handlers.Go(func() { u.accept(handle) })
	tb.Cleanup(u.Stop)
	return u
}

// SecureRaw is Raw by TLS: handle gets a tls.Conn whose handshake is done.
func SecureRaw(tb testing.TB, config *tls.Config, handle func(net.Conn)) *Upstream {
	tb.Helper()
	return Raw(tb, func(conn net.Conn) { handle(secure(conn, config)) })
}

// secure shakes hands by TLS. Where that fails, it listens on until the client has
// gone: a reset would overtake the alert.
func secure(conn net.Conn, config *tls.Config) *tls.Conn {
	secured := tls.Server(conn, config)
	if secured.HandshakeContext(context.Background()) != nil {
		_, _ = io.Copy(io.Discard, conn)
	}
	return secured
}

func (u *Upstream) accept(handle func(net.Conn)) {
	for {
		conn, err := u.listener.Accept()
		if err != nil {
			return
		}
		u.accepted.Add(1)
		u.mu.Lock()
		if u.stopped {
			u.mu.Unlock()
			_ = conn.Close()
			return
		}
		u.conns[conn] = true
		u.handlers.Go(func() {
			defer u.forget(conn)
			handle(conn)
		})
		u.mu.Unlock()
	}
}

func (u *Upstream) forget(conn net.Conn) {
	_ = conn.Close()
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.conns, conn)
}

// Serve is a backend that speaks WebSocket: handle owns a connection until it
// returns. It chooses the first offered subprotocol of those given.
func Serve(tb testing.TB, handle func(*websocket.Conn), subprotocols ...string) *Upstream {
	tb.Helper()
	return serve(tb, func(conn net.Conn) net.Conn { return conn }, handle, subprotocols)
}

func serve(tb testing.TB, below func(net.Conn) net.Conn, handle func(*websocket.Conn), subprotocols []string) *Upstream {
	tb.Helper()
	var u *Upstream
	upgrader := websocket.Upgrader{
		Subprotocols: subprotocols,
		CheckOrigin:  func(*http.Request) bool { return true },
	}
	ready := make(chan struct{})
	u = Raw(tb, func(conn net.Conn) {
		<-ready
		ws := u.upgrade(below(conn), upgrader)
		if ws != nil {
			handle(ws)
		}
	})
	close(ready)
	return u
}

func (u *Upstream) upgrade(conn net.Conn, upgrader websocket.Upgrader) *websocket.Conn {
	reader := bufio.NewReader(conn)
	request, err := http.ReadRequest(reader)
	if err != nil {
		return nil
	}
	u.mu.Lock()
	u.requests = append(u.requests, request)
	u.mu.Unlock()
	ws, err := upgrader.Upgrade(&responder{conn: conn, reader: reader}, request, nil)
	if err != nil {
		return nil
	}
	return ws
}

// Echo sends every message back as it came, in one frame, and answers Close
// frames with their own code.
func Echo(tb testing.TB, subprotocols ...string) *Upstream {
	tb.Helper()
	return Serve(tb, echo, subprotocols...)
}

// SecureEcho is Echo by TLS.
func SecureEcho(tb testing.TB, config *tls.Config) *Upstream {
	tb.Helper()
	return SecureServe(tb, config, echo)
}

// SecureServe is Serve by TLS.
func SecureServe(tb testing.TB, config *tls.Config, handle func(*websocket.Conn)) *Upstream {
	tb.Helper()
	return serve(tb, func(conn net.Conn) net.Conn { return secure(conn, config) }, handle, nil)
}

func echo(ws *websocket.Conn) {
	for {
		kind, data, err := ws.ReadMessage()
		if err != nil || ws.WriteMessage(kind, data) != nil {
			// The peer of a server closes second: let it.
			_ = ws.SetReadDeadline(time.Now().Add(time.Second))
			_, _ = io.Copy(io.Discard, ws.NetConn())
			return
		}
	}
}

// Closing sends a Close frame after the first message and waits for the answer,
// which it hands over.
func Closing(tb testing.TB, code int, text string) (*Upstream, <-chan error) {
	tb.Helper()
	answers := make(chan error, 16)
	u := Serve(tb, func(ws *websocket.Conn) {
		if _, _, err := ws.ReadMessage(); err != nil {
			return
		}
		ws.SetCloseHandler(func(int, string) error { return nil })
		_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(time.Second))
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				answers <- err
				return
			}
		}
	})
	return u, answers
}

// Silent accepts connections and never answers, until they or the test end.
func Silent(tb testing.TB) *Upstream {
	tb.Helper()
	return Raw(tb, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
}

// Answering sends the given bytes as its answer to the handshake and keeps the
// connection open. {accept} in it becomes the right Sec-WebSocket-Accept.
func Answering(tb testing.TB, answer string) *Upstream {
	tb.Helper()
	return Raw(tb, func(conn net.Conn) {
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		accept := Accept(request.Header.Get("Sec-WebSocket-Key"))
		if _, err := io.WriteString(conn, strings.ReplaceAll(answer, "{accept}", accept)); err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, conn)
	})
}

// Accept is the Sec-WebSocket-Accept for a key (RFC 6455 section 4.2.2).
func Accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// responder lets the library's Upgrader answer on a bare connection.
type responder struct {
	conn   net.Conn
	reader *bufio.Reader
	header http.Header
}

func (r *responder) Header() http.Header {
	if r.header == nil {
		r.header = http.Header{}
	}
	return r.header
}

func (r *responder) Write(p []byte) (int, error) { return r.conn.Write(p) }

func (r *responder) WriteHeader(status int) {
	_, _ = fmt.Fprintf(r.conn, "HTTP/1.1 %d %s\r\nConnection: close\r\n\r\n", status, http.StatusText(status))
}

// Hijack implements http.Hijacker.
func (r *responder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return r.conn, bufio.NewReadWriter(r.reader, bufio.NewWriter(r.conn)), nil
}
