// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"cmp"
	"fmt"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// beat is when a party is pinged. Times count from any moment.
type beat struct {
	// pinging is true while a ping waits for its place, waiting while one is
	// unanswered that was sent at pinged.
	pinging, waiting bool
	pinged, next     time.Duration
}

// begin has the first ping come early by a random part: those that connected
// together, after a restart, say, must not be pinged together ever after.
func (b *beat) begin(interval, now time.Duration, random func() float64) {
	b.next = now + interval/2 + time.Duration(random()*float64(interval/2))
}

// isDue tells whether it is time for a ping.
func (b *beat) isDue(now, interval time.Duration) bool {
	return interval > 0 && !b.waiting && now >= b.next
}

func (b *beat) sent(now time.Duration) { b.pinging, b.waiting, b.pinged = false, true, now }

// unanswered says whether the party has left a ping unanswered for too long. Any
// byte counts as an answer, as a pong may wait behind a large message; and time in
// which we did not read, because the other side did not, is not the party's.
func (b *beat) unanswered(heard, now, interval, patience time.Duration, held bool) bool {
	switch {
	case !b.waiting:
		return false
	case heard >= b.pinged:
		b.waiting, b.next = false, b.pinged+interval
		return false
	case now-b.pinged < patience:
		return false
	case held:
		b.pinged = now
		return false
	}
	return true
}

// patience is how long a party may take to answer a ping; 0 when it is not asked.
func patience(l *contract.EffectiveLimits, name outcome.Initiator) time.Duration {
	if name == outcome.ByClient {
		return l.PongTimeout
	}
	return l.BackendPongTimeout
}

// youngest is the part of MaxConnectionAge that every connection may reach.
const youngest = 0.9

// retirement is when a connection that begins now is old enough, 0 for never. By
// chance it comes up to a tenth early: clients that came together shall not come
// back together.
func retirement(l *contract.EffectiveLimits, now time.Duration, random func() float64) time.Duration {
	if l.MaxConnectionAge <= 0 {
		return 0
	}
	return now + time.Duration((youngest+(1-youngest)*random())*float64(l.MaxConnectionAge))
}

func writeTimeout(l *contract.EffectiveLimits) time.Duration {
	return cmp.Or(l.WriteTimeout, contract.DefaultWriteTimeout)
}

// tookNothing ends a connection whose peer does not read.
func tookNothing(by outcome.Initiator, timeout time.Duration) *outcome.Closure {
	return outcome.Close(outcome.SlowReader, by, fmt.Sprintf("took nothing of what was sent for %s", timeout))
}
