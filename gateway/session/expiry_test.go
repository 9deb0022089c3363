// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

// expiring runs Expire for a fleet inside a synctest bubble, until stop, which
// must come before the fleet is looked at.
func expiring(t *testing.T, f *fleet) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { f.registry.Expire(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

func TestASessionEndsAtItsExpiryAndNotBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(0, 1)
		stop := expiring(t, f)
		// Set in this order, so that the sleep for the first is too long for the
		// second, and for a third that is moved.
		for i, after := range []time.Duration{2 * time.Hour, time.Minute, 0, 3 * time.Hour} {
			s := f.add(strconv.Itoa(i))
			if after > 0 {
				f.registry.SetExpiry(s, f.start.Add(after))
			}
			synctest.Wait()
			if i == 3 {
				f.registry.SetExpiry(s, f.start.Add(time.Hour))
			}
		}
		time.Sleep(24 * time.Hour)
		stop()
		want := []time.Duration{time.Minute, time.Hour, 2 * time.Hour}
		if len(f.ended) != len(want) || f.codes[outcome.CodeUnauthorized] != len(want) {
			t.Fatalf("ends at %v, codes %v", f.ended, f.codes)
		}
		for i, at := range f.ended {
			if late := at - want[i]; late < 0 || late > session.SecurityPace {
				t.Errorf("end %d came after %v, want %v", i, at, want[i])
			}
		}
		if f.registry.Len() != 1 {
			t.Errorf("%d are left, want the one that does not expire", f.registry.Len())
		}
	})
}

func TestSessionsThatExpireTogetherEndWithinASecondPerThousand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 5000
		f := newFleet(n, 2)
		stop := expiring(t, f)
		for i, s := range f.registry.List() {
			// The second half expires while the first is being ended.
			f.registry.SetExpiry(s, f.start.Add(time.Minute+time.Duration(i/(n/2))*time.Second))
		}
		time.Sleep(time.Minute + n*time.Millisecond)
		stop()
		if len(f.ended) != n {
			t.Fatalf("%d of %d ended in time", len(f.ended), n)
		}
		if first := f.ended[0] - time.Minute; first < 0 || first > time.Millisecond {
			t.Errorf("the first ended %v after its expiry", first)
		}
		for i := range n - 1000 {
			if f.ended[i+1000]-f.ended[i] < 400*time.Millisecond {
				t.Fatalf("a thousand ended between %v and %v: not spread", f.ended[i], f.ended[i+1000])
			}
		}
	})
}

func TestASessionThatEndedByItselfLeavesNoExpiryBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(10, 3)
		stop := expiring(t, f)
		for i, s := range f.registry.List() {
			f.registry.SetExpiry(s, f.start.Add(time.Duration(10-i)*time.Second))
			if i%2 == 0 {
				f.registry.Remove(s)
				f.registry.SetExpiry(s, f.start.Add(time.Second))
			}
		}
		stays := session.New(&audit.Connection{ID: "stays"})
		f.registry.Add(stays)
		f.registry.SetExpiry(stays, f.start.Add(time.Second))
		f.registry.SetExpiry(stays, time.Time{})
		time.Sleep(time.Minute)
		stop()
		if len(f.ended) != 5 || stays.Ending() != nil {
			t.Errorf("%d ended, want 5; the one whose expiry was taken back: %v", len(f.ended), stays.Ending())
		}
	})
}

func TestASessionThatHasExpiredAlreadyEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(0, 4)
		stop := expiring(t, f)
		f.registry.SetExpiry(f.add("late"), f.start.Add(-time.Hour))
		time.Sleep(time.Millisecond)
		stop()
		if len(f.ended) != 1 {
			t.Error("it goes on")
		}
	})
}
