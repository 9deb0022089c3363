// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package limits_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/limits"
)

func clientNumber(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), 32)
}

// log notes who had a turn, in the order in which they had it.
type log struct {
	mu   sync.Mutex
	text []string
}

func (l *log) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, fmt.Sprintf(format, args...))
}

func TestTurnsAreTakenByNoMoreThanTheirNumberAtTheSameTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most, callers = 3, 50
		turns := limits.NewTurns(most)
		var mu sync.Mutex
		busy, busiest, done := 0, 0, 0
		count := func(by int) {
			mu.Lock()
			defer mu.Unlock()
			busy += by
			busiest = max(busiest, busy)
			if by < 0 {
				done++
			}
		}
		for n := range callers {
			go func() {
				if !turns.Take(t.Context(), clientNumber(n%7), time.Hour) {
					t.Error("no turn")
					return
				}
				count(1)
				time.Sleep(time.Second)
				count(-1)
				turns.Give()
			}()
		}
		begin := time.Now()
		synctest.Wait()
		if waiting := turns.Waiting(); waiting != callers-most {
			t.Errorf("%d wait", waiting)
		}
		for done := func() bool { mu.Lock(); defer mu.Unlock(); return done == callers }; !done(); {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if took := time.Since(begin); busiest != most || turns.Waiting() != 0 || took > (callers/most+2)*time.Second {
			t.Errorf("%d at the same time, %d wait, all after %v", busiest, turns.Waiting(), took)
		}
	})
}

// A client with a thousand connections must not keep one with a single connection
// waiting behind all of them.
func TestTurnsGoRoundTheClients(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns, seen := limits.NewTurns(1), &log{}
		if !turns.Take(t.Context(), clientNumber(1), 0) {
			t.Fatal("no turn")
		}
		come := func(client, times int) {
			for range times {
				go func() {
					if turns.Take(t.Context(), clientNumber(client), time.Hour) {
						seen.note("client %d", client)
						turns.Give()
					}
				}()
			}
			synctest.Wait()
		}
		come(1, 1000)
		come(2, 1)
		come(3, 2)
		turns.Give()
		synctest.Wait()
		want := []string{"client 1", "client 2", "client 3", "client 1", "client 3", "client 1"}
		if diff := cmp.Diff(want, seen.text[:min(len(want), len(seen.text))]); diff != "" || len(seen.text) != 1003 {
			t.Errorf("%d had a turn: %s", len(seen.text), diff)
		}
	})
}

func TestATurnIsWaitedForNoLongerThanPatienceLasts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := limits.NewTurns(1)
		if !turns.Take(t.Context(), clientNumber(1), 0) || turns.Take(t.Context(), clientNumber(1), 0) {
			t.Fatal("a turn was given twice, or never")
		}
		begin := time.Now()
		if turns.Take(t.Context(), clientNumber(2), 5*time.Second) || time.Since(begin) != 5*time.Second {
			t.Errorf("without a turn after %v", time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if turns.Take(ctx, clientNumber(2), time.Hour) || turns.Waiting() != 0 {
			t.Errorf("%d wait", turns.Waiting())
		}
		turns.Give()
		if !turns.Take(t.Context(), clientNumber(2), 0) {
			t.Error("whoever has left took a turn along")
		}
	})
}

// Whoever gives up at the very moment of their turn either has it or leaves it to
// the next: none may be lost.
func TestNoTurnIsLostWhenPatienceEndsAtItsMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns, seen := limits.NewTurns(2), &log{}
		var callers sync.WaitGroup
		for n := range 300 {
			callers.Go(func() {
				if turns.Take(t.Context(), clientNumber(n%3), time.Duration(n%5)*time.Second) {
					seen.note("turn")
					time.Sleep(time.Second)
					turns.Give()
				}
			})
		}
		callers.Wait()
		if turns.Waiting() != 0 || len(seen.text) < 2 {
			t.Errorf("%d wait, %d had a turn", turns.Waiting(), len(seen.text))
		}
		got := []bool{turns.Take(t.Context(), clientNumber(1), 0), turns.Take(t.Context(), clientNumber(1), 0), turns.Take(t.Context(), clientNumber(1), 0)}
		if !slices.Equal(got, []bool{true, true, false}) {
			t.Errorf("turns that are left: %v", got)
		}
	})
}
