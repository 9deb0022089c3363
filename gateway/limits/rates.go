// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// leastBurst is what may come at once however low a rate is: a page that is
// loaded opens several sockets, and a client that lost its connection comes back
// with all of them.
const leastBurst = 10

// Burst is how many may come at once at a rate: those of one second, and ten at
// least.
func Burst(perSecond int32) int { return max(int(perSecond), leastBurst) }

// Rate limits how often something happens. The zero value is ready; its methods
// are safe for concurrent use.
type Rate struct {
	mu     sync.Mutex
	bucket *rate.Limiter
}

// Allow tells whether it may happen now, and counts it if so. perSecond is the
// limit in force at this moment, 0 for none.
func (r *Rate) Allow(perSecond int32, now time.Time) bool {
	if perSecond <= 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bucket = adjusted(r.bucket, perSecond, now)
	return r.bucket.AllowN(now, 1)
}

// Rates limits how often each of many clients does something. The zero value is
// ready; its methods are safe for concurrent use.
type Rates struct {
	mu      sync.Mutex
	buckets recent[*rate.Limiter]
}

// Allow tells whether the client may do it now, and counts it if so. perSecond is
// the limit of each client in force at this moment, 0 for none. The zero Prefix
// is nobody and may always.
func (r *Rates) Allow(client netip.Prefix, perSecond int32, now time.Time) bool {
	if perSecond <= 0 || !client.IsValid() {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	// A bucket that is full again is as good as a new one.
	r.buckets.expire(now.Add(-refill(perSecond)))
	bucket := r.buckets.meet(client, now)
	*bucket = adjusted(*bucket, perSecond, now)
	return (*bucket).AllowN(now, 1)
}

// Len is the number of clients that are remembered.
func (r *Rates) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.buckets.clients)
}

// refill is the time in which an empty bucket becomes full.
func refill(perSecond int32) time.Duration {
	return time.Duration(Burst(perSecond)) * time.Second / time.Duration(perSecond)
}

// adjusted is the bucket for a rate, which may have changed; a new one is full.
func adjusted(bucket *rate.Limiter, perSecond int32, now time.Time) *rate.Limiter {
	switch {
	case bucket == nil:
		return rate.NewLimiter(rate.Limit(perSecond), Burst(perSecond))
	case bucket.Limit() != rate.Limit(perSecond):
		bucket.SetLimitAt(now, rate.Limit(perSecond))
		bucket.SetBurstAt(now, Burst(perSecond))
	}
	return bucket
}
