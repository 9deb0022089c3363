// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// patience is more than a busy machine needs for one answer.
const patience = 30 * time.Second

// client opens connections to one server.
type client struct {
	address string
	tls     *tls.Config
	// requests differ by their tokens, and are sent in turns.
	requests [][]byte
	sent     atomic.Int64
	// idle connections are those that the order "open" made.
	idle []*conn
	// talkers are those that the order "gather" made.
	talkers []*conn
}

func newClient(target Target) (*client, error) {
	bundle, err := os.ReadFile(target.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the CA: %w", err)
	}
	tokens, err := os.ReadFile(target.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("read the tokens: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(bundle) {
		return nil, fmt.Errorf("%s: no certificate in it", target.CAFile)
	}
	c := &client{
		address: target.Address,
		tls: &tls.Config{
			MinVersion: tls.VersionTLS13, RootCAs: pool, ServerName: target.Host,
			CurvePreferences: []tls.CurveID{tls.X25519},
		},
	}
	for token := range strings.FieldsSeq(string(tokens)) {
		c.requests = append(c.requests, []byte("GET "+target.Path+" HTTP/1.1\r\nHost: "+target.Host+
			"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"+
			"Authorization: Bearer "+token+"\r\n\r\n"))
	}
	if len(c.requests) == 0 {
		return nil, fmt.Errorf("%s: no token in it", target.TokenFile)
	}
	return c, nil
}

// conn is a WebSocket connection that speaks in whole messages, one at a time.
type conn struct {
	*tls.Conn
	reader *bufio.Reader
}

// dial opens a connection and shakes hands; change may be nil.
func (c *client) dial(ctx context.Context, change func(*tls.Config)) (*conn, error) {
	config := c.tls
	if change != nil {
		config = c.tls.Clone()
		change(config)
	}
	raw, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	secured := tls.Client(raw, config)
	k := &conn{Conn: secured, reader: bufio.NewReaderSize(secured, 512)}
	if err := k.shake(c.requests[int(c.sent.Add(1))%len(c.requests)]); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return k, nil
}

func (k *conn) shake(request []byte) error {
	_ = k.SetDeadline(time.Now().Add(patience))
	if _, err := k.Write(request); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	response, err := http.ReadResponse(k.reader, nil)
	if err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	if err := response.Body.Close(); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the answer was %s", response.Status)
	}
	return k.SetDeadline(time.Time{})
}

// end says goodbye as a browser does, and hangs up.
func (k *conn) end() {
	_ = k.SetDeadline(time.Now().Add(patience))
	_, _ = k.Write(frame(0x8, []byte{0x03, 0xe8}))
	_, _ = io.Copy(io.Discard, k.reader)
	_ = k.Close()
}

// frame is a whole message in one frame, masked as RFC 6455 section 5.3 asks of
// clients. The mask is always the same one, so that a message is made once.
func frame(opcode byte, payload []byte) []byte {
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	out := []byte{0x80 | opcode}
	switch n := len(payload); {
	case n < 126:
		out = append(out, 0x80|byte(n))
	case n <= 0xffff:
		out = binary.BigEndian.AppendUint16(append(out, 0x80|126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, 0x80|127), uint64(n))
	}
	out = append(out, mask[:]...)
	for i, b := range payload {
		out = append(out, b^mask[i&3])
	}
	return out
}

// message is one to be echoed: as it is sent, and as it has to come back.
type message struct{ sent, payload []byte }

func newMessage(size int) message {
	payload := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
	return message{sent: frame(0x2, payload), payload: payload}
}

var errMixed = errors.New("another message came back than was sent")

// echo sends a message and waits for it to come back, however many frames it
// comes in. Pings meanwhile are left unanswered: a pong is nothing that could be
// compared.
func (k *conn) echo(m message, scratch []byte) error {
	if _, err := k.Write(m.sent); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	for got := 0; ; {
		first, n, err := k.header()
		if err != nil {
			return err
		}
		if first&0x8 != 0 {
			if first&0xf == 0x8 {
				return io.EOF
			}
			if _, err := k.reader.Discard(n); err != nil {
				return fmt.Errorf("receive: %w", err)
			}
			continue
		}
		if got+n > len(m.payload) {
			return errMixed
		}
		if _, err := io.ReadFull(k.reader, scratch[:n]); err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		if !bytes.Equal(scratch[:n], m.payload[got:got+n]) {
			return errMixed
		}
		if got += n; first&0x80 != 0 {
			if got != len(m.payload) {
				return errMixed
			}
			return nil
		}
	}
}

// header reads the head of an unmasked frame.
func (k *conn) header() (first byte, length int, err error) {
	var head [8]byte
	if _, err := io.ReadFull(k.reader, head[:2]); err != nil {
		return 0, 0, fmt.Errorf("receive: %w", err)
	}
	first, length = head[0], int(head[1])
	extended := map[int]int{126: 2, 127: 8}[length]
	if extended == 0 {
		return first, length, nil
	}
	clear(head[:])
	if _, err := io.ReadFull(k.reader, head[8-extended:]); err != nil {
		return 0, 0, fmt.Errorf("receive: %w", err)
	}
	return first, int(binary.BigEndian.Uint64(head[:]) & 0x7fffffff), nil
}

// percentile of times that are then sorted.
func percentile(times []time.Duration, p float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[min(len(times)-1, int(p*float64(len(times))))]
}
