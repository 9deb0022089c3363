// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"time"

	"golang.org/x/time/rate"
)

// MostAtOnce is the largest amount that Pace.Take takes, and what may come at once
// however low a rate is.
const MostAtOnce = 64 << 10

// Pace spreads over time what one client sends. The zero value is ready; its
// methods are for one goroutine at a time.
type Pace struct {
	bucket *rate.Limiter
}

// Take counts an amount that has come, at most MostAtOnce, and returns for how
// long no more should be taken: 0 as long as the amount of one second is not used
// up. perSecond is at least 1 and always the same.
func (p *Pace) Take(amount int, perSecond int32, now time.Time) time.Duration {
	if p.bucket == nil {
		p.bucket = rate.NewLimiter(rate.Limit(perSecond), max(int(perSecond), MostAtOnce))
	}
	return p.bucket.ReserveN(now, min(amount, MostAtOnce)).DelayFrom(now)
}
