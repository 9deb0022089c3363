// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	mathrand "math/rand/v2"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
)

// What epoll reports must be what is dealt with: more is a loop that never rests, less
// a connection that stands still. So the kernel is asked what it was told, after each
// step of a random life.
func TestTheKernelIsToldWhatIsWaitedForInEachState(t *testing.T) {
	for seed := range uint64(60) {
		random := mathrand.New(mathrand.NewPCG(seed, 3))
		m, err := proxy.NewMasks()
		if err != nil {
			t.Fatal(err)
		}
		var s proxy.State
		lingering := false
		for step := range 40 {
			change(random, &s, &lingering)
			if err := m.Tell(s, lingering); err != nil {
				t.Fatalf("seed %d, step %d, %+v: %v", seed, step, s, err)
			}
			for x := range 2 {
				told, err := m.Told(x)
				if err != nil {
					t.Fatal(err)
				}
				here := !s.Gone[x] && !s.Ended[x]
				waits := s.Pending[1-x] && !s.Gone[1-x] // for the other one to take it
				want := ""
				if here {
					want = proxy.Mask(lingering || !s.Silent[x] && !waits, s.Pending[x])
				}
				if told != want {
					t.Fatalf("seed %d, step %d, %+v, lingering %v: of %d the kernel reports %q, want %q", seed, step, s, lingering, x, told, want)
				}
			}
		}
		m.Close()
	}
}

// change is one step of a life: what has ended stays so.
func change(random *mathrand.Rand, s *proxy.State, lingering *bool) {
	x := random.IntN(2)
	switch random.IntN(12) {
	case 0:
		s.Silent[x] = true
	case 1:
		s.Gone[x] = random.IntN(3) == 0 || s.Gone[x]
	case 2:
		s.Ended[x] = random.IntN(3) == 0 || s.Ended[x]
	case 3:
		*lingering = random.IntN(4) == 0 || *lingering
	default:
		s.Pending[x] = !s.Pending[x]
	}
}
