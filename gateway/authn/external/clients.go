// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Options configure New. All but Asked are required.
type Options struct {
	// Dial connects to an address of endpoints.json. It decides which addresses
	// are permitted.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Now is the clock.
	Now func() time.Time
	// Gateway is told to servers.
	Gateway func() contract.GatewayRef
	// Logger hears when a server cannot be asked any more, and when it can.
	Logger *slog.Logger
	// Asked, if set, is told of each question and what came of it: nil for
	// admitted. It must not block.
	Asked func(q *Question, refusal *outcome.Refusal)
}

// Clients hold the clients of each authorization server, one for each line. They
// outlive policies and snapshots, so that a change of the
// configuration breaks no connection to a server. Safe for concurrent use.
type Clients struct {
	options Options
	health  health

	// mu guards the fields below.
	mu        sync.Mutex
	endpoints map[string]contract.BackendEndpoints
	clients   map[line]*client
	closed    bool
}

// New returns Clients that know no address yet. Close them.
func New(o Options) *Clients {
	return &Clients{options: o, clients: map[line]*client{}}
}

// SetEndpoints replaces the addresses of all servers.
func (c *Clients) SetEndpoints(endpoints contract.Endpoints) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endpoints = endpoints.Backends
	for to, client := range c.clients {
		client.move(c.endpoints[to.backend])
	}
}

// Keep closes the clients of all backends that are not used. Questions that are
// on their way to these end as auth_unavailable.
func (c *Clients) Keep(uses ...Use) {
	c.health.keep(uses)
	c.remove(false, func(backend string) bool {
		return !slices.ContainsFunc(uses, func(u Use) bool { return u.Backend == backend })
	})
}

// Close closes all clients; nobody can be asked any more.
func (c *Clients) Close() {
	c.remove(true, func(string) bool { return true })
}

func (c *Clients) remove(closed bool, unwanted func(backend string) bool) {
	var removed []*client
	c.mu.Lock()
	c.closed = c.closed || closed
	for to, client := range c.clients {
		if unwanted(to.backend) {
			delete(c.clients, to)
			removed = append(removed, client)
		}
	}
	c.mu.Unlock()
	for _, client := range removed {
		client.close()
	}
}

// at returns the client of a line. It connects when it is first used.
func (c *Clients) at(to line) (*client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found := c.clients[to]; found != nil {
		return found, nil
	}
	if c.closed {
		return nil, outcome.Refuse(outcome.AuthUnavailable, "the gateway is stopping")
	}
	made, err := newClient(to, c.options)
	if err != nil {
		return nil, outcome.Refuse(outcome.InternalError, "client of the authorization server %s: %v", to.backend, err)
	}
	made.move(c.endpoints[to.backend])
	c.clients[to] = made
	return made, nil
}

// Trouble tells whether a server has not answered a policy for some time; nil
// where it has, or where nobody knows.
func (c *Clients) Trouble(use Use) *Trouble { return c.health.of(use, c.options.Now()) }

// Answered implements authn.Authorizers. It is safe for concurrent use.
func (c *Clients) Answered(use Use) bool { return c.health.answered(use) }

// Check asks the server behind a backend. The error is always an
// *outcome.Refusal: bad_credential or access_denied where the server says no,
// auth_unavailable where it says nothing that can be relied on. ctx bounds it.
func (c *Clients) Check(ctx context.Context, backend string, q *Question) (Answer, error) {
	answer, err := c.check(ctx, backend, q)
	refusal, _ := err.(*outcome.Refusal) //nolint:errorlint // check wraps nothing
	if c.options.Asked != nil {
		c.options.Asked(q, refusal)
	}
	if !errors.Is(ctx.Err(), context.Canceled) { // else it was us who did not wait
		c.health.note(Use{Policy: q.Policy, Backend: backend}, refusal, c.options.Now())
	}
	return answer, err
}

func (c *Clients) check(ctx context.Context, backend string, q *Question) (Answer, error) {
	asked, err := c.at(line{backend: backend, open: q.Open != nil})
	if err != nil {
		return Answer{}, err
	}
	response, err := asked.ask(ctx, q.request(c.options.Gateway(), c.options.Now()))
	if err != nil {
		return Answer{}, err
	}
	answer, err := read(response, c.options.Now())
	if refusal, ok := errors.AsType[*outcome.Refusal](err); ok {
		if refusal.Reason == outcome.AuthUnavailable {
			refusal.Detail = "authorization server " + backend + ": " + refusal.Detail
		}
		return Answer{}, refusal
	}
	if q.Lasting && answer.Session == "" {
		return Answer{}, outcome.Refuse(outcome.AuthUnavailable,
			"authorization server %s gives no session in its metadata, without which nobody can be revalidated: let it give one, or remove revalidateEvery", backend)
	}
	return answer, nil
}
