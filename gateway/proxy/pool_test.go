// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// network is a dialer without a network: what is up answers every handshake,
// what is down refuses.
type network struct {
	mu    sync.Mutex
	down  map[string]bool
	dials []string
	peers sync.WaitGroup
}

func (n *network) dial(_ context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dials = append(n.dials, address)
	if n.down[address] {
		return nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	n.peers.Go(func() {
		shake(theirs)
		_, _ = io.Copy(io.Discard, theirs)
	})
	return ours, nil
}

// dialled returns the dials since the last call.
func (n *network) dialled() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	dials := n.dials
	n.dials = nil
	return dials
}

func (n *network) pool(random func() float64, backends map[string]contract.BackendEndpoints) *proxy.Pool {
	pool := proxy.NewPool(proxy.Options{Now: time.Now, Random: random, Dial: n.dial})
	pool.SetEndpoints(contract.Endpoints{Version: 1, Backends: backends})
	return pool
}

func connect(t *testing.T, pool *proxy.Pool, backends ...contract.Backend) *proxy.Upstream {
	t.Helper()
	upstream, err := pool.Connect(t.Context(), proxy.Choice{Backends: backends}, handshake())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(upstream.Release)
	return upstream
}

func wantRefusal(t *testing.T, err error, reason outcome.Reason) {
	t.Helper()
	var refusal *outcome.Refusal
	if !errors.As(err, &refusal) || refusal.Reason != reason {
		t.Errorf("err = %v, want %s", err, reason)
	}
}

var abc = []string{"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"}

func TestConnectionsGoWhereTheFewestAre(t *testing.T) {
	t.Parallel()
	var n network
	t.Cleanup(n.peers.Wait)
	pool := n.pool(rand.Float64, map[string]contract.BackendEndpoints{"b": {Addresses: abc}})
	first := map[string]*proxy.Upstream{}
	for range 9 {
		u := connect(t, pool, toB...)
		first[u.Address] = u
	}
	if diff := cmp.Diff(map[string]int{abc[0]: 3, abc[1]: 3, abc[2]: 3}, pool.Open()); diff != "" {
		t.Error(diff)
	}
	first[abc[1]].Release()
	first[abc[1]].Release() // once is enough; twice must not count twice
	if u := connect(t, pool, toB...); u.Address != abc[1] {
		t.Errorf("went to %s", u.Address)
	}
}

func TestNewEndpointsKeepTheCountsAndTheConnections(t *testing.T) {
	t.Parallel()
	var n network
	t.Cleanup(n.peers.Wait)
	pool := n.pool(rand.Float64, map[string]contract.BackendEndpoints{"b": {Addresses: abc[:2]}})
	var held []*proxy.Upstream
	for range 4 {
		held = append(held, connect(t, pool, toB...))
	}
	pool.SetEndpoints(contract.Endpoints{Backends: map[string]contract.BackendEndpoints{"b": {Addresses: abc[1:]}}})
	if diff := cmp.Diff(map[string]int{abc[0]: 2, abc[1]: 2}, pool.Open()); diff != "" {
		t.Errorf("the old connections: %s", diff)
	}
	for range 2 {
		if u := connect(t, pool, toB...); u.Address != abc[2] {
			t.Errorf("went to %s although it has more", u.Address)
		}
	}
	for _, u := range held {
		u.Release()
	}
	if diff := cmp.Diff(map[string]int{abc[2]: 2}, pool.Open()); diff != "" {
		t.Errorf("after the old ones ended: %s", diff)
	}
	if u := connect(t, pool, toB...); u.Address != abc[1] {
		t.Errorf("went to %s", u.Address)
	}
}

func TestTiesAreBrokenAtRandom(t *testing.T) {
	t.Parallel()
	var n network
	t.Cleanup(n.peers.Wait)
	firsts := map[string]int{}
	for range 600 {
		pool := n.pool(rand.Float64, map[string]contract.BackendEndpoints{"b": {Addresses: abc}})
		firsts[connect(t, pool, toB...).Address]++
	}
	for _, address := range abc {
		if got := firsts[address]; got < 120 || got > 280 {
			t.Errorf("%s was first %d times of 600", address, got)
		}
	}
}

