// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

// review tells that the rules of who may connect have changed: there is another
// snapshot, or an issuer has other keys.
type review struct {
	// number is that of the rules in force. It grows after they have changed, so
	// that whoever reads it first and the rules then knows rules that are at
	// least as new.
	number atomic.Uint64
	wanted chan struct{}
}

// want asks for a review. It does not block.
func (r *review) want() {
	r.number.Add(1)
	select {
	case r.wanted <- struct{}{}:
	default: // one is wanted already, and will look at the newest rules
	}
}

// reviewAll looks at every open connection after each change, until ctx is done. The
// look is always finished, however soon the rules change again: one tenant that keeps
// changing its routes must not put off the ends of others' connections. What the
// review before has found goes on meanwhile, by the newest rules.
func (s *server) reviewAll(ctx context.Context) {
	var running sync.WaitGroup
	stop := func() {}
	for {
		select {
		case <-s.review.wanted:
			found := s.findRefused(ctx)
			stop()
			running.Wait()
			var limited context.Context
			limited, stop = context.WithCancel(ctx)
			running.Go(func() { s.endRefused(limited, found) })
		case <-ctx.Done():
			stop()
			running.Wait()
			return
		}
	}
}

// findings are the connections that a look has found to be refused. One goroutine
// uses them.
type findings struct {
	// number is that of the rules that they were judged by, snapshot has their
	// revocations.
	number           uint64
	snapshot         *snapshot
	revoked, refused map[*session.Session]sentence
}

// findRefused looks for the connections that the rules in force would refuse.
func (s *server) findRefused(ctx context.Context) *findings {
	found := &findings{
		number: s.review.number.Load(), snapshot: s.current.Load(),
		revoked: map[*session.Session]sentence{}, refused: map[*session.Session]sentence{},
	}
	for _, one := range s.sessions.List() {
		if ctx.Err() != nil {
			return found // the server stops
		}
		switch verdict := s.reconsider(one); {
		case verdict.closure == nil:
		case verdict.revocation != "":
			found.revoked[one] = verdict
		default:
			found.refused[one] = verdict
		}
	}
	return found
}

// endRefused ends them. Those that are locked out come first: somebody waits for
// that.
func (s *server) endRefused(ctx context.Context, found *findings) {
	s.end(ctx, found.revoked, found.number)
	if found.snapshot != nil && ctx.Err() == nil {
		s.lockedOut(found.snapshot)
	}
	s.end(ctx, found.refused, found.number)
}

// end carries out what was found by the rules of a number, at the pace of security.
// Whom newer rules admit again stays.
func (s *server) end(ctx context.Context, found map[*session.Session]sentence, number uint64) {
	if len(found) == 0 {
		return
	}
	ended := s.sessions.CloseWhere(ctx, time.Duration(len(found))*session.SecurityPace, func(one *session.Session) *outcome.Closure {
		verdict, ok := found[one]
		if ok && s.review.number.Load() != number {
			verdict = s.reconsider(one)
			found[one] = verdict
		}
		return verdict.closure
	})
	for one, verdict := range found {
		if verdict.closure != nil && one.Ending() == verdict.closure {
			s.lockouts.count(verdict.revocation)
		}
	}
	s.options.Logger.Info("ended connections that would be refused now", "connections", ended)
}

// sentence is the end of a connection that would be refused now; the zero value
// lets it stay.
type sentence struct {
	closure *outcome.Closure
	// revocation that locks it out; empty when it is something else.
	revocation string
}

// standing is what a connection was admitted by, as a snapshot has to look at it.
func (s *server) standing(one *session.Session, current *snapshot) (handshake.Standing, bool) {
	standing, ok := s.accounts.standing(one)
	if ok {
		// By now the name may belong to another listener, which asks for more.
		standing.Listener = current.listenerOf(standing.Listener, standing.Host)
	}
	return standing, ok
}

// rule brings a ruling on an open connection into force. s.ruling is held.
func (s *server) rule(one *session.Session, ruling *handshake.Ruling) {
	if ruling.Judged {
		s.sessions.SetExpiry(one, ruling.Ends)
		s.accounts.rule(one, ruling, s.metrics)
	}
}

// reconsider judges an open connection. Its end moves with the policy's grace.
// A revocation counts whatever the gateway does about changed policies, and so does
// a denial that only a dry run has left without effect. Whom a
// mistake of ours keeps from being judged does not stay, and takes nobody along.
func (s *server) reconsider(one *session.Session) (found sentence) {
	defer func() {
		if problem := recover(); problem != nil {
			s.mourn(problem)
			found = sentence{closure: outcome.Close(outcome.AccessRevoked, outcome.ByGateway, "could not be judged by a mistake in the gateway")}
		}
	}()
	// The rules are read under the lock, so that whoever comes last has the newest.
	s.ruling.Lock()
	defer s.ruling.Unlock()
	current := s.current.Load()
	if current == nil {
		return sentence{}
	}
	standing, ok := s.standing(one, current)
	if !ok {
		return sentence{}
	}
	if match, ok := current.rules.RevokedBy(&standing); ok {
		return sentence{closure: outcome.Close(outcome.CredentialRevoked, outcome.ByGateway, match.String()), revocation: match.ID}
	}
	if denied := current.rules.Denied(&standing); denied != nil {
		return sentence{closure: outcome.Close(outcome.AccessRevoked, outcome.ByGateway, denied.Error())}
	}
	if current.config.KeepAdmitted {
		return sentence{}
	}
	ruling, err := current.rules.Reconsider(&standing)
	if err != nil {
		return sentence{closure: outcome.Close(outcome.AccessRevoked, outcome.ByGateway, err.Error())}
	}
	s.rule(one, &ruling)
	return sentence{}
}

// reconsiderLate is for a connection whose handshake was under way when the rules
// changed: the review may have come before it was registered.
func (s *server) reconsiderLate(one *session.Session) {
	if found := s.reconsider(one); found.closure != nil && one.End(found.closure) {
		s.lockouts.count(found.revocation)
	}
}
