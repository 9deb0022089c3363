// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

const (
	// revalidationsAtOnce bounds the questions about open connections, so that
	// those about handshakes have most of a server's time.
	revalidationsAtOnce = 16
	// revalidationPace is the time between two of them.
	revalidationPace = time.Millisecond
)

// revalidateAll asks authorization servers about the open connections that they
// have admitted, until ctx is done.
func (s *server) revalidateAll(ctx context.Context) {
	var asking sync.WaitGroup
	defer asking.Wait()
	slots := make(chan struct{}, revalidationsAtOnce)
	for {
		one, wait := s.revalidations.take()
		if one == nil {
			if !s.revalidations.sleep(ctx, wait) {
				return
			}
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		asking.Go(func() {
			defer func() { <-slots }()
			defer s.survive()
			s.revalidate(ctx, one)
		})
		pace := time.NewTimer(revalidationPace)
		select {
		case <-pace.C:
		case <-ctx.Done():
			pace.Stop()
			return
		}
	}
}

// revalidate asks about one connection. That there is no answer is no reason to
// believe that somebody has lost a right; but nobody stays for ever because a
// server is away.
func (s *server) revalidate(ctx context.Context, one *session.Session) {
	standing, ok := s.accounts.standing(one)
	if !ok {
		return
	}
	current := s.current.Load()
	// As in a review: by now the name may belong to another listener.
	standing.Listener = current.listenerOf(standing.Listener, standing.Host)
	ruling, expiresAt, err := current.rules.Revalidate(ctx, &standing, one.ID())
	switch {
	case err == nil:
		if !expiresAt.IsZero() {
			s.accounts.extend(one, expiresAt)
			s.sessions.SetExpiry(one, ruling.Ends)
		}
		s.accounts.rule(one, &ruling, s.metrics)
		s.revalidations.confirm(one)
	case ctx.Err() != nil:
	case revokes(asRefusal(err)):
		one.End(outcome.Close(outcome.AccessRevoked, outcome.ByGateway, err.Error()))
	default:
		s.unanswered(one, &ruling, err)
	}
}

// unanswered is what comes of a question that nobody has answered.
func (s *server) unanswered(one *session.Session, ruling *handshake.Ruling, err error) {
	overdue := s.revalidations.miss(one)
	switch {
	case overdue == 0:
	case ruling.DryRun:
		s.accounts.sparing(one, outcome.CredentialExpired, s.metrics)
		s.revalidations.confirm(one)
	default:
		one.End(outcome.Close(outcome.CredentialExpired, outcome.ByGateway,
			fmt.Sprintf("not revalidated for %v: %v", overdue.Round(time.Millisecond), err)))
	}
}

// revokes tells whether a refusal is about the caller.
func revokes(refusal *outcome.Refusal) bool {
	return refusal.Reason == outcome.BadCredential || refusal.Reason == outcome.AccessDenied
}

// schedule sees to it that a connection is revalidated as its policy says now.
// While the policy cannot be served, what it said before holds.
func (s *server) schedule(one *session.Session, standing *handshake.Standing) {
	var by *snapshot
	// The rules may change in between, and what newer ones have said must stay.
	for current := s.current.Load(); current != by; current = s.current.Load() {
		by = current
		if every, known := by.rules.RevalidateEvery(standing); known {
			s.revalidations.schedule(one, every)
		}
	}
}

// scheduleAll is for when the rules have changed.
func (s *server) scheduleAll() {
	for _, one := range s.sessions.List() {
		if standing, ok := s.accounts.standing(one); ok {
			s.schedule(one, &standing)
		}
	}
}

// authorizersOf names the backends that are authorization servers.
func authorizersOf(config *contract.Config) []string {
	var backends []string
	for i := range config.Policies {
		for j := range config.Policies[i].Methods {
			if external := config.Policies[i].Methods[j].External; external != nil {
				backends = append(backends, external.Backend)
			}
		}
	}
	return backends
}
