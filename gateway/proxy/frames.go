// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"crypto/rand"
	"net"
	"sync"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

// FramesOptions configure NewFrames. Now and Random are required.
type FramesOptions struct {
	// Now is the clock.
	Now func() time.Time
	// Random returns numbers in [0, 1); it staggers pings. It must be safe for
	// concurrent use.
	Random func() float64
	// Mask returns keys for the frames that we write to upstreams, which nobody
	// may be able to guess (RFC 6455 section 10.3). It must be safe for
	// concurrent use. nil means crypto/rand.
	Mask func() [4]byte
	// CloseTimeout is how long the answers to Close frames are waited for, in
	// all. 0 means DefaultCloseTimeout.
	CloseTimeout time.Duration
}

// Frames is the relay that passes frames on as they came, still masked, and reads
// only their headers. Pings and pongs pass through like everything else. What
// breaks a rule of RFC 6455 or a limit is never forwarded; whether text is UTF-8
// is the receiver's to judge.
//
// This is its portable form: a connection costs two goroutines and two buffers.
type Frames struct {
	options FramesOptions
	// start is what elapsed counts from.
	start time.Time
	// buffers are for reading.
	buffers sync.Pool
}

var _ Relay = (*Frames)(nil)

// readSize is how much is read at once.
const readSize = 16 << 10

// NewFrames returns a relay for any number of connections.
func NewFrames(o FramesOptions) *Frames {
	if o.CloseTimeout <= 0 {
		o.CloseTimeout = DefaultCloseTimeout
	}
	if o.Mask == nil {
		o.Mask = randomMask
	}
	f := &Frames{options: o, start: o.Now()}
	f.buffers.New = func() any {
		buffer := make([]byte, headroom+readSize)
		return &buffer
	}
	return f
}

func randomMask() (key [4]byte) {
	_, _ = rand.Read(key[:]) // never fails
	return key
}

// elapsed is a clock that setting the wall clock does not move.
func (f *Frames) elapsed() time.Duration { return f.options.Now().Sub(f.start) }

// Relay implements Relay.
func (f *Frames) Relay(ctx context.Context, client net.Conn, upstream *Upstream, s *session.Session, limits contract.EffectiveLimits) *outcome.Closure {
	terms := newTerms(limits, &f.options).compressed(upstream.Extension != "")
	t := newThreads(f, client, upstream.Conn)
	for x := range t.ports {
		t.ports[x].answers = boundAnswers(t.ports[x].conn, terms.writeTimeout, f.options.Now)
	}
	t.passage.begin(terms, s, f.elapsed())
	t.startTimer()
	s.OnEnd(t.endLater)
	stop := context.AfterFunc(ctx, func() {
		t.endLater(outcome.Close(outcome.Shutdown, outcome.ByGateway, ""))
	})

	var readers sync.WaitGroup
	readers.Go(func() { t.read(fromUpstream) })
	t.read(fromClient)
	readers.Wait()

	stop()
	s.OnEnd(nil)
	t.finish()
	var hangups sync.WaitGroup
	hangups.Go(func() { t.hangUp(fromUpstream) })
	t.hangUp(fromClient)
	hangups.Wait()
	return t.passage.closure
}
