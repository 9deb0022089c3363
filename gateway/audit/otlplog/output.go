// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package otlplog sends the lines of an audit stream to an OTLP server, as log
// records whose body is the line: whoever puts the bodies one under the other has
// a stream that can be verified.
package otlplog

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/otlp"
)

const (
	// sendTimeout of one attempt: the default of OpenTelemetry.
	sendTimeout = 10 * time.Second
	// After a failure: half a second, doubling up to half a minute.
	firstRetry = 500 * time.Millisecond
	lastRetry  = 30 * time.Second
	// unwellAttempts is how often lines are sent to a server that answers with
	// failures which may be the fault of the lines.
	unwellAttempts = 8
)

// Options configure New. Client and Now are required.
type Options struct {
	Client Sender
	// Gateway is NAMESPACE/NAME, Pod and BootID are those of the records.
	Gateway, Pod, BootID string
	Now                  func() time.Time
	// Random returns numbers in [0, 1), for the time between attempts. nil means
	// math/rand.
	Random func() float64
}

// Sender is an *otlp.Client.
type Sender interface {
	SendEncoded(ctx context.Context, signal otlp.Signal, message *otlp.Message) (refused int64, err error)
}

// Output keeps lines until Flush sends them. Write and Flush must not be called
// at the same time; Stop and Trouble may be at any time.
type Output struct {
	options Options
	ctx     context.Context //nolint:containedctx // it is the life of the output: Flush has none of its own
	stop    context.CancelFunc

	envelope envelope
	// message has room for what stands before the records, and the records that wait,
	// encoded; nil while there are none. count is how many they are.
	message *[]byte
	count   int
	// sent are messages that nobody reads any more. A new one for each would be half of
	// the garbage that records make; to keep one would be memory that a gateway in which
	// nothing happens does not need.
	sent  sync.Pool
	kinds map[kind][]byte
	// trouble is why the last attempt failed; nil if it did not.
	trouble atomic.Pointer[string]
}

// New returns an Output. Stop it.
func New(o Options) *Output {
	if o.Random == nil {
		o.Random = rand.Float64
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Output{options: o, ctx: ctx, stop: stop, envelope: envelopeOf(&o), kinds: map[kind][]byte{}}
}

// Write keeps a line for the next Flush.
func (o *Output) Write(line []byte) (int, error) {
	if o.message == nil {
		o.message = o.empty()
	}
	*o.message = o.record(*o.message, line)
	o.count++
	return len(line), nil
}

// empty is a message that has no records yet.
func (o *Output) empty() *[]byte {
	used, ok := o.sent.Get().(*[]byte)
	if !ok {
		used = new([]byte)
	}
	*used = slices.Grow((*used)[:0], o.envelope.room())[:o.envelope.room()]
	return used
}

// take returns what was written and how many records it is.
func (o *Output) take() (message *otlp.Message, count int) {
	if o.count == 0 {
		return nil, 0
	}
	taken, count := o.message, o.count
	o.message, o.count = nil, 0
	return otlp.NewMessage(o.envelope.seal(*taken), func() { o.sent.Put(taken) }), count
}

// Flush sends what was written, and waits until the server has it, as long as
// that may take: lines that are sent belong to the chain already. lost counts
// those that the server has refused for good, and all of them once the output was
// stopped.
func (o *Output) Flush() (lost int) {
	message, count := o.take()
	if count == 0 {
		return 0
	}
	defer message.Done()
	unwell := 0
	for retry := firstRetry; ; retry = min(2*retry, lastRetry) {
		refused, err := o.send(message)
		if err == nil {
			return int(min(refused, int64(count)))
		}
		failure, _ := errors.AsType[*otlp.Failure](err)
		if failure == nil || failure.Verdict == otlp.Refused {
			return count
		}
		if failure.Verdict == otlp.Unwell {
			unwell++
		}
		if unwell == unwellAttempts || !o.wait(max(o.jitter(retry), failure.Wait)) {
			return count
		}
	}
}

func (o *Output) send(message *otlp.Message) (refused int64, err error) {
	ctx, cancel := context.WithTimeout(o.ctx, sendTimeout)
	defer cancel()
	refused, err = o.options.Client.SendEncoded(ctx, otlp.Logs, message)
	switch {
	case err == nil:
		o.trouble.Store(nil)
	case o.ctx.Err() == nil:
		text := err.Error()
		o.trouble.Store(&text)
	}
	return refused, err
}

// jitter keeps the pods of a gateway from asking all at once.
func (o *Output) jitter(d time.Duration) time.Duration {
	const share = 0.2
	return time.Duration(float64(d) * (1 - share + 2*share*o.options.Random()))
}

// wait is false when the output was stopped.
func (o *Output) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return o.ctx.Err() == nil
	case <-o.ctx.Done():
		return false
	}
}

// Trouble says why lines are not delivered at the moment; empty while they are.
func (o *Output) Trouble() string {
	if text := o.trouble.Load(); text != nil {
		return *text
	}
	return ""
}

// Stop makes Flush give up, now and from then on.
func (o *Output) Stop() { o.stop() }
