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
	// ticked is when tick was called last, and rates what it saw.
	ticked time.Time
	rates  rates
}

// rates are what all connections together relay in a second.
type rates struct{ messages, bytes uint64 }

type account struct {
	standing handshake.Standing
	counted  audit.Traffic
	reported time.Time
	// active is when traffic was last seen, in nanoseconds since 1970; 0 for never.
	// rate is its payload in bytes per second between the last two ticks.
	active int64
	rate   uint64
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
func (a *accounts) rule(one *session.Session, ruling *handshake.Ruling, set meter) {
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
func (a *accounts) sparing(one *session.Session, reason outcome.Reason, set meter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if account := a.live[one]; account != nil {
		account.spare(reason, set)
	}
}

// spare counts a connection once: in force, the policy would have ended it once.
func (a *account) spare(reason outcome.Reason, set meter) {
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

// answered notes what an authorization server has said of a connection: nil for
// yes. expiresAt is zero where it has said nothing of that.
func (a *accounts) answered(one *session.Session, expiresAt time.Time, denied *outcome.Refusal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	account := a.live[one]
	if account == nil {
		return
	}
	identity := &account.standing.Identity
	identity.Proof = identity.Proof.Answered(denied)
	if !expiresAt.IsZero() {
		identity.ExpiresAt = expiresAt
	}
}

// settle counts what is left and forgets the connection.
func (a *accounts) settle(one *session.Session, set meter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if account := a.live[one]; account != nil {
		account.count(one, set)
		delete(a.live, one)
	}
}

// count counts what has been relayed since the last time, and returns it.
func (a *account) count(one *session.Session, set meter) rates {
	now := one.Traffic()
	set.Traffic(metrics.FromClient, now.MessagesFromClient-a.counted.MessagesFromClient, now.BytesFromClient-a.counted.BytesFromClient)
	set.Traffic(metrics.ToClient, now.MessagesToClient-a.counted.MessagesToClient, now.BytesToClient-a.counted.BytesToClient)
	seen := rates{
		messages: now.MessagesFromClient + now.MessagesToClient - a.counted.MessagesFromClient - a.counted.MessagesToClient,
		bytes:    now.BytesFromClient + now.BytesToClient - a.counted.BytesFromClient - a.counted.BytesToClient,
	}
	a.counted = now
	return seen
}

// activity of a connection: when traffic was last seen, the zero time for never,
// and its bytes per second.
func (a *accounts) activity(one *session.Session) (seen time.Time, rate uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	account := a.live[one]
	if account == nil || account.active == 0 {
		return time.Time{}, 0
	}
	return time.Unix(0, account.active), account.rate
}

// all are the rates of all connections together.
func (a *accounts) all() rates {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rates
}

// tick counts traffic, and calls progress, which must not block, for the
// connections whose progress is due. None of them is settled meanwhile, so that
// nothing is written of a connection behind its end.
func (a *accounts) tick(now time.Time, every time.Duration, set meter, progress func(*session.Session)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	elapsed := now.Sub(a.ticked)
	a.ticked = now
	var sum rates
	for one, account := range a.live {
		seen := account.count(one, set)
		if seen.messages > 0 || seen.bytes > 0 {
			account.active = now.UnixNano()
		}
		account.rate = perSecond(seen.bytes, elapsed)
		sum.messages, sum.bytes = sum.messages+seen.messages, sum.bytes+seen.bytes
		if !account.wouldEnd.IsZero() && !now.Before(account.wouldEnd) {
			account.spare(outcome.CredentialExpired, set)
		}
		if now.Sub(account.reported) >= every {
			account.reported = now
			progress(one)
		}
	}
	a.rates = rates{messages: perSecond(sum.messages, elapsed), bytes: perSecond(sum.bytes, elapsed)}
}

// perSecond is 0 where no time has passed: a clock may be set.
func perSecond(n uint64, elapsed time.Duration) uint64 {
	if elapsed <= 0 {
		return 0
	}
	return uint64(float64(n) / elapsed.Seconds())
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
		s.accounts.tick(s.options.Now(), every, s.figures, func(one *session.Session) {
			s.records.Progress(one.Connection(), one.Traffic())
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
