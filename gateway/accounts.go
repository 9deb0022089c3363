// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/metrics"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

// longestTick bounds how old the traffic metrics are.
const longestTick = 5 * time.Second

// accounts remember what of each connection's traffic has been counted, when its
// progress was last written, and what it was admitted by. The zero value is ready; its methods are safe
// for concurrent use.
type accounts struct {
	mu   sync.Mutex
	live map[*session.Session]*account
}

type account struct {
	standing handshake.Standing
	counted  audit.Traffic
	reported time.Time
	// wouldEnd is when a policy in dry run would end the connection, zero for
	// never; spared is true once it would have, or would not have let it in.
	wouldEnd time.Time
	spared   bool
}

func (a *accounts) open(one *session.Session, standing handshake.Standing, ruling *handshake.Ruling) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.live == nil {
		a.live = map[*session.Session]*account{}
	}
	a.live[one] = &account{
		standing: standing, reported: one.Connection().OpenedAt,
		wouldEnd: ruling.WouldEnd, spared: ruling.WouldRefuse != nil,
	}
}

// rule notes what a policy says now, and counts a connection that only its dry
// run leaves open.
func (a *accounts) rule(one *session.Session, ruling *handshake.Ruling, set *metrics.Set) {
	a.mu.Lock()
	defer a.mu.Unlock()
	account := a.live[one]
	if account == nil {
		return
	}
	account.wouldEnd = ruling.WouldEnd
	if ruling.WouldRefuse != nil {
		account.spare(outcome.AccessRevoked, set)
	}
}

// sparing notes that the dry run of a policy has left a connection open.
func (a *accounts) sparing(one *session.Session, reason outcome.Reason, set *metrics.Set) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if account := a.live[one]; account != nil {
		account.spare(reason, set)
	}
}

// spare counts a connection once: in force, the policy would have ended it once.
func (a *account) spare(reason outcome.Reason, set *metrics.Set) {
	if !a.spared {
		a.spared = true
		set.WouldClose(reason)
	}
}

// standing is what a connection was admitted by; false when it has gone.
func (a *accounts) standing(one *session.Session) (handshake.Standing, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	account := a.live[one]
	if account == nil {
		return handshake.Standing{}, false
	}
	return account.standing, true
}

// extend notes that the credential of a connection expires at another time.
func (a *accounts) extend(one *session.Session, expiresAt time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if account := a.live[one]; account != nil {
		account.standing.Identity.ExpiresAt = expiresAt
	}
}

// settle counts what is left and forgets the connection.
func (a *accounts) settle(one *session.Session, set *metrics.Set) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if account := a.live[one]; account != nil {
		account.count(one, set)
		delete(a.live, one)
	}
}

func (a *account) count(one *session.Session, set *metrics.Set) {
	now := one.Traffic()
	set.Traffic(metrics.FromClient, now.MessagesFromClient-a.counted.MessagesFromClient, now.BytesFromClient-a.counted.BytesFromClient)
	set.Traffic(metrics.ToClient, now.MessagesToClient-a.counted.MessagesToClient, now.BytesToClient-a.counted.BytesToClient)
	a.counted = now
}

// tick counts traffic, and calls progress, which must not block, for the
// connections whose progress is due. None of them is settled meanwhile, so that
// nothing is written of a connection behind its end.
func (a *accounts) tick(now time.Time, every time.Duration, set *metrics.Set, progress func(*session.Session)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for one, account := range a.live {
		account.count(one, set)
		if !account.wouldEnd.IsZero() && !now.Before(account.wouldEnd) {
			account.spare(outcome.CredentialExpired, set)
		}
		if now.Sub(account.reported) >= every {
			account.reported = now
			progress(one)
		}
	}
}

// follow writes progress records and counts traffic until ctx is done.
func (s *server) follow(ctx context.Context) {
	for {
		every := s.progressEvery()
		timer := time.NewTimer(min(every/4, longestTick))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		s.accounts.tick(s.options.Now(), every, s.metrics, func(one *session.Session) {
			s.audit.Progress(one.Connection(), one.Traffic())
		})
		s.metrics.Problems(len(s.problems()))
	}
}

func (s *server) progressEvery() time.Duration {
	if current := s.current.Load(); current != nil {
		return max(current.config.Audit.ProgressEvery(), time.Millisecond)
	}
	return longestTick
}
