// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

// random is seeded, so that a failure can be repeated, and locked.
func random(seed uint64) func() float64 {
	var mu sync.Mutex
	source := rand.New(rand.NewPCG(seed, 1))
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return source.Float64()
	}
}

// fleet adds n sessions that leave the registry as soon as they are asked to
// end, and records when that was.
type fleet struct {
	mu       sync.Mutex
	registry *session.Registry
	start    time.Time
	ended    []time.Duration
	codes    map[int]int
}

func newFleet(n int, seed uint64) *fleet {
	f := &fleet{
		registry: session.NewRegistry(session.Options{Now: time.Now, Random: random(seed)}),
		start:    time.Now(),
		codes:    map[int]int{},
	}
	for i := range n {
		f.add(strconv.Itoa(i))
	}
	return f
}

func (f *fleet) add(id string) *session.Session {
	s := session.New(&audit.Connection{ID: id, OpenedAt: time.Now()})
	s.OnEnd(func(c *outcome.Closure) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.ended = append(f.ended, time.Since(f.start))
		f.codes[c.Code]++
		f.registry.Remove(s)
	})
	f.registry.Add(s)
	return s
}

func TestRegistryForgetsOnlyWhatWasRemoved(t *testing.T) {
	f := newFleet(0, 1)
	older := f.add("b")
	newer := session.New(&audit.Connection{ID: "a", OpenedAt: older.Connection().OpenedAt.Add(time.Second)})
	f.registry.Add(newer)
	if got := f.registry.List(); !slices.Equal(got, []*session.Session{older, newer}) {
		t.Errorf("not in the order of opening: %v", got)
	}
	// Another session with the ID of an open one must not take it away.
	f.registry.Remove(session.New(&audit.Connection{ID: "a"}))
	f.registry.Remove(older)
	f.registry.Remove(older)
	if got := f.registry.List(); !slices.Equal(got, []*session.Session{newer}) {
		t.Errorf("left %v", got)
	}
}

func TestDrainEndsEverySessionEvenlyInsideTheWindow(t *testing.T) {
	for _, n := range []int{1, 2, 7, 100, 3000} {
		for seed := range uint64(5) {
			synctest.Test(t, func(t *testing.T) {
				const window = time.Minute
				f := newFleet(n, seed)
				if err := f.registry.Drain(t.Context(), window); err != nil {
					t.Fatal(err)
				}
				if len(f.ended) != n || f.codes[outcome.CodeServiceRestart] != n {
					t.Fatalf("n=%d: %d ended, codes %v", n, len(f.ended), f.codes)
				}
				slot := window / time.Duration(n)
				for i, at := range f.ended {
					// The i-th end lies in the i-th of n equal slots: inside the
					// window, and never far from a straight line.
					from, to := time.Duration(i)*slot, time.Duration(i+1)*slot
					if at < from-time.Microsecond || at > to+time.Microsecond {
						t.Fatalf("n=%d seed=%d: end %d came after %v, want within [%v, %v]", n, seed, i, at, from, to)
					}
				}
			})
		}
	}
}

func TestDrainDoesNotRepeatItsOrderOrPace(t *testing.T) {
	run := func(seed uint64) (ended []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(20, seed)
			if err := f.registry.Drain(t.Context(), time.Minute); err != nil {
				t.Fatal(err)
			}
			ended = f.ended
		})
		return ended
	}
	if cmp.Equal(run(1), run(2)) {
		t.Error("two drains closed at the same instants: there is no jitter")
	}
}

func TestDrainGivesNewcomersAPlaceInTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(10, 3)
		go func() {
			for i := range 5 {
				time.Sleep(time.Second)
				f.add("late" + strconv.Itoa(i))
			}
		}()
		if err := f.registry.Drain(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
		if len(f.ended) != 15 || f.ended[14] > time.Minute {
			t.Errorf("%d ended, the last after %v", len(f.ended), f.ended[len(f.ended)-1])
		}
	})
}

func TestDrainThatRanOutOfSessionsStillSpreadsANewcomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(0, 4)
		// One session that does not leave keeps the drain at work.
		stays := session.New(&audit.Connection{ID: "stays"})
		f.registry.Add(stays)
		go func() {
			time.Sleep(61 * time.Second)
			f.add("after the window")
			time.Sleep(time.Second)
			f.registry.Remove(stays)
		}()
		if err := f.registry.Drain(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
		if len(f.ended) != 1 || f.ended[0] != 61*time.Second {
			t.Errorf("a session that came after the window ended at %v, want at once", f.ended)
		}
		if took := time.Since(f.start); took != 62*time.Second {
			t.Errorf("drain took %v, want until the last session was removed", took)
		}
	})
}

func TestDrainLosesNoTimeForSessionsThatWentByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(100, 5)
		for _, s := range f.registry.List()[:90] {
			f.registry.Remove(s)
		}
		if err := f.registry.Drain(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
		if len(f.ended) != 10 || f.ended[0] > 6*time.Second || f.ended[9] < 54*time.Second {
			t.Errorf("ends at %v, want ten over the whole minute", f.ended)
		}
	})
}

func TestDrainStopsWithItsContext(t *testing.T) {
	for name, window := range map[string]time.Duration{
		"while it still asks":     time.Hour,
		"while it waits for them": 0,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				registry := session.NewRegistry(session.Options{Now: time.Now, Random: random(6)})
				for i := range 3 {
					registry.Add(session.New(&audit.Connection{ID: strconv.Itoa(i)}))
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := registry.Drain(ctx, window); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("err = %v", err)
				}
			})
		})
	}
}

func TestSecondDrainAtTheSameTimeIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(2, 7)
		done := make(chan error)
		go func() { done <- f.registry.Drain(t.Context(), time.Minute) }()
		synctest.Wait()
		if err := f.registry.Drain(t.Context(), time.Minute); !errors.Is(err, session.ErrDraining) {
			t.Errorf("err = %v", err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestCloseWhereEndsOnlyWhatMatches(t *testing.T) {
	even := func(s *session.Session) *outcome.Closure {
		if strings.ContainsAny(s.ID()[len(s.ID())-1:], "02468") {
			return outcome.Close(outcome.RouteRemoved, outcome.ByGateway, "")
		}
		return nil
	}
	for name, over := range map[string]time.Duration{"at once": 0, "spread": 10 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(100, 8)
				if n := f.registry.CloseWhere(t.Context(), over, even); n != 50 {
					t.Errorf("asked %d", n)
				}
				if f.registry.Len() != 50 || f.codes[outcome.CodeGoingAway] != 50 {
					t.Errorf("%d left, codes %v", f.registry.Len(), f.codes)
				}
				if first, last := f.ended[0], f.ended[49]; first > over/50 || last > over || last < over*49/50 {
					t.Errorf("ends from %v to %v, want over %v", first, last, over)
				}
				if n := f.registry.CloseWhere(t.Context(), over, even); n != 0 {
					t.Errorf("asked %d again", n)
				}
			})
		})
	}
}

func TestCloseWhereStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(10, 9)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		all := func(*session.Session) *outcome.Closure {
			return outcome.Close(outcome.RouteRemoved, outcome.ByGateway, "")
		}
		if n := f.registry.CloseWhere(ctx, 10*time.Second, all); n < 4 || n > 6 || f.registry.Len() != 10-n {
			t.Errorf("asked %d, %d left", n, f.registry.Len())
		}
	})
}