func TestBackendsAreChosenByWeight(t *testing.T) {
	t.Parallel()
	var n network
	t.Cleanup(n.peers.Wait)
	source := rand.New(rand.NewPCG(1, 2))
	pool := n.pool(source.Float64, map[string]contract.BackendEndpoints{
		"heavy": {Addresses: abc[:1]}, "light": {Addresses: abc[1:2]}, "none": {Addresses: abc[2:]}, "empty": {},
	})
	got := map[string]int{}
	for range 1000 {
		u := connect(t, pool,
			contract.Backend{Name: "empty", Weight: new(int32(1000))}, contract.Backend{Name: "light"},
			contract.Backend{Name: "none", Weight: new(int32(0))}, contract.Backend{Name: "heavy", Weight: new(int32(9))})
		got[u.Backend]++
		u.Release()
	}
	if got["none"] != 0 || got["light"] < 70 || got["light"] > 130 || got["heavy"] != 1000-got["light"] {
		t.Errorf("chosen: %v", got)
	}
}

func TestFailedDialIsRepeatedElsewhere(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		down    []string
		service string
		want    string // the address at last, empty for none
		dials   int    // at most
	}{
		{"one endpoint down", abc[:1], "", "any", 2},
		{"two endpoints down", abc[:2], "", abc[2], 3},
		{"all endpoints down, Service up", abc, "10.9.0.1:80", "10.9.0.1:80", 4},
		{"everything down", append([]string{"10.9.0.1:80"}, abc...), "10.9.0.1:80", "", 4},
		{"no Service", abc, "", "", 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := network{down: map[string]bool{}}
			t.Cleanup(n.peers.Wait)
			for _, address := range test.down {
				n.down[address] = true
			}
			pool := n.pool(rand.Float64, map[string]contract.BackendEndpoints{"b": {Addresses: abc, Service: test.service}})
			u, err := pool.Connect(t.Context(), proxy.Choice{Backends: toB}, handshake())
			if dials := n.dialled(); len(dials) > test.dials {
				t.Errorf("dialled %v", dials)
			}
			if test.want == "" {
				wantRefusal(t, err, outcome.UpstreamUnreachable)
				if open := pool.Open(); len(open) != 0 {
					t.Errorf("still counted: %v", open)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer u.Release()
			if test.want != "any" && u.Address != test.want {
				t.Errorf("went to %s", u.Address)
			}
		})
	}
}

func TestOneClientTriesOnlyAFewOfManyEndpoints(t *testing.T) {
	t.Parallel()
	n := network{down: map[string]bool{}}
	var many []string
	for i := range 50 {
		address := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}), 80).String()
		many = append(many, address)
		n.down[address] = true
	}
	pool := n.pool(rand.Float64, map[string]contract.BackendEndpoints{"b": {Addresses: many, Service: "10.9.0.1:80"}})
	t.Cleanup(n.peers.Wait)
	if u := connect(t, pool, toB...); u.Address != "10.9.0.1:80" {
		t.Errorf("went to %s", u.Address)
	}
	if dials := n.dialled(); len(dials) != 4 {
		t.Errorf("dialled %v", dials)
	}
}

func TestDeadEndpointIsAvoidedForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := network{down: map[string]bool{abc[0]: true}}
		pool := n.pool(rand.Float64, map[string]contract.BackendEndpoints{"b": {Addresses: abc[:2]}})
		var held []*proxy.Upstream
		dial := func(times int) (dead int) {
			for range times {
				u, err := pool.Connect(t.Context(), proxy.Choice{Backends: toB}, handshake())
				if err != nil {
					t.Fatal(err)
				}
				held = append(held, u)
			}
			for _, address := range n.dialled() {
				if address == abc[0] {
					dead++
				}
			}
			return dead
		}
		if dead := dial(100); dead != 1 {
			t.Errorf("the dead endpoint was dialled %d times by 100 clients", dead)
		}
		time.Sleep(6 * time.Second)
		n.down = nil
		if dead := dial(10); dead != 10 {
			t.Errorf("after it came back, %d of 10 went to the endpoint with the fewest", dead)
		}
		for _, u := range held {
			u.Release()
		}
		n.peers.Wait()
	})
}

func TestNoAddressIsNoBackend(t *testing.T) {
	t.Parallel()
	var n network
	pool := n.pool(rand.Float64, map[string]contract.BackendEndpoints{"b": {}, "c": {Addresses: abc}})
	for name, backends := range map[string][]contract.Backend{
		"unknown":     {{Name: "x"}},
		"without any": {{Name: "b"}},
		"weight 0":    {{Name: "c", Weight: new(int32(0))}},
		"none":        nil,
	} {
		_, err := pool.Connect(t.Context(), proxy.Choice{Backends: backends}, handshake())
		if wantRefusal(t, err, outcome.UpstreamUnreachable); len(n.dialled()) != 0 {
			t.Errorf("%s: dialled", name)
		}
	}
}

