// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
)

// keyed is a choice of "b" for connections that have key in common.
func keyed(key string) proxy.Choice {
	return proxy.Choice{Backends: toB, Balance: contract.BalanceConsistentHash, Key: key}
}

func inTurn() proxy.Choice { return proxy.Choice{Backends: toB, Balance: contract.BalanceRoundRobin} }

// goTo connects, and hangs up at once.
func goTo(t *testing.T, pool *proxy.Pool, choice proxy.Choice) *proxy.Upstream {
	t.Helper()
	u, err := pool.Connect(t.Context(), choice, handshake())
	if err != nil {
		t.Fatal(err)
	}
	u.Release()
	return u
}

func numbered(n int) []string {
	addresses := make([]string, 0, n)
	for i := range n {
		addresses = append(addresses, fmt.Sprintf("10.0.0.%d:80", i+1))
	}
	return addresses
}

func ofB(addresses []string) contract.Endpoints {
	return contract.Endpoints{Backends: map[string]contract.BackendEndpoints{"b": {Addresses: addresses}}}
}

// spread is where each of so many keys goes.
func spread(t *testing.T, pool *proxy.Pool, keys int) []string {
	t.Helper()
	places := make([]string, 0, keys)
	for key := range keys {
		places = append(places, goTo(t, pool, keyed(fmt.Sprint("user ", key))).Address)
	}
	return places
}

func TestEndpointsAreTakenInTurn(t *testing.T) {
	t.Parallel()
	var n network
	t.Cleanup(n.peers.Wait)
	pool := n.pool(func() float64 { return 0.4 }, ofB(abc).Backends)
	var went []string
	for range 5 {
		went = append(went, goTo(t, pool, inTurn()).Address)
	}
	if diff := cmp.Diff([]string{abc[1], abc[2], abc[0], abc[1], abc[2]}, went); diff != "" {
		t.Error(diff)
	}
	n.down = map[string]bool{abc[0]: true}
	went = nil
	for range 4 {
		went = append(went, goTo(t, pool, inTurn()).Address)
	}
	if diff := cmp.Diff([]string{abc[1], abc[2], abc[1], abc[2]}, went); diff != "" {
		t.Errorf("with one that is down: %s", diff)
	}
	pool.SetEndpoints(ofB(abc[1:2]))
	if u := goTo(t, pool, inTurn()); u.Address != abc[1] {
		t.Errorf("with one that is left: %s", u.Address)
	}
}

func TestTheSameKeyGoesToTheSameEndpointInEveryPod(t *testing.T) {
	t.Parallel()
	var n network
	t.Cleanup(n.peers.Wait)
	one, two := n.pool(rand.Float64, ofB(numbered(10)).Backends), n.pool(rand.Float64, ofB(numbered(10)).Backends)
	places := spread(t, one, 300)
	if diff := cmp.Diff(places, spread(t, two, 300)); diff != "" {
		t.Errorf("another pod: %s", diff)
	}
	share := map[string]int{}
	for _, place := range places {
		share[place]++
	}
	for place, keys := range share {
		// 30 each, with a standard deviation of about 5; the keys are always the same.
		if keys < 15 || keys > 45 {
			t.Errorf("%s gets %d keys of 300", place, keys)
		}
	}
	if len(share) != 10 {
		t.Errorf("%d of 10 endpoints get any", len(share))
	}
}

func TestAChangeOfEndpointsMovesOnlyTheKeysThatItHasTo(t *testing.T) {
	t.Parallel()
	var n network
	t.Cleanup(n.peers.Wait)
	pool := n.pool(rand.Float64, ofB(numbered(10)).Backends)
	before := spread(t, pool, 200)
	gone := "10.0.0.4:80"
	pool.SetEndpoints(ofB(slices.DeleteFunc(numbered(10), func(a string) bool { return a == gone })))
	for key, place := range spread(t, pool, 200) {
		if place != before[key] && before[key] != gone {
			t.Errorf("key %d moved from %s to %s", key, before[key], place)
		}
	}
	pool.SetEndpoints(ofB(numbered(11)))
	moved := 0
	for key, place := range spread(t, pool, 200) {
		if place != before[key] {
			moved++
			if place != "10.0.0.11:80" {
				t.Errorf("key %d moved from %s to %s", key, before[key], place)
			}
		}
	}
	if moved == 0 || moved > 40 {
		t.Errorf("%d of 200 keys moved to one of 11 endpoints", moved)
	}
}

func TestAKeyWhoseEndpointFailsGoesToTheSameOtherOneInEveryPod(t *testing.T) {
	t.Parallel()
	var n network
	t.Cleanup(n.peers.Wait)
	pools := []*proxy.Pool{n.pool(rand.Float64, ofB(abc).Backends), n.pool(rand.Float64, ofB(abc).Backends)}
	home := goTo(t, pools[0], keyed("k")).Address
	n.down = map[string]bool{home: true}
	other := goTo(t, pools[0], keyed("k")).Address
	for range 3 {
		if again := goTo(t, pools[1], keyed("k")).Address; again != other || again == home {
			t.Errorf("from %s to %s and %s", home, other, again)
		}
	}
}

func TestOneKeyDoesNotTakeAnEndpointDown(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		percent int32
		most    int
	}{{0, 50}, {150, 60}, {10_000, 160}} {
		var n network
		t.Cleanup(n.peers.Wait)
		pool := n.pool(rand.Float64, ofB(numbered(4)).Backends)
		choice := keyed("everybody")
		choice.MaxLoadPercent = test.percent
		for i := range 160 {
			u, err := pool.Connect(t.Context(), choice, handshake())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(u.Release)
			if used := len(pool.Open()); i < 32 && used != 1 {
				t.Fatalf("connection %d is the first at another of %d endpoints", i, used)
			}
		}
		most := 0
		for _, open := range pool.Open() {
			most = max(most, open)
		}
		if most != test.most {
			t.Errorf("%d percent: an endpoint has %d of 160 connections, want %d", test.percent, most, test.most)
		}
	}
}

