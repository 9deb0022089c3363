// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bufio"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/nowait"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = time.Minute

// gate is a TLS listener that relays each connection to one upstream: as little
// of a gateway as a relay needs.
type gate struct {
	tb       testing.TB
	relay    proxy.Relay
	pool     *proxy.Pool
	limits   contract.EffectiveLimits
	listener net.Listener
	config   *tls.Config
	sessions chan *session.Session
	closures chan *outcome.Closure
	ctx      context.Context
	cancel   context.CancelFunc
	choice   proxy.Choice
}

func newPool(addresses ...string) *proxy.Pool {
	pool := proxy.NewPool(proxy.Options{Now: time.Now, Random: mathrand.Float64, AllowLoopback: true})
	pool.SetEndpoints(contract.Endpoints{Version: 1, Backends: map[string]contract.BackendEndpoints{"b": {Addresses: addresses}}})
	return pool
}

var toB = []contract.Backend{{Name: "b"}}

func handshake() proxy.Handshake { return proxy.Handshake{Target: "/chat?x=1", Host: "ws.example.com"} }

// timeouts of a relay; 0 means the default.
type timeouts struct {
	CloseTimeout, WriteTimeout time.Duration
	// SendBuffer is that of the sockets of clients, in bytes; 0 means the
	// system's.
	SendBuffer int
}

// kind is a relay under test.
type kind struct {
	make func(timeouts, func() float64) proxy.Relay
	// frames is true of a relay that passes frames on as they came.
	frames bool
}

// relays are all kinds, by name.
func relays() map[string]kind {
	return map[string]kind{
		"Messages": {func(t timeouts, random func() float64) proxy.Relay {
			return proxy.NewMessages(proxy.MessagesOptions{Now: time.Now, Random: random, CloseTimeout: t.CloseTimeout})
		}, false},
		"Loops": {func(t timeouts, random func() float64) proxy.Relay {
			return proxy.NewLoops(proxy.FramesOptions{Now: time.Now, Random: random, CloseTimeout: t.CloseTimeout})
		}, true},
		"Frames": {func(t timeouts, random func() float64) proxy.Relay {
			return proxy.NewFrames(proxy.FramesOptions{Now: time.Now, Random: random, CloseTimeout: t.CloseTimeout})
		}, true},
	}
}

// portable are the relays that take any connection, one in fake time, too.
func portable() map[string]kind {
	kinds := relays()
	delete(kinds, "Loops")
	return kinds
}

// newGate serves until the test ends. change may set the limits and timeouts.
func (k kind) newGate(tb testing.TB, upstream *wstest.Upstream, change ...func(*contract.EffectiveLimits, *timeouts)) *gate {
	tb.Helper()
	return k.newGateTo(tb, upstream, proxy.Choice{Backends: toB}, change...)
}

// newGateTo is newGate for a choice of the upstream.
func (k kind) newGateTo(tb testing.TB, upstream *wstest.Upstream, choice proxy.Choice, change ...func(*contract.EffectiveLimits, *timeouts)) *gate {
	tb.Helper()
	var absent *contract.Limits
	limits := absent.WithDefaults()
	var times timeouts
	for _, c := range change {
		c(&limits, &times)
	}
	limits.WriteTimeout = cmp.Or(times.WriteTimeout, limits.WriteTimeout)
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	g := &gate{
		tb: tb, choice: choice, relay: k.make(times, mathrand.Float64), pool: newPool(upstream.Address), limits: limits,
		listener: listener, config: serverTLS(tb), sessions: make(chan *session.Session, 1000), closures: make(chan *outcome.Closure, 1000),
		ctx: ctx, cancel: cancel,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.serve(times.SendBuffer)
	}()
	tb.Cleanup(func() {
		_ = listener.Close()
		cancel()
		<-done
		if loops, ok := g.relay.(*proxy.Loops); ok {
			loops.Close()
		}
	})
	return g
}

// rawGate is newGate to an upstream that does anything with its connections, by TLS if
// secure.
func (k kind) rawGate(tb testing.TB, secure bool, handle func(net.Conn), change ...func(*contract.EffectiveLimits, *timeouts)) *gate {
	tb.Helper()
	if !secure {
		return k.newGate(tb, wstest.Raw(tb, handle), change...)
	}
	ca := wstest.NewCA(tb)
	upstream := wstest.SecureRaw(tb, serving(tb, ca.Issue(tb, backendName)), handle)
	return k.newGateTo(tb, upstream, byTLS(trusting(ca)), change...)
}

// hops are how an upstream may be reached: whether by TLS, by name.
func hops() map[string]bool { return map[string]bool{"plain": false, "by TLS": true} }

func (g *gate) serve(sendBuffer int) {
	relays := make(chan struct{}, 1000)
	n := 0
	for {
		conn, err := g.listener.Accept()
		if err != nil {
			break
		}
		if sendBuffer > 0 {
			_ = conn.(*net.TCPConn).SetWriteBuffer(sendBuffer)
		}
		n++
		go func() {
			defer func() { relays <- struct{}{} }()
			g.handle(tls.Server(nowait.Wrap(conn), g.config))
		}()
	}
	for range n {
		<-relays
	}
}

