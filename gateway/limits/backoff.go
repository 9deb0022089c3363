// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"net/netip"
	"sync"
	"time"
)

// The waits after failures: nobody who mistypes notices them, and whoever tries
// passwords gets through a hundred in an hour and a half.
const (
	patience    = 5
	firstWait   = time.Second
	longestWait = time.Minute
	// forgetAfter is for how long failures count. It is longer than the longest
	// wait, so that sitting one out does not bring the first tries back.
	forgetAfter = 5 * time.Minute
)

// Backoff makes clients wait that fail again and again. The zero value is ready;
// its methods are safe for concurrent use. The zero Prefix is nobody and never
// waits.
type Backoff struct {
	mu       sync.Mutex
	failures recent[failures]
}

type failures struct {
	inARow int
	last   time.Time
	until  time.Time
}

// Wait is how long the client has to wait from now on; 0 if it need not.
func (b *Backoff) Wait(client netip.Prefix, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.failures.look(client); f != nil {
		return max(f.until.Sub(now), 0)
	}
	return 0
}

// Failed counts a failure of a client. The fifth in a row makes it wait for a
// second, each further one twice as long as the one before, up to a minute. A
// failure of a client that has to wait began before it had to, and does not
// count: a page that opens ten sockets with an expired token fails once.
func (b *Backoff) Failed(client netip.Prefix, now time.Time) {
	if !client.IsValid() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures.expire(now.Add(-forgetAfter))
	f := b.failures.meet(client, now)
	if now.Before(f.until) {
		return
	}
	if now.Sub(f.last) > forgetAfter {
		f.inARow = 0
	}
	f.last = now
	if f.inARow++; f.inARow >= patience {
		f.until = now.Add(waitAfter(f.inARow))
	}
}

func waitAfter(inARow int) time.Duration {
	wait := firstWait
	for i := patience; i < inARow && wait < longestWait; i++ {
		wait *= 2
	}
	return min(wait, longestWait)
}

// Succeeded forgets the failures of a client.
func (b *Backoff) Succeeded(client netip.Prefix) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures.drop(client)
}

// Len is the number of clients of whom failures are remembered.
func (b *Backoff) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.failures.clients)
}