func TestKeysAreSharedOutByWeight(t *testing.T) {
	t.Parallel()
	var n network
	t.Cleanup(n.peers.Wait)
	pool := n.pool(rand.Float64, map[string]contract.BackendEndpoints{
		"old": {Addresses: abc[:1]}, "new": {Addresses: abc[1:2]}, "none": {Addresses: abc[2:]}, "nowhere": {},
	})
	places := func(weight int32) (of []string, share float64) {
		for key := range 400 {
			choice := keyed(fmt.Sprint("user ", key))
			choice.Backends = []contract.Backend{
				{Name: "old", Weight: new(int32(100) - weight)}, {Name: "new", Weight: &weight}, {Name: "none", Weight: new(int32(0))}, {Name: "nowhere"},
			}
			of = append(of, goTo(t, pool, choice).Backend)
		}
		news := slices.DeleteFunc(slices.Clone(of), func(b string) bool { return b != "new" })
		return of, float64(len(news)) / float64(len(of))
	}
	few, tenth := places(10)
	more, third := places(30)
	if math.Abs(tenth-0.1) > 0.05 || math.Abs(third-0.3) > 0.07 {
		t.Errorf("shares %.2f and %.2f", tenth, third)
	}
	for key := range few {
		if few[key] == "new" && more[key] != "new" || slices.Contains([]string{"none", "nowhere"}, more[key]) {
			t.Errorf("key %d moved from %s to %s", key, few[key], more[key])
		}
	}
}

// A port that is spoken to by two profiles is two places for keys: one by which a
// tenth shall go gets a tenth. The profile cannot be used here, which tells who goes
// by it.
func TestProfilesOfOnePortShareTheKeysByWeight(t *testing.T) {
	t.Parallel()
	var n network
	t.Cleanup(n.peers.Wait)
	pool := n.pool(rand.Float64, ofB(abc).Backends)
	byProfile := 0
	for key := range 400 {
		choice := keyed(fmt.Sprint("user ", key))
		choice.Backends = []contract.Backend{{Name: "b", Weight: new(int32(70))}, {Name: "b", TLS: "inside", Weight: new(int32(30))}}
		u, err := pool.Connect(t.Context(), choice, handshake())
		if err != nil {
			wantRefusal(t, err, outcome.UpstreamTLSFailed)
			byProfile++
			continue
		}
		u.Release()
	}
	if byProfile < 90 || byProfile > 150 {
		t.Errorf("%d of 400 keys go by the profile that has 30 of 100", byProfile)
	}
}

// Two routes may name the same endpoints, of which one does it wrongly. Its failures
// are not those of the other.
func TestAnEndpointIsAvoidedByWhomItFailed(t *testing.T) {
	t.Parallel()
	var n network
	t.Cleanup(n.peers.Wait)
	backends := map[string]contract.BackendEndpoints{"b": {Addresses: abc}, "other": {Addresses: abc}}
	pool := n.pool(rand.Float64, backends)
	other := keyed("k")
	other.Backends = []contract.Backend{{Name: "other"}}
	home := goTo(t, pool, keyed("k")).Address
	n.down = map[string]bool{home: true}
	goTo(t, pool, other)
	n.down = nil
	if got := goTo(t, pool, keyed("k")).Address; got != home {
		t.Errorf("the key goes to %s, since another backend could not reach %s", got, home)
	}
	if got := goTo(t, pool, other).Address; got == home {
		t.Error("the one that failed tries again at once")
	}
	avoided := map[string]bool{}
	for _, state := range pool.State() {
		for _, endpoint := range state.Endpoints {
			avoided[state.Name] = avoided[state.Name] || !endpoint.AvoidedUntil.IsZero()
		}
	}
	if diff := cmp.Diff(map[string]bool{"b": false, "other": true}, avoided); diff != "" {
		t.Errorf("avoided by (-want +got):\n%s", diff)
	}
	if available, failing := pool.Endpoints(); available != 2 || failing != 1 {
		t.Errorf("%d endpoints available and %d failing", available, failing)
	}
	delete(backends, "other")
	pool.SetEndpoints(contract.Endpoints{Version: 1, Backends: backends})
	if _, failing := pool.Endpoints(); failing != 0 {
		t.Error("what a backend that is gone has found is remembered")
	}
}

func TestConnectionsWithoutAKeyGoWhereTheFewestAre(t *testing.T) {
	t.Parallel()
	var n network
	t.Cleanup(n.peers.Wait)
	pool := n.pool(rand.Float64, ofB(abc).Backends)
	for range 6 {
		u, err := pool.Connect(t.Context(), keyed(""), handshake())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(u.Release)
	}
	if diff := cmp.Diff(map[string]int{abc[0]: 2, abc[1]: 2, abc[2]: 2}, pool.Open()); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkChoosingAmongAThousandEndpoints(b *testing.B) {
	for _, choice := range []proxy.Choice{{Backends: toB}, inTurn(), keyed("k")} {
		b.Run(fmt.Sprintf("%q", choice.Balance), func(b *testing.B) {
			addresses := make([]string, 0, 1000)
			for i := range 1000 {
				addresses = append(addresses, fmt.Sprintf("10.0.%d.%d:80", i/250, i%250))
			}
			pool := proxy.NewPool(proxy.Options{Now: time.Now, Random: rand.Float64})
			pool.SetEndpoints(ofB(addresses))
			for b.Loop() {
				proxy.TakeAndGiveBack(pool, &choice)
			}
		})
	}
}
