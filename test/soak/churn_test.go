// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package soak_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// churn opens connections, and has them end in every way.
type churn struct {
	dialer wstest.Dialer
	// began numbers the connections, carried counts bytes that came back.
	began, carried atomic.Int64

	mu   sync.Mutex
	ends map[string]int
}

// workers is how many connections churn at a time.
const workers = 8

// until runs the workers for a time, or until one of them has met what must not be.
func (c *churn) until(t *testing.T, seed uint64, duration time.Duration) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), duration)
	defer stop()
	var all sync.WaitGroup
	for worker := range workers {
		random := rand.New(rand.NewPCG(seed, uint64(worker)))
		all.Go(func() {
			for ctx.Err() == nil {
				if err := c.one(t.Context(), random); err != nil {
					t.Error(err)
					stop()
				}
			}
		})
	}
	all.Wait()
}

// one connection, from its beginning to its end.
func (c *churn) one(ctx context.Context, random *rand.Rand) error {
	kinds := []struct {
		name string
		// weight makes cheap ones more frequent.
		weight int
		do     func(*visit) error
	}{
		{"Close frame", 6, (*visit).polite},
		{"reset", 4, (*visit).reset},
		{"half-close", 3, (*visit).halfClose},
		{"slow reader", 1, (*visit).slow},
		{"in the middle of a frame", 3, (*visit).torn},
	}
	n := random.IntN(20)
	switch n {
	case 0, 1:
		c.count("refused")
		return c.refused(ctx, n == 0)
	case 2:
		c.count("gone before the handshake")
		return c.abandoned(ctx, random)
	}
	n -= 3
	for _, kind := range kinds {
		if n -= kind.weight; n >= 0 {
			continue
		}
		c.count(kind.name)
		url := framesURL
		if random.IntN(4) == 0 {
			url = wholeURL
		}
		conn, _, err := c.dialer.Dial(ctx, url)
		if err != nil {
			return fmt.Errorf("open %s: %w", url, err)
		}
		v := &visit{Conn: conn, churn: c, random: random, canary: canary{id: uint64(c.began.Add(1))}}
		err = errors.Join(v.patient(), conn.SetWriteDeadline(time.Now().Add(patience)), kind.do(v))
		_ = conn.Close()
		if err != nil {
			return fmt.Errorf("%s, %s: %w", url, kind.name, err)
		}
		return nil
	}
	return fmt.Errorf("no way to end has number %d", n)
}

func (c *churn) count(way string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ends == nil {
		c.ends = map[string]int{}
	}
	c.ends[way]++
}

// refused asks for what there is not, or from where nobody may.
func (c *churn) refused(ctx context.Context, origin bool) error {
	dialer, url, want := c.dialer, "wss://"+hostname+"/nowhere", http.StatusNotFound
	if origin {
		dialer.Header, url, want = http.Header{"Origin": {"https://evil.example"}}, framesURL, http.StatusForbidden
	}
	conn, response, err := dialer.Dial(ctx, url)
	if err == nil {
		return errors.Join(errors.New("was let in, and should have been refused"), conn.Close())
	}
	if response == nil || response.StatusCode != want {
		return fmt.Errorf("refused with %+v, want status %d: %w", response, want, err)
	}
	return nil
}

// abandoned goes before it has asked for anything: before, within or after TLS.
func (c *churn) abandoned(ctx context.Context, random *rand.Rand) error {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", c.dialer.Address)
	if err != nil {
		return err
	}
	defer func() { _ = raw.Close() }()
	switch random.IntN(3) {
	case 0:
		return nil
	case 1:
		_, err := raw.Write([]byte{22, 3, 1, 2, 0, 1})
		return err
	default:
		secured := tls.Client(raw, &tls.Config{RootCAs: c.dialer.CAs, ServerName: hostname})
		return secured.HandshakeContext(ctx)
	}
}

// visit is a connection that was let in.
type visit struct {
	*websocket.Conn

	churn  *churn
	random *rand.Rand
	canary canary
}

// size of a message: most are small, some are large.
func (v *visit) size() int {
	return v.random.IntN([]int{64, 1 << 10, 16 << 10, 200 << 10}[v.random.IntN(4)])
}

