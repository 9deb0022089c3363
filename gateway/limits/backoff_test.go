// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package limits_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/limits"
)

// trier fails as soon as it may, and says how long it had to wait each time.
func trier(b *limits.Backoff, who netip.Prefix, now *time.Time, times int) []time.Duration {
	waits := []time.Duration{}
	for range times {
		b.Failed(who, *now)
		wait := b.Wait(who, *now)
		*now = now.Add(wait)
		waits = append(waits, wait)
	}
	return waits
}

func TestWaitsGrowFromTheFifthFailureInARow(t *testing.T) {
	t.Parallel()
	var b limits.Backoff
	now := noon()
	const s = time.Second
	want := []time.Duration{0, 0, 0, 0, s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s}
	if diff := cmp.Diff(want, trier(&b, client("192.0.2.7"), &now, len(want))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if wait := b.Wait(client("192.0.2.8"), now); wait != 0 {
		t.Errorf("another client waits %v", wait)
	}
}

func TestWaitsEndWithASuccessAndWithTime(t *testing.T) {
	t.Parallel()
	who := client("2001:db8::7")
	for name, test := range map[string]struct {
		between func(b *limits.Backoff, now *time.Time)
		want    time.Duration
	}{
		"a success":         {func(b *limits.Backoff, _ *time.Time) { b.Succeeded(who) }, 0},
		"six minutes":       {func(_ *limits.Backoff, now *time.Time) { *now = now.Add(6 * time.Minute) }, 0},
		"four minutes":      {func(_ *limits.Backoff, now *time.Time) { *now = now.Add(4 * time.Minute) }, 4 * time.Second},
		"another's success": {func(b *limits.Backoff, _ *time.Time) { b.Succeeded(client("192.0.2.7")) }, 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b limits.Backoff
			now := noon()
			trier(&b, who, &now, 6)
			test.between(&b, &now)
			if waits := trier(&b, who, &now, 1); waits[0] != test.want {
				t.Errorf("the next failure waits %v, want %v", waits[0], test.want)
			}
		})
	}
}

// A page with an expired token opens all of its sockets at once.
func TestFailuresThatBeganBeforeTheWaitDoNotCount(t *testing.T) {
	t.Parallel()
	var b limits.Backoff
	for range 50 {
		b.Failed(client("192.0.2.7"), noon())
	}
	if wait := b.Wait(client("192.0.2.7"), noon()); wait != time.Second {
		t.Errorf("it waits %v, want 1s", wait)
	}
	if b.Succeeded(client("192.0.2.7")); b.Len() != 0 {
		t.Errorf("%d clients are remembered after the success", b.Len())
	}
}

func TestFailuresOfManyAddressesAreBoundedAndNobodyNeverWaits(t *testing.T) {
	t.Parallel()
	var b limits.Backoff
	for i := range 2 * most {
		b.Failed(network(i), noon())
	}
	if got := b.Len(); got != most {
		t.Errorf("%d clients are remembered, want %d", got, most)
	}
	for range 10 {
		b.Failed(netip.Prefix{}, noon())
	}
	if wait := b.Wait(netip.Prefix{}, noon()); wait != 0 {
		t.Errorf("nobody waits %v", wait)
	}
	b.Failed(client("192.0.2.7"), noon().Add(time.Hour))
	if got := b.Len(); got != most-1 {
		t.Errorf("%d clients are remembered an hour later: old ones are not forgotten", got)
	}
}
