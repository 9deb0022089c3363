// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package paired tells what a series of paired measurements shows, on a machine
// that does other things as well.
package paired

import (
	"math"
	"slices"
)

// confidence that an interval holds the true median.
const confidence = 0.95

// fewest values for that: five of a fair coin's throws fall on the same side more
// often than once in twenty times.
const fewest = 6

// Result is the median of a series and an interval around it.
type Result struct {
	Median float64 `json:"median"`
	// Low and High are the ends of an interval that holds the true median with a
	// confidence of at least 95 %. With fewer than six values, which are too few for
	// that, they are the least and the greatest of them.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Pairs is how many there were.
	Pairs int `json:"pairs"`
}

// Of finds the median of values by their ranks alone: the interval is the one of
// the sign test, which assumes nothing of how the noise is distributed and to which
// a round that somebody else disturbed is one value on one side, however far out.
// Values must not be empty.
func Of(values []float64) Result {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	median := (sorted[(n-1)/2] + sorted[n/2]) / 2
	cut := ranks(n)
	return Result{Median: median, Low: sorted[cut], High: sorted[n-1-cut], Pairs: n}
}

// ranks is how many values may be left out on each side: as many as a fair coin,
// thrown n times, falls on one side or less often with half of the probability that
// confidence leaves.
func ranks(n int) int {
	// The probability of k heads, as a logarithm: 2^-n is 0 for a float64 from
	// n = 1075 on.
	logarithm := -float64(n) * math.Ln2
	left, cut := (1-confidence)/2, 0
	for k := range n / 2 {
		left -= math.Exp(logarithm)
		if left < 0 {
			break
		}
		cut = k
		logarithm += math.Log(float64(n-k)) - math.Log(float64(k+1))
	}
	return cut
}

// Verdict says what an interval shows about a bound.
type Verdict string

// The verdicts.
const (
	Within  Verdict = "within"
	Unclear Verdict = "unclear"
	Above   Verdict = "above"
)

// Against compares with a bound. A result is Above only when the whole interval
// is, Within only when all of it is not; what lies on both sides shows nothing, nor
// does an interval of fewer than six values.
func (r Result) Against(bound float64) Verdict {
	switch {
	case r.Pairs < fewest:
		return Unclear
	case r.Low > bound:
		return Above
	case r.High <= bound:
		return Within
	default:
		return Unclear
	}
}