func (g *gate) handle(conn net.Conn) {
	reader := bufio.NewReaderSize(conn, 16)
	request, err := http.ReadRequest(reader)
	if err != nil {
		_ = conn.Close()
		return
	}
	upstream, err := g.pool.Connect(g.ctx, g.choice, handshake())
	if err != nil {
		g.tb.Errorf("connect: %v", err)
		_ = conn.Close()
		return
	}
	defer upstream.Release()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
		wstest.Accept(request.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
	s := session.New(&audit.Connection{ID: conn.RemoteAddr().String()})
	g.sessions <- s
	early, _ := reader.Peek(reader.Buffered())
	closure := g.relay.Relay(g.ctx, proxy.Replay(conn, slices.Clone(early)), upstream, s, g.limits)
	// First this: who has seen the closure may count what is open.
	upstream.Release()
	g.closures <- closure
}

// closure waits for the end of a connection.
func (g *gate) closure() *outcome.Closure {
	g.tb.Helper()
	select {
	case c := <-g.closures:
		return c
	case <-time.After(patience):
		g.tb.Fatal("the relay did not end")
		return nil
	}
}

func (g *gate) want(reason outcome.Reason, by outcome.Initiator, code int) {
	g.tb.Helper()
	if c := g.closure(); c.Reason != reason || c.Initiator != by || c.Code != code {
		g.tb.Errorf("closure = %v by %s, want %s (%d) by %s", c, c.Initiator, reason, code, by)
	}
}

// dial opens a connection as an ordinary client.
func (g *gate) dial() *websocket.Conn {
	g.tb.Helper()
	dialer := websocket.Dialer{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, HandshakeTimeout: patience}
	ws, response, err := dialer.Dial("wss://"+g.listener.Addr().String()+"/", nil)
	if err != nil {
		g.tb.Fatal(err)
	}
	_ = response.Body.Close()
	g.tb.Cleanup(func() { _ = ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	return ws
}

// raw opens a connection whose frames the test writes itself.
func (g *gate) raw(early ...byte) *tls.Conn {
	g.tb.Helper()
	dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	dialled, err := dialer.DialContext(g.tb.Context(), "tcp", g.listener.Addr().String())
	if err != nil {
		g.tb.Fatal(err)
	}
	conn := dialled.(*tls.Conn)
	g.tb.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	request := "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := conn.Write(append([]byte(request), early...)); err != nil {
		g.tb.Fatal(err)
	}
	head := make([]byte, 0, 256)
	for !slices.Equal(head[max(len(head)-4, 0):], []byte("\r\n\r\n")) {
		head = append(head, 0)
		if _, err := io.ReadFull(conn, head[len(head)-1:]); err != nil {
			g.tb.Fatal(err)
		}
	}
	return conn
}

func serverTLS(tb testing.TB) *tls.Config {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// frame is one frame as on the network.
type frame struct {
	first   byte // FIN, RSV and opcode
	payload []byte
}

const (
	fin  = 0x80
	text = 1
	bin  = 2
	clos = 8
	ping = 9
	pong = 10
)

// masked writes a frame as a client does, with an all-zero key, so that tests
// can read what they write.
func masked(first byte, payload []byte) []byte {
	return encode(first, 0x80, payload, []byte{0, 0, 0, 0})
}

// plain writes a frame as a server does.
func plain(first byte, payload []byte) []byte { return encode(first, 0, payload, nil) }

func encode(first, mask byte, payload, key []byte) []byte {
	out := []byte{first}
	switch n := len(payload); {
	case n < 126:
		out = append(out, mask|byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, mask|126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, mask|127), uint64(n))
	}
	return append(append(out, key...), payload...)
}

// readFrame reads one frame, unmasked.
func readFrame(r io.Reader) (frame, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	length := uint64(head[1] & 0x7f)
	if length >= 126 {
		extended := make([]byte, map[uint64]int{126: 2, 127: 8}[length])
		if _, err := io.ReadFull(r, extended); err != nil {
			return frame{}, err
		}
		length = 0
		for _, b := range extended {
			length = length<<8 | uint64(b)
		}
	}
	var key [4]byte
	if head[1]&0x80 != 0 {
		if _, err := io.ReadFull(r, key[:]); err != nil {
			return frame{}, err
		}
	}
	payload := make([]byte, length)
	_, err := io.ReadFull(r, payload)
	for i := range payload {
		payload[i] ^= key[i%4]
	}
	return frame{head[0], payload}, err
}

// readClose reads to the Close frame and returns its code, 1005 for none, or
// 1006 when the connection ends without.
func readClose(r io.Reader) int {
	for {
		f, err := readFrame(r)
		switch {
		case err != nil:
			return outcome.CodeAbnormal
		case f.first&0xf == clos && len(f.payload) < 2:
			return outcome.CodeNoStatus
		case f.first&0xf == clos:
			return int(binary.BigEndian.Uint16(f.payload))
		}
	}
}

// closeCode is the code in the error with which a library connection ended.
func closeCode(err error) int {
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
		return closed.Code
	}
	return outcome.CodeAbnormal
}

// ending reads a library connection to its end and closes it.
func ending(ws *websocket.Conn) error {
	for {
		if _, _, err := ws.ReadMessage(); err != nil {
			_ = ws.Close()
			return err
		}
	}
}

// recorder is an upstream that reads to the end and hands over how it ended.
func recorder(tb testing.TB) (*wstest.Upstream, <-chan error) {
	tb.Helper()
	ends := make(chan error, 1000)
	return wstest.Serve(tb, func(ws *websocket.Conn) { ends <- ending(ws) }), ends
}

func wantUpstreamCode(tb testing.TB, ends <-chan error, code int) {
	tb.Helper()
	select {
	case err := <-ends:
		if got := closeCode(err); got != code {
			tb.Errorf("upstream saw %v, want code %d", err, code)
		}
	case <-time.After(patience):
		tb.Error("the upstream saw no end")
	}
}
