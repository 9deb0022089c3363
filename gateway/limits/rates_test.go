// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package limits_test

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/limits"
)

// most is how many clients are remembered.
const most = 65_536

func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

func client(address string) netip.Prefix { return limits.Network(netip.MustParseAddr(address)) }

// network is the n-th /64 of 2001:db8::/32.
func network(n int) netip.Prefix {
	address := netip.MustParseAddr("2001:db8::1").As16()
	binary.BigEndian.PutUint32(address[4:8], uint32(n))
	return limits.Network(netip.AddrFrom16(address))
}

// allowed counts how many of n tries at one moment are.
func allowed(n int, try func() bool) int {
	count := 0
	for range n {
		if try() {
			count++
		}
	}
	return count
}

func TestARateLetsThroughASecondsWorthAndThenSoManyEachSecond(t *testing.T) {
	t.Parallel()
	var r limits.Rate
	for _, step := range []struct {
		name      string
		at        time.Duration
		perSecond int32
		want      int
	}{
		{"without a limit", 0, 0, 1000},
		{"what may come at once", 0, 50, 50},
		{"a tenth of a second later", 100 * time.Millisecond, 50, 5},
		{"a minute later", time.Minute, 50, 50},
		{"raised, and the bucket is empty", time.Minute, 100, 0},
		{"half a second later", time.Minute + 500*time.Millisecond, 100, 50},
		{"lowered below ten", 2 * time.Minute, 1, 10},
		{"three seconds later", 2*time.Minute + 3*time.Second, 1, 3},
		{"taken away", 2*time.Minute + 3*time.Second, 0, 1000},
	} {
		now := noon().Add(step.at)
		if got := allowed(1000, func() bool { return r.Allow(step.perSecond, now) }); got != step.want {
			t.Errorf("%s: %d, want %d", step.name, got, step.want)
		}
	}
}

func TestEachClientHasItsOwnRate(t *testing.T) {
	t.Parallel()
	var r limits.Rates
	try := func(who netip.Prefix, perSecond int32, at time.Duration) int {
		return allowed(100, func() bool { return r.Allow(who, perSecond, noon().Add(at)) })
	}
	ann, bob := client("192.0.2.7"), client("2001:db8:1:2::7")
	for _, step := range []struct {
		name string
		got  int
		want int
	}{
		{"one", try(ann, 5, 0), 10},
		{"the other", try(bob, 5, 0), 10},
		{"another address of the same network", try(client("2001:db8:1:2:ffff::1"), 5, 0), 0},
		{"a second later", try(ann, 5, time.Second), 5},
		{"raised", try(ann, 20, 2*time.Second), 5},
		{"a second later", try(ann, 20, 3*time.Second), 20},
		{"no limit", try(ann, 0, 3*time.Second), 100},
		{"nobody", try(netip.Prefix{}, 5, 0), 100},
	} {
		if step.got != step.want {
			t.Errorf("%s: %d, want %d", step.name, step.got, step.want)
		}
	}
}

func TestNoClientIsFasterThanItMayHoweverManyAskAtOnce(t *testing.T) {
	t.Parallel()
	var r limits.Rates
	var got atomic.Int32
	var asking sync.WaitGroup
	for i := range 200 {
		asking.Go(func() {
			if r.Allow(network(i%2), 20, noon()) {
				got.Add(1)
			}
		})
	}
	asking.Wait()
	if got.Load() != 40 {
		t.Errorf("%d let through, want 40", got.Load())
	}
}

// A flood from ever new networks costs bounded memory, and whoever is not part
// of it gets in and is held to the same rate as before.
func TestAFloodOfAddressesIsBoundedAndShutsNobodyOut(t *testing.T) {
	var r limits.Rates
	before := heap()
	good, now := client("192.0.2.7"), noon()
	for i := range 4 * most {
		r.Allow(network(i), 5, now)
		if i%1000 == 0 && !r.Allow(good, 5, now) && i < 10_000 {
			t.Fatalf("the good client was refused after %d others", i)
		}
	}
	if got := r.Len(); got != most {
		t.Errorf("%d clients are remembered, want %d", got, most)
	}
	// The good one came all the time: it was not forgotten, or its rate would be
	// fresh again.
	if r.Allow(good, 5, now) {
		t.Error("the good client has more than its burst")
	}
	const mebibytes = 32
	if grown := heap() - before; grown > mebibytes<<20 {
		t.Errorf("the table holds %d KiB, more than %d MiB", grown>>10, mebibytes)
	} else {
		t.Logf("%d clients cost %d bytes each", r.Len(), grown/most)
	}
	if !r.Allow(client("198.51.100.1"), 5, now) {
		t.Error("a newcomer was refused")
	}
	// When the flood is over, the table empties with the clients that come.
	later := now.Add(time.Minute)
	for i := range most {
		r.Allow(network(i%7), 5, later)
	}
	if got := r.Len(); got > 8 {
		t.Errorf("%d clients are remembered a minute after the flood", got)
	}
	runtime.KeepAlive(&r)
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
