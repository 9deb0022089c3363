// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package nowait_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/nowait"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// tube is one direction of a network that never makes a writer wait.
type tube struct {
	mu     sync.Mutex
	filled *sync.Cond
	bytes  []byte
	closed bool
}

func newTube() *tube {
	t := &tube{}
	t.filled = sync.NewCond(&t.mu)
	return t
}

func (t *tube) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes = append(t.bytes, p...)
	t.filled.Broadcast()
	return len(p), nil
}

func (t *tube) Read(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.bytes) == 0 && !t.closed {
		t.filled.Wait()
	}
	if len(t.bytes) == 0 {
		return 0, io.EOF
	}
	n := copy(p, t.bytes)
	t.bytes = t.bytes[n:]
	return n, nil
}

// take returns all that was written and not read.
func (t *tube) take() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := t.bytes
	t.bytes = nil
	return taken
}

func (t *tube) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.filled.Broadcast()
}

// end is one end of a network of two tubes.
type end struct {
	net.Conn // nil: whatever else crypto/tls should call is a surprise

	in, out *tube
}

func (e *end) Read(p []byte) (int, error)     { return e.in.Read(p) }
func (e *end) Write(p []byte) (int, error)    { return e.out.Write(p) }
func (e *end) Close() error                   { e.out.close(); return nil }
func (*end) SetDeadline(time.Time) error      { return nil }
func (*end) SetReadDeadline(time.Time) error  { return nil }
func (*end) SetWriteDeadline(time.Time) error { return nil }

// couple is a client and a server that have finished their handshake. The
// server is taken: it reads what the test puts into the exchange.
type couple struct {
	client   *tls.Conn
	server   *tls.Conn
	conn     *nowait.Conn
	exchange *nowait.Exchange
	// toServer is what the client has sent, toClient what it will read.
	toServer, toClient *tube
	secrets            *wstest.Secrets
}

// kind is how a couple speaks and how the server reads.
type kind struct {
	version uint16
	// inside says that the server's buffers are found.
	inside bool
}

// kinds are all kinds of these versions, by name.
func kinds(versions ...uint16) map[string]kind {
	all := map[string]kind{}
	for _, version := range versions {
		all[tls.VersionName(version)+" through the connection"] = kind{version, false}
		all[tls.VersionName(version)+" through the buffers"] = kind{version, true}
	}
	return all
}

// newCouple makes a couple. before runs when the handshake is done and the server
// is not taken yet.
func newCouple(t testing.TB, k kind, before ...func(*couple)) *couple {
	t.Helper()
	version := k.version
	c := &couple{toServer: newTube(), toClient: newTube(), exchange: &nowait.Exchange{}, secrets: &wstest.Secrets{}}
	if k.inside {
		c.exchange.Buffers = buffers(t)
	}
	c.conn = nowait.Wrap(&end{in: c.toServer, out: c.toClient})
	c.server = tls.Server(c.conn, &tls.Config{Certificates: []tls.Certificate{certificate(t)}, SessionTicketsDisabled: true})
	c.client = tls.Client(&end{in: c.toClient, out: c.toServer}, &tls.Config{
		InsecureSkipVerify: true, MinVersion: version, MaxVersion: version, KeyLogWriter: c.secrets,
	})
	done := make(chan error, 1)
	go func() { done <- c.server.Handshake() }()
	if err := c.client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, b := range before {
		b(c)
	}
	c.conn.Take(c.exchange)
	return c
}

func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	return certificateFor(t)
}

// certificateFor has signed itself.
func certificateFor(t testing.TB, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: names}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// drip gives the server ciphertext in pieces of a size and returns what it has
// decrypted.
func (c *couple) drip(t testing.TB, ciphertext []byte, size int) []byte {
	t.Helper()
	var got []byte
	plain := make([]byte, 0, 64<<10)
	for len(ciphertext) > 0 {
		n := min(size, len(ciphertext))
		c.exchange.In = ciphertext[:n]
		ciphertext = ciphertext[n:]
		out, err := c.exchange.Decrypt(c.server, plain)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.exchange.In) > 0 {
			t.Fatalf("%d bytes were not read", len(c.exchange.In))
		}
		got = append(got, out...)
	}
	return got
}

// answer sends what the server has written to the client.
func (c *couple) answer() {
	_, _ = c.toClient.Write(c.exchange.Out)
	c.exchange.Out = c.exchange.Out[:0]
}
