// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/nowait"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// quiet is a peer by TLS that allocates nothing.
type quiet struct {
	secure   *tls.Conn
	network  net.Conn
	exchange nowait.Exchange
	in       []byte
	plain    []byte
}

// take goes on without allocations where the handshakes have ended.
func take(secure *tls.Conn, below *nowait.Conn, network net.Conn) (*quiet, error) {
	q := &quiet{secure: secure, network: network, in: make([]byte, 32<<10), plain: make([]byte, 0, 64<<10)}
	var err error
	q.exchange.Buffers, err = nowait.FindBuffers()
	q.exchange.Out = make([]byte, 0, 64<<10)
	below.Take(&q.exchange)
	return q, err
}

func newQuiet(t *testing.T, g *gate) *quiet {
	t.Helper()
	network, err := net.Dial("tcp", g.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = network.Close() })
	_ = network.SetDeadline(time.Now().Add(6 * patience))
	below := nowait.Wrap(network)
	secure := tls.Client(below, &tls.Config{InsecureSkipVerify: true})
	if _, err := io.WriteString(secure, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	for head := []byte{}; !bytes.HasSuffix(head, []byte("\r\n\r\n")); {
		one := make([]byte, 1)
		if _, err := io.ReadFull(secure, one); err != nil {
			t.Fatal(err)
		}
		head = append(head, one...)
	}
	q, err := take(secure, below, network)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func (q *quiet) write(p []byte) error {
	q.exchange.Out = q.exchange.Out[:0]
	_, err := q.secure.Write(p)
	if err == nil {
		_, err = q.network.Write(q.exchange.Out)
	}
	return err
}

// read reads so many bytes.
func (q *quiet) read(size int) error {
	for got := 0; got < size; {
		n, err := q.network.Read(q.in)
		if err != nil {
			return err
		}
		q.exchange.In = q.in[:n]
		plain, err := q.exchange.Decrypt(q.secure, q.plain)
		if err != nil {
			return err
		}
		got += len(plain)
	}
	return nil
}

// echo sends a frame and reads so many bytes of answer.
func (q *quiet) echo(t *testing.T, request []byte, answer int) {
	t.Helper()
	if err := errors.Join(q.write(request), q.read(answer)); err != nil {
		t.Fatal(err)
	}
}

// quietEcho is an upstream that answers each frame by one of that size; by TLS if secure.
func quietEcho(t *testing.T, secure bool, size int, change func(*contract.EffectiveLimits, *timeouts)) *gate {
	t.Helper()
	loops := relays()["Loops"]
	if !secure {
		return loops.newGate(t, wstest.Raw(t, func(conn net.Conn) { echoFrames(conn, size) }), change)
	}
	ca := wstest.NewCA(t)
	config := serving(t, ca.Issue(t, backendName))
	request, answer := len(masked(fin|bin, make([]byte, size))), plain(fin|bin, make([]byte, size))
	return loops.newGateTo(t, wstest.Raw(t, func(conn net.Conn) {
		below := nowait.Wrap(conn)
		server := tls.Server(below, config)
		shake(server)
		q, err := take(server, below, conn)
		for err == nil {
			if err = q.read(request); err == nil {
				err = q.write(answer)
			}
		}
	}), byTLS(trusting(ca)), change)
}

func TestNothingIsAllocatedPerMessageInALoop(t *testing.T) {
	unlimited := func(_ *contract.EffectiveLimits, o *timeouts) { o.CloseTimeout = time.Second }
	rated := func(l *contract.EffectiveLimits, o *timeouts) {
		unlimited(l, o)
		l.MessagesPerSecond, l.BytesPerSecond, l.MaxFrameBytes, l.MessageTypes = 1_000_000, 1<<30, 1<<20, contract.OnlyBinary
	}
	for _, test := range []struct {
		name   string
		size   int
		secure bool
		limits func(*contract.EffectiveLimits, *timeouts)
	}{
		{"128 bytes", 128, false, unlimited},
		{"16 KiB", 16 << 10, false, unlimited},
		{"128 bytes, with rates", 128, false, rated},
		{"16 KiB, with rates", 16 << 10, false, rated},
		{"128 bytes, by TLS to the upstream, too", 128, true, unlimited},
		{"16 KiB, by TLS to the upstream, too", 16 << 10, true, unlimited},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := newQuiet(t, quietEcho(t, test.secure, test.size, test.limits))
			request, answer := masked(fin|bin, make([]byte, test.size)), len(plain(fin|bin, make([]byte, test.size)))
			for range 50 { // buffers grow to their size
				q.echo(t, request, answer)
			}
			// Timers of the runtime and of the loop are set now and then.
			if allocations := testing.AllocsPerRun(400, func() { q.echo(t, request, answer) }); allocations >= 1 && !raceDetector {
				t.Errorf("%v allocations for an echo", allocations)
			}
		})
	}
}
