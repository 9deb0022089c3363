// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package limits_test

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/limits"
)

func TestEachClientHasItsOwnPlaces(t *testing.T) {
	t.Parallel()
	var each limits.Each[string]
	for _, step := range []struct {
		client string
		most   int32
		want   bool
	}{
		{"ann", 2, true},
		{"ann", 2, true},
		{"ann", 2, false},
		{"bob", 2, true},
		// A raised limit, a lowered one, none.
		{"ann", 3, true},
		{"ann", 1, false},
		{"ann", 0, true},
		{"ann", 4, false},
	} {
		if got := each.Acquire(step.client, step.most); got != step.want {
			t.Errorf("%s of %d: %t", step.client, step.most, got)
		}
	}
	each.Release("ann")
	if !each.Acquire("ann", 4) || each.Acquire("ann", 4) {
		t.Error("a place that was given back is not exactly one place")
	}
	for range 4 {
		each.Release("ann")
	}
	if each.Release("bob"); each.Len() != 0 {
		t.Errorf("%d clients are remembered without a connection", each.Len())
	}
}

func TestNoClientHasMoreThanItsPlacesHoweverManyAskAtOnce(t *testing.T) {
	t.Parallel()
	var each limits.Each[int]
	var got atomic.Int32
	var asking sync.WaitGroup
	for i := range 100 {
		asking.Go(func() {
			if each.Acquire(i%2, 10) {
				got.Add(1)
			}
		})
	}
	asking.Wait()
	if got.Load() != 20 {
		t.Errorf("%d places given, want 20", got.Load())
	}
}

func TestAnAddressStandsForItsClient(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.7":                 "192.0.2.7/32",
		"::ffff:192.0.2.7":          "192.0.2.7/32",
		"2001:db8:1:2:3:4:5:6":      "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::1":      "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::1%eth0": "2001:db8:1:2::/64",
		"fe80::1%eth0":              "fe80::/64",
	} {
		if got := limits.Network(netip.MustParseAddr(address)).String(); got != want {
			t.Errorf("%s is of %s, want %s", address, got, want)
		}
	}
	if got := limits.Network(netip.Addr{}); got.IsValid() {
		t.Errorf("no address is of %s", got)
	}
}
