// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

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

// reviewAll looks at every open connection after each change, until ctx is done.
// A review that still ends connections stops for the next one: whom the newest
// rules admit again shall stay.
func (s *server) reviewAll(ctx context.Context) {
	var running sync.WaitGroup
	stop := func() {}
	for {
		select {
		case <-s.review.wanted:
			stop()
			running.Wait()
			var limited context.Context
			limited, stop = context.WithCancel(ctx)
			running.Go(func() { s.endRefused(limited) })
		case <-ctx.Done():
			stop()
			running.Wait()
			return
		}
	}
}

// endRefused ends the connections that the rules in force would refuse.
func (s *server) endRefused(ctx context.Context) {
	refused := map[*session.Session]*outcome.Closure{}
	for _, one := range s.sessions.List() {
		if closure := s.reconsider(one); closure != nil {
			refused[one] = closure
		}
	}
	if len(refused) == 0 {
		return
	}
	ended := s.sessions.CloseWhere(ctx, time.Duration(len(refused))*session.SecurityPace,
		func(one *session.Session) *outcome.Closure { return refused[one] })
	s.options.Logger.Info("ended connections that would be refused now", "connections", ended)
}

// reconsider returns the closure of a connection that would be refused now, nil
// if it may stay. Its end moves with the policy's grace.
func (s *server) reconsider(one *session.Session) *outcome.Closure {
	current := s.current.Load()
	if current == nil || current.config.KeepAdmitted {
		return nil
	}
	standing, ok := s.accounts.standing(one)
	if !ok {
		return nil
	}
	ruling, err := current.rules.Reconsider(&standing)
	if err != nil {
		return outcome.Close(outcome.AccessRevoked, outcome.ByGateway, err.Error())
	}
	if ruling.DryRun || !ruling.Ends.IsZero() {
		s.sessions.SetExpiry(one, ruling.Ends)
		s.accounts.rule(one, &ruling, s.metrics)
	}
	return nil
}

// reconsiderLate is for a connection whose handshake was under way when the rules
// changed: the review may have come before it was registered.
func (s *server) reconsiderLate(one *session.Session) {
	if closure := s.reconsider(one); closure != nil {
		one.End(closure)
	}
}
