// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"fmt"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn/external"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/revalidation"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

// revalidateAll asks authorization servers about the open connections that they
// have admitted, until ctx is done.
func (s *server) revalidateAll(ctx context.Context) {
	s.revalidations.Run(ctx, func(ctx context.Context, one *session.Session) {
		defer s.survive() // after a mistake of ours it is asked about again
		s.revalidate(ctx, one)
	})
}

// revalidate asks about one connection.
func (s *server) revalidate(ctx context.Context, one *session.Session) {
	current := s.current.Load()
	standing, ok := s.standing(one, current)
	if !ok {
		return
	}
	expiresAt, err := current.rules.Revalidate(ctx, &standing, one.ID())
	if err != nil && ctx.Err() != nil {
		return // we are stopping, which says nothing of the connection
	}
	s.heard(one, expiresAt, err)
}

// heard brings into force what came of a question. That there is no answer is no
// reason to believe that somebody has lost a right; but nobody stays for ever
// because a server is away. The answer may have taken long: what it means is said
// by the newest rules, and not while a review says something else.
func (s *server) heard(one *session.Session, expiresAt time.Time, err error) {
	s.ruling.Lock()
	defer s.ruling.Unlock()
	denied := denialIn(err)
	if err == nil || denied != nil {
		s.accounts.answered(one, expiresAt, denied)
	}
	current := s.current.Load()
	standing, ok := s.standing(one, current)
	if !ok {
		return
	}
	ruling, err := current.rules.Confirm(&standing, err)
	switch {
	case err == nil:
		s.rule(one, &ruling)
		s.revalidations.Confirm(one)
	case denied != nil:
		one.End(outcome.Close(outcome.AccessRevoked, outcome.ByGateway, err.Error()))
		s.revalidations.Deny(one)
	default:
		s.revalidations.Miss(one, err)
	}
}

// pause waits for the time, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// endOverdue ends connections about which their server has said nothing for too
// long, until ctx is done. It does not wait for questions: a server that hangs
// would have everybody stay who waits for a turn.
func (s *server) endOverdue(ctx context.Context) {
	for ctx.Err() == nil {
		ended, wait := s.endOneOverdue()
		if !ended {
			s.revalidations.SleepUntilOverdue(ctx, wait)
			continue
		}
		pause(ctx, session.SecurityPace)
	}
}

// endOneOverdue ends the next one, or tells how long there is none. A yes comes
// into force either before or after that, and so is never lost in between.
func (s *server) endOneOverdue() (ended bool, wait time.Duration) {
	s.ruling.Lock()
	defer s.ruling.Unlock()
	late, wait := s.revalidations.TakeOverdue()
	switch {
	case late == nil:
		return false, wait
	case late.DryRun:
		s.accounts.sparing(late.Key, outcome.CredentialExpired, s.metrics)
	default:
		late.Key.End(outcome.Close(outcome.CredentialExpired, outcome.ByGateway,
			fmt.Sprintf("not revalidated for %v: %v", late.Since.Round(time.Millisecond), late.Why)))
	}
	return true, 0
}

// denialIn is what a server has said of a caller, if err is a no.
func denialIn(err error) *outcome.Refusal {
	if err == nil {
		return nil
	}
	if refusal := asRefusal(err); revokes(refusal) {
		return refusal
	}
	return nil
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
		if wanted, known := by.rules.Revalidation(standing); known {
			s.revalidations.Schedule(one, revalidation.Wanted(wanted))
		}
	}
	// The connection may have ended since it was listed, and have been forgotten
	// too early. It is settled before it is forgotten.
	if _, open := s.accounts.standing(one); !open || one.Ending() != nil {
		s.revalidations.Forget(one)
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

// authorizersOf says which policies ask which authorization servers.
func authorizersOf(config *contract.Config) []external.Use {
	var uses []external.Use
	for i := range config.Policies {
		for j := range config.Policies[i].Methods {
			if method := config.Policies[i].Methods[j].External; method != nil {
				uses = append(uses, external.Use{Policy: config.Policies[i].Name, Backend: method.Backend})
			}
		}
	}
	return uses
}
