// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

const (
	// maxAnswerBytes bounds an answer: an identity with its claims, no document.
	maxAnswerBytes = 64 << 10
	// maxAnswerHeaders bounds the headers around it, in bytes.
	maxAnswerHeaders = 16 << 10
	// maxQuestions is how many about handshakes may be on their way to one server;
	// the others wait within their own time.
	maxQuestions = 256
	// MaxOpenQuestions is the same for those about open connections.
	MaxOpenQuestions = 128
	// maxEndpoints of a server get a connection of their own from each pod.
	maxEndpoints = 8

	// A server that restarts is found again within a few seconds.
	firstRetry  = 100 * time.Millisecond
	lastRetry   = 2 * time.Second
	retryFactor = 1.6
	retryJitter = 0.2
	dialTimeout = 2 * time.Second

	// gRPC waits after a dial that fails, and not after a connection that a server
	// ends as soon as it has said hello: an address is dialled a few times in a row,
	// then in this interval.
	dialsInARow  = 5
	dialInterval = 500 * time.Millisecond

	// sendTimeout is after how long a connection counts as broken whose server
	// acknowledges nothing (TCP_USER_TIMEOUT): its node is gone. pingAfter is
	// longer than any question takes, since servers close connections of clients
	// that ping more often than every five minutes.
	sendTimeout = 5 * time.Second
	pingAfter   = 10 * time.Minute
)

// line leads to a server. Handshakes and open connections have one each: neither
// may use up the room of the other, which is bounded by us, and by each connection
// to a server that takes only so many requests at once (RFC 9113 section 5.1.2).
// Else whoever sends handshakes could end the connections of others.
type line struct {
	backend string
	open    bool
}

func (l line) slots() int {
	if l.open {
		return MaxOpenQuestions
	}
	return maxQuestions
}

// effect is what it means that the server of a line does not answer.
func (l line) effect() string {
	if l.open {
		return "open connections end after three intervals"
	}
	return "its policies admit nobody new"
}

// client asks one server, which may have several endpoints. Its methods are safe
// for concurrent use.
type client struct {
	line     line
	backend  string
	conn     *grpc.ClientConn
	resolver *manual.Resolver
	server   authv3.AuthorizationClient
	slots    chan struct{}
	seed     maphash.Seed
	logger   *slog.Logger

	// mu guards the fields below.
	mu      sync.Mutex
	nowhere bool
	// paces are those of the addresses.
	paces map[string]*rate.Limiter
	// undialled is why the last dial failed; nil if it did not.
	undialled error
	// troubled is true while the last question had no answer.
	troubled bool
}

func newClient(to line, o Options) (*client, error) {
	backend := to.backend
	c := &client{
		line: to, backend: backend, resolver: manual.NewBuilderWithScheme("endpoints"), nowhere: true,
		slots: make(chan struct{}, to.slots()), seed: maphash.MakeSeed(), logger: o.Logger,
		paces: map[string]*rate.Limiter{},
	}
	// An endpoint that fails is left out; the others take turns.
	const balance = `{"loadBalancingConfig":[{"round_robin":{}}]}`
	conn, err := grpc.NewClient("endpoints:///"+backend,
		grpc.WithResolvers(c.resolver),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(c.dialer(o.Dial)),
		// A proxy from the environment would get to see every credential.
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultServiceConfig(balance),
		grpc.WithIdleTimeout(0),
		grpc.WithMaxHeaderListSize(maxAnswerHeaders),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswerBytes)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstRetry, Multiplier: retryFactor, Jitter: retryJitter, MaxDelay: lastRetry},
			MinConnectTimeout: dialTimeout,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: sendTimeout}),
	)
	if err != nil {
		return nil, err
	}
	c.conn, c.server = conn, authv3.NewAuthorizationClient(conn)
	return c, nil
}

func (c *client) close() { _ = c.conn.Close() }

func (c *client) dialer(dial func(context.Context, string) (net.Conn, error)) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) {
		if err := c.paceOf(address).Wait(ctx); err != nil {
			return nil, fmt.Errorf("dial %s again: %w", address, err)
		}
		conn, err := dial(ctx, address)
		c.mu.Lock()
		defer c.mu.Unlock()
		if !errors.Is(err, context.Canceled) {
			c.undialled = err
		}
		return conn, err
	}
}

func (c *client) paceOf(address string) *rate.Limiter {
	c.mu.Lock()
	defer c.mu.Unlock()
	pace := c.paces[address]
	if pace == nil {
		pace = rate.NewLimiter(rate.Every(dialInterval), dialsInARow)
		c.paces[address] = pace
	}
	return pace
}

// move makes the client use other addresses. The Service's own is one of them:
// it leads to the endpoints of the moment also when nobody updates the list.
func (c *client) move(to contract.BackendEndpoints) {
	chosen := slices.SortedFunc(slices.Values(to.Addresses), func(a, b string) int {
		// Each pod has an order of its own that does not change with the list.
		return cmp.Compare(maphash.String(c.seed, a), maphash.String(c.seed, b))
	})
	chosen = chosen[:min(len(chosen), maxEndpoints)]
	if to.Service != "" {
		chosen = append(chosen, to.Service)
	}
	state := resolver.State{}
	for _, address := range chosen {
		state.Addresses = append(state.Addresses, resolver.Address{Addr: address})
	}
	c.mu.Lock()
	c.nowhere = len(chosen) == 0
	maps.DeleteFunc(c.paces, func(address string, _ *rate.Limiter) bool { return !slices.Contains(chosen, address) })
	c.mu.Unlock()
	c.resolver.UpdateState(state)
}

// ask sends a question. The error is an *outcome.Refusal.
func (c *client) ask(ctx context.Context, request *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, outcome.Refuse(outcome.AuthUnavailable, "authorization server %s: too many questions are waiting", c.backend)
	}
	defer func() { <-c.slots }()
	if c.isNowhere() {
		return nil, outcome.Refuse(outcome.AuthUnavailable, "authorization server %s has no address", c.backend)
	}
	response, err := c.server.Check(ctx, request)
	if !errors.Is(ctx.Err(), context.Canceled) { // else it was us who did not wait
		c.heard(err)
	}
	if err != nil {
		return nil, outcome.Refuse(outcome.AuthUnavailable, "authorization server %s: %s", c.backend, c.cause(err))
	}
	return response, nil
}

func (c *client) isNowhere() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nowhere
}

// cause says why there is no answer. The message of the error is left out: a
// server may have written it, and may repeat what it was sent.
func (c *client) cause(err error) string {
	code := status.Code(err)
	c.mu.Lock()
	undialled := c.undialled
	c.mu.Unlock()
	switch {
	case code == codes.Unavailable && undialled != nil:
		return "not reached: " + innermost(undialled)
	case code == codes.DeadlineExceeded:
		return "no answer in time"
	}
	return "no answer but " + code.String()
}

func innermost(err error) string {
	if operation, ok := errors.AsType[*net.OpError](err); ok && operation.Err != nil {
		err = operation.Err
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call.Err
	}
	return err.Error()
}

// heard logs the first failure and the first success after it.
func (c *client) heard(err error) {
	c.mu.Lock()
	before := c.troubled
	c.troubled = err != nil
	c.mu.Unlock()
	switch {
	case err != nil && !before:
		c.logger.Warn("authorization server does not answer", "backend", c.backend, "effect", c.line.effect(), "problem", c.cause(err))
	case err == nil && before:
		c.logger.Info("authorization server answers again", "backend", c.backend, "open_connections", c.line.open)
	}
}