func (v *visit) talk(messages int) error {
	for range messages {
		sent := v.canary.message(v.size())
		if err := v.WriteMessage(websocket.BinaryMessage, sent); err != nil {
			return err
		}
		if err := v.expect(sent); err != nil {
			return err
		}
	}
	return nil
}

// patient waits for what comes next as if nothing had been waited for before.
func (v *visit) patient() error { return v.SetReadDeadline(time.Now().Add(patience)) }

func (v *visit) expect(sent []byte) error {
	if err := v.patient(); err != nil {
		return err
	}
	_, came, err := v.ReadMessage()
	if err != nil {
		return err
	}
	v.churn.carried.Add(int64(len(came)))
	return v.canary.compare(sent, came)
}

// polite says goodbye, and waits for the answer.
func (v *visit) polite() error {
	if err := v.talk(1 + v.random.IntN(8)); err != nil {
		return err
	}
	// A message in pieces, with a ping between them.
	sent := v.canary.message(v.size() + 2)
	writer, err := v.NextWriter(websocket.BinaryMessage)
	if err != nil {
		return err
	}
	if _, err := writer.Write(sent[:len(sent)/2]); err != nil {
		return err
	}
	if err := v.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := writer.Write(sent[len(sent)/2:]); err != nil {
		return err
	}
	if err := errors.Join(writer.Close(), v.expect(sent)); err != nil {
		return err
	}
	if err := v.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, "bye")); err != nil {
		return err
	}
	if _, _, err := v.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		return fmt.Errorf("the Close frame was answered with %w", err)
	}
	return nil
}

// reset hangs up while messages are on their way in both directions.
func (v *visit) reset() error {
	if err := v.talk(v.random.IntN(3)); err != nil {
		return err
	}
	for range v.random.IntN(4) {
		if err := v.WriteMessage(websocket.BinaryMessage, v.canary.message(v.size())); err != nil {
			return err
		}
	}
	return v.tcp().SetLinger(0)
}

func (v *visit) tcp() *net.TCPConn { return v.secured().NetConn().(*net.TCPConn) }

func (v *visit) secured() *tls.Conn { return v.NetConn().(*tls.Conn) }

// halfClose stops sending, and waits for the end.
func (v *visit) halfClose() error {
	if err := v.talk(1 + v.random.IntN(3)); err != nil {
		return err
	}
	if err := v.secured().CloseWrite(); err != nil {
		return err
	}
	_, _, err := v.ReadMessage()
	var late net.Error
	if err == nil || errors.As(err, &late) && late.Timeout() {
		return fmt.Errorf("after the end of what it sent, the connection went on: %w", err)
	}
	return nil
}

// slow reads later than others write.
func (v *visit) slow() error {
	if err := v.tcp().SetReadBuffer(8 << 10); err != nil {
		return err
	}
	sizes := make([]int, 10+v.random.IntN(10))
	for i := range sizes {
		sizes[i] = v.random.IntN(128 << 10)
	}
	written, writing := make(chan error, 1), v.canary
	go func() {
		for _, size := range sizes {
			// Through so small a window all of them take as long as the kernel likes.
			err := errors.Join(v.SetWriteDeadline(time.Now().Add(patience)), v.WriteMessage(websocket.BinaryMessage, writing.message(size)))
			if err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	var err error
	for _, size := range sizes {
		time.Sleep(5 * time.Millisecond)
		if err = v.expect(v.canary.message(size)); err != nil {
			break
		}
	}
	if err != nil {
		_ = v.Close() // the writer waits for what is not read anymore
	}
	return errors.Join(err, <-written)
}

// torn goes in the middle of a frame.
func (v *visit) torn() error {
	if err := v.talk(v.random.IntN(3)); err != nil {
		return err
	}
	// A masked frame of 60,000 bytes that ends after some.
	head := []byte{0x82, 0x80 | 126, 60_000 >> 8, 60_000 & 0xff, 1, 2, 3, 4}
	_, err := v.NetConn().Write(append(head, make([]byte, v.random.IntN(50_000))...))
	return err
}
