// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// SecurityPace is the time that the end of one session gets when many have to end
// for security: half of what is promised (1 s per 1,000), so that those that come
// while others are being ended are in time as well.
const SecurityPace = 500 * time.Microsecond

// SetExpiry says when Expire ends a session; the zero time means never. A
// session that is not registered is left alone.
func (r *Registry) SetExpiry(s *Session, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions[s.ID()] == s {
		r.expiries.Set(s, at)
	}
}

// Expire ends each session at its expiry with outcome.CredentialExpired, until
// ctx is done. Those that expire together are spread over SecurityPace each. One
// goroutine does so for all of them.
func (r *Registry) Expire(ctx context.Context) {
	for {
		ended, wait := r.expired()
		if len(ended) == 0 {
			if !r.expiries.Sleep(ctx, wait) {
				return
			}
			continue
		}
		pace := r.pacer(time.Duration(len(ended)) * SecurityPace)
		for i, s := range ended {
			if pace.wait(ctx, len(ended)-i) != nil {
				return
			}
			s.End(outcome.Close(outcome.CredentialExpired, outcome.ByGateway, ""))
		}
	}
}

// expired takes out the sessions whose time has come, and says how long none
// will.
func (r *Registry) expired() (ended []*Session, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.options.Now()
	for {
		one, wait, ok := r.expiries.Take(now)
		if !ok {
			return ended, wait
		}
		ended = append(ended, one)
	}
}
