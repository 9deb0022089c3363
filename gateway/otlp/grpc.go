// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	firstRetry  = 100 * time.Millisecond
	lastRetry   = 5 * time.Second
	retryFactor = 1.6
	retryJitter = 0.2
	// A connection is broken whose server acknowledges nothing for so long.
	sendTimeout = 5 * time.Second
	// Servers close connections of clients that ping more often than this.
	pingAfter        = 10 * time.Minute
	maxAnswerHeaders = 16 << 10
)

// overGRPC sends by gRPC.
type overGRPC struct {
	conn    *grpc.ClientConn
	headers Headers

	// mu guards the field below.
	mu sync.Mutex
	// undialled is why the last dial failed; nil if it did not.
	undialled error
}

func newGRPC(o *Options, trust *tls.Config, dial func(context.Context) (net.Conn, error)) (*overGRPC, error) {
	g := &overGRPC{headers: o.Headers}
	security := insecure.NewCredentials()
	if trust != nil {
		security = credentials.NewTLS(trust)
	}
	conn, err := grpc.NewClient("passthrough:///"+Name(&o.Server),
		grpc.WithTransportCredentials(security),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			conn, err := dial(ctx)
			g.note(err)
			return conn, err
		}),
		// A proxy from the environment would get to see every record.
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithIdleTimeout(0),
		grpc.WithMaxHeaderListSize(maxAnswerHeaders),
		// Windows that grow with what they could take are for answers that are large: to
		// measure that would be a ping, and a wake-up, for each of ours.
		grpc.WithStaticStreamWindowSize(maxAnswerBytes),
		grpc.WithStaticConnWindowSize(maxAnswerBytes),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswerBytes), grpc.ForceCodecV2(encoded{})),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstRetry, Multiplier: retryFactor, Jitter: retryJitter, MaxDelay: lastRetry},
			MinConnectTimeout: dialTimeout,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: sendTimeout}),
	)
	if err != nil {
		return nil, fmt.Errorf("gRPC client: %w", err)
	}
	g.conn = conn
	return g, nil
}

func (g *overGRPC) note(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !errors.Is(err, context.Canceled) {
		g.undialled = err
	}
}

func (g *overGRPC) moved() { g.conn.ResetConnectBackoff() }

func (g *overGRPC) close() { _ = g.conn.Close() }

func (g *overGRPC) send(ctx context.Context, signal Signal, message *Message) ([]byte, error) {
	if len(g.headers) > 0 {
		fields := metadata.MD{}
		for name, value := range g.headers {
			fields.Set(strings.ToLower(name), value.Reveal())
		}
		ctx = metadata.NewOutgoingContext(ctx, fields)
	}
	var answer []byte
	err := g.conn.Invoke(ctx, signal.method(), message, &answer)
	if err == nil {
		return answer, nil
	}
	code := status.Code(err)
	g.mu.Lock()
	undialled := g.undialled
	g.mu.Unlock()
	if undialled != nil && (code == codes.Unavailable || code == codes.DeadlineExceeded) {
		return nil, unreached(undialled)
	}
	return nil, ofCode(code)
}

// encoded passes messages through that are encoded already.
type encoded struct{}

// Name is the subtype of application/grpc that protobuf has.
func (encoded) Name() string { return "proto" }

// Marshal implements encoding.CodecV2.
func (encoded) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.(*Message)
	if !ok {
		return nil, fmt.Errorf("a %T is not encoded", v)
	}
	if mem.IsBelowBufferPoolingThreshold(cap(message.data)) {
		// The library does not tell when it is done with what is small.
		return mem.BufferSlice{mem.SliceBuffer(bytes.Clone(message.data))}, nil
	}
	message.read()
	return mem.BufferSlice{mem.NewBuffer(&message.data, reading{message})}, nil
}

// Unmarshal implements encoding.CodecV2.
func (encoded) Unmarshal(data mem.BufferSlice, v any) error {
	into, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("a %T cannot hold an encoded message", v)
	}
	*into = data.Materialize()
	return nil
}

// reading is the library as a reader of a message, in the place of the pool that it
// returns what it has read to.
type reading struct{ message *Message }

// Get implements mem.BufferPool. Nobody asks for more.
func (reading) Get(length int) *[]byte { return new(make([]byte, length)) }

// Put implements mem.BufferPool.
func (r reading) Put(*[]byte) { r.message.Done() }
