// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package limits_test

import (
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/limits"
)

func TestASecondsWorthComesAtOnceAndTheRestIsSpread(t *testing.T) {
	for name, test := range map[string]struct {
		perSecond int32
		taken     []int
		wait      time.Duration // after the last
	}{
		"within the burst of a low rate": {1 << 10, []int{64 << 10}, 0},
		"above it":                       {1 << 10, []int{64 << 10, 3 << 10}, 3 * time.Second},
		"a high rate":                    {100 << 10, []int{50 << 10, 50 << 10}, 0},
		"above a high rate":              {100 << 10, []int{50 << 10, 50 << 10, 50 << 10}, 500 * time.Millisecond},
		"more than is taken at once":     {64 << 10, []int{1 << 20}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var pace limits.Pace
			now, wait := time.Unix(1000, 0), time.Duration(0)
			for _, amount := range test.taken {
				wait = pace.Take(amount, test.perSecond, now)
			}
			if wait.Round(time.Millisecond) != test.wait {
				t.Errorf("wait %v, want %v", wait, test.wait)
			}
		})
	}
}

func TestWhoWaitsAsLongAsPaceSaysHasItsRate(t *testing.T) {
	t.Parallel()
	const perSecond = 10_000
	var pace limits.Pace
	start := time.Unix(1000, 0)
	now, taken := start, 0
	for now.Before(start.Add(100 * time.Second)) {
		now = now.Add(pace.Take(4000, perSecond, now))
		taken += 4000
	}
	if most := 100*perSecond + limits.MostAtOnce + 4000; taken > most || taken < 100*perSecond {
		t.Errorf("%d in 100 seconds, at most %d", taken, most)
	}
}

func TestPaceAllocatesNothingOnceItRuns(t *testing.T) {
	var pace limits.Pace
	now := time.Unix(1000, 0)
	pace.Take(1, 1000, now)
	if allocations := testing.AllocsPerRun(100, func() { pace.Take(1000, 1000, now) }); allocations > 0 {
		t.Errorf("%v allocations", allocations)
	}
}