func TestAddressesThatNoBackendMayHaveAreNotDialled(t *testing.T) {
	t.Parallel()
	own := netip.MustParseAddr("10.1.2.3")
	for _, address := range []string{
		"127.0.0.1:19001", "127.9.9.9:80", "[::1]:80", "[::ffff:127.0.0.1]:80", "0.0.0.0:80", "[::]:80", "169.254.169.254:80",
		"[fe80::1]:80", "[fe80::1%eth0]:80", "224.0.0.1:80", "[ff02::1]:80", "255.255.255.255:80", "10.1.2.3:443", "[::ffff:10.1.2.3]:443",
	} {
		var n network
		pool := proxy.NewPool(proxy.Options{Now: time.Now, Random: rand.Float64, Dial: n.dial, OwnAddresses: []netip.Addr{own}})
		pool.SetEndpoints(contract.Endpoints{Backends: map[string]contract.BackendEndpoints{"b": {Addresses: []string{address}, Service: address}}})
		_, err := pool.Connect(t.Context(), proxy.Choice{Backends: toB}, handshake())
		wantRefusal(t, err, outcome.UpstreamUnreachable)
		if dials := n.dialled(); len(dials) != 0 {
			t.Errorf("dialled %v", dials)
		}
	}
}

func TestNamesAreJudgedByWhatTheyResolveTo(t *testing.T) {
	t.Parallel()
	upstream := wstest.Echo(t)
	_, port, _ := net.SplitHostPort(upstream.Address)
	for _, allowed := range []bool{false, true} {
		pool := proxy.NewPool(proxy.Options{Now: time.Now, Random: rand.Float64, AllowLoopback: allowed})
		pool.SetEndpoints(contract.Endpoints{Backends: map[string]contract.BackendEndpoints{"b": {Addresses: []string{"localhost:" + port}}}})
		u, err := pool.Connect(t.Context(), proxy.Choice{Backends: toB}, handshake())
		if !allowed {
			wantRefusal(t, err, outcome.UpstreamUnreachable)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		u.Release()
	}
}

func TestTimeAndTheClientMayRunOut(t *testing.T) {
	t.Parallel()
	pool := newPool(wstest.Silent(t).Address)
	t.Run("no answer in time", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := pool.Connect(ctx, proxy.Choice{Backends: toB}, handshake())
		wantRefusal(t, err, outcome.UpstreamTimeout)
	})
	t.Run("the client went away", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		_, err := pool.Connect(ctx, proxy.Choice{Backends: toB}, handshake())
		wantRefusal(t, err, outcome.ClientGone)
	})
	if open := pool.Open(); len(open) != 0 {
		t.Errorf("still counted: %v", open)
	}
	t.Run("no connection in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			pool := proxy.NewPool(proxy.Options{Now: time.Now, Random: rand.Float64, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}})
			pool.SetEndpoints(contract.Endpoints{Backends: map[string]contract.BackendEndpoints{"b": {Addresses: abc, Service: "10.9.0.1:80"}}})
			start := time.Now()
			_, err := pool.Connect(t.Context(), proxy.Choice{Backends: toB}, handshake())
			wantRefusal(t, err, outcome.UpstreamUnreachable)
			if took := time.Since(start); took != 8*time.Second {
				t.Errorf("four black holes took %v", took)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			_, err = pool.Connect(ctx, proxy.Choice{Backends: toB}, handshake())
			wantRefusal(t, err, outcome.UpstreamTimeout)
		})
	})
}

func TestConnectionOutlivesTheDeadlineOfItsHandshake(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	u, err := newPool(wstest.Echo(t).Address).Connect(ctx, proxy.Choice{Backends: toB}, handshake())
	if err != nil {
		t.Fatal(err)
	}
	defer u.Release()
	<-ctx.Done()
	cancel()
	if _, err := u.Conn.Write(masked(fin|text, []byte("x"))); err != nil {
		t.Error(err)
	}
	if f, err := readFrame(u.Conn); err != nil || string(f.payload) != "x" {
		t.Errorf("got %v, %v", f, err)
	}
}

func TestFailingEndpointsAreCounted(t *testing.T) {
	t.Parallel()
	n := network{down: map[string]bool{abc[0]: true}}
	t.Cleanup(n.peers.Wait)
	pool := n.pool(func() float64 { return 0.99 }, map[string]contract.BackendEndpoints{"b": {Addresses: abc}})
	if available, failing := pool.Endpoints(); available != len(abc) || failing != 0 {
		t.Errorf("%d are available, %d failing before anything was dialled", available, failing)
	}
	for range abc {
		connect(t, pool, toB...)
	}
	if available, failing := pool.Endpoints(); available != len(abc)-1 || failing != 1 {
		t.Errorf("%d are available, %d failing, want one of them failing", available, failing)
	}
}
