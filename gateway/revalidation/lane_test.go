// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package revalidation_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/gateway/revalidation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// errForgotten makes a fleet say nothing of a question.
var errForgotten = errors.New("forgotten")

const most = 128

// fleet are connections, numbered, whose servers answer as answers says: nil is
// yes. Its clock is that of a synctest bubble.
type fleet struct {
	plan    *revalidation.Plan[int]
	wanted  revalidation.Wanted
	answers func(ctx context.Context, key int) error
	start   time.Time

	mu    sync.Mutex
	asked map[int]int
	// now is how many questions are on their way, peak the most that were; longest
	// is the longest time between two answers about one connection.
	now, peak int
	last      map[int]time.Time
	longest   time.Duration
	ended     []end
	spared    int
}

type end struct {
	at   time.Duration
	late *revalidation.Overdue[int]
}

func newFleet() *fleet {
	random := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	return &fleet{
		plan: revalidation.New[int](time.Now, func() float64 {
			mu.Lock()
			defer mu.Unlock()
			return random.Float64()
		}, most),
		wanted: revalidation.Wanted{Server: "authz:9000"}, start: time.Now(), asked: map[int]int{}, last: map[int]time.Time{},
	}
}

// schedule is for the connections 0 to n-1.
func (f *fleet) schedule(n int, every time.Duration) {
	wanted := f.wanted
	wanted.Every = every
	for key := range n {
		f.plan.Schedule(key, wanted)
	}
}

func (f *fleet) ask(ctx context.Context, key int) {
	f.mu.Lock()
	f.asked[key]++
	f.now++
	f.peak = max(f.peak, f.now)
	if last := f.last[key]; !last.IsZero() {
		f.longest = max(f.longest, time.Since(last))
	}
	f.last[key] = time.Now()
	f.mu.Unlock()
	err := f.answers(ctx, key)
	f.mu.Lock()
	f.now--
	f.mu.Unlock()
	switch {
	case err == nil:
		f.plan.Confirm(key)
	case !errors.Is(err, errForgotten):
		f.plan.Miss(key, err)
	}
}

func (f *fleet) end(ctx context.Context) {
	for ctx.Err() == nil {
		late, wait := f.plan.TakeOverdue()
		switch {
		case late == nil:
			f.plan.SleepUntilOverdue(ctx, wait)
		case late.DryRun:
			f.spared++
		default:
			f.ended = append(f.ended, end{time.Since(f.start), late})
		}
	}
}

// run asks and ends until stop, which must come before the fleet is looked at.
func (f *fleet) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { f.plan.Run(ctx, f.ask) })
	running.Go(func() { f.end(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

// takes is a server that says yes after a time, to as many as ask.
func takes(d time.Duration) func(context.Context, int) error {
	return func(ctx context.Context, _ int) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// The figures of docs/api.md.
func TestTenThousandConnectionsAreAskedAboutEveryTenSecondsWhereAnAnswerTakesATenthOfOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.answers = takes(100 * time.Millisecond)
		f.schedule(10_000, 10*time.Second)
		stop := f.run(t)
		time.Sleep(28 * time.Second) // the second round is over
		behind := f.plan.Behind("authz:9000")
		stop()
		if len(f.ended) > 0 || behind {
			t.Errorf("%d have ended, behind: %v", len(f.ended), behind)
		}
		// A tenth of the interval may pass until there is all the room.
		if f.longest > 12*time.Second || len(f.asked) != 10_000 {
			t.Errorf("asked about %d, and after %v at the latest", len(f.asked), f.longest)
		}
		if f.peak > most {
			t.Errorf("%d questions at once", f.peak)
		}
		t.Logf("%d questions at once, %v between two at the most", f.peak, f.longest)
	})
}

func TestFewConnectionsLeaveTheServerItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.answers = takes(10 * time.Millisecond)
		f.schedule(1000, 10*time.Second)
		stop := f.run(t)
		time.Sleep(time.Minute)
		lag := f.plan.Lag()
		stop()
		if f.peak > 32 || lag > 0.1 || len(f.ended) > 0 {
			t.Errorf("%d questions at once, lag %v, %d have ended", f.peak, lag, len(f.ended))
		}
	})
}

// Six hundred forty connections could be asked about in an interval.
func TestWhoEndsForWantOfRoomIsToldFromWhoseServerStaysAway(t *testing.T) {
	t.Parallel()
	hangs := func(ctx context.Context, _ int) error {
		select {
		case <-time.After(5 * time.Second):
		case <-ctx.Done():
		}
		return errAway
	}
	for name, tt := range map[string]struct {
		answers func(context.Context, int) error
		why     []error
		behind  bool
	}{
		"a server that is slow":  {takes(2 * time.Second), []error{revalidation.ErrCrowded}, true},
		"a server that hangs":    {hangs, []error{errAway, revalidation.ErrUnanswered}, false},
		"a server that is quick": {takes(time.Millisecond), nil, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			f.answers = tt.answers
			f.schedule(3000, 10*time.Second)
			stop := f.run(t)
			time.Sleep(50 * time.Second)
			synctest.Wait()
			behind, lag := f.plan.Behind("authz:9000"), f.plan.Lag()
			stop()
			if behind != tt.behind || f.plan.Behind("other:9000") {
				t.Errorf("%s: behind: %v, want %v", name, behind, tt.behind)
			}
			if tt.behind && lag < 0.5 {
				t.Errorf("%s: lag %v", name, lag)
			}
			if (len(f.ended) > 0) != (len(tt.why) > 0) {
				t.Errorf("%s: %d have ended", name, len(f.ended))
			}
			for _, one := range f.ended {
				if !isOneOf(one.late.Why, tt.why) || one.late.Since < 30*time.Second {
					t.Fatalf("%s: ended after %v: %v, want one of %v", name, one.late.Since, one.late.Why, tt.why)
				}
			}
		})
	}
}

func isOneOf(err error, wanted []error) bool {
	for _, one := range wanted {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

func TestALaneThatHasCaughtUpIsNotBehindAnyMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.answers = takes(2 * time.Second)
		f.schedule(1500, 10*time.Second)
		stop := f.run(t)
		time.Sleep(31 * time.Second) // the first have just ended, and the others are late
		synctest.Wait()
		first := f.plan.Behind("authz:9000")
		f.schedule(1500, time.Hour)
		time.Sleep(50 * time.Second)
		still := f.plan.Behind("authz:9000")
		time.Sleep(time.Minute)
		later := f.plan.Behind("authz:9000")
		stop()
		if !first || !still || later || f.plan.Lag() > 0 {
			t.Errorf("behind: %v, after 50 s %v, after two minutes %v; lag %v", first, still, later, f.plan.Lag())
		}
	})
}

func TestAServerThatHangsDoesNotKeepOthersWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.answers = func(ctx context.Context, key int) error {
			if key < 1000 {
				<-ctx.Done()
				return errAway
			}
			return nil
		}
		f.schedule(1000, time.Minute)
		f.wanted.Server = "other:9000"
		f.wanted.Every = time.Minute
		f.plan.Schedule(1000, f.wanted)
		stop := f.run(t)
		time.Sleep(time.Hour)
		stop()
		if f.asked[1000] < 60 || f.longest > time.Minute {
			t.Errorf("asked %d times in an hour, after %v at the latest", f.asked[1000], f.longest)
		}
	})
}

// BenchmarkQuestion is what it costs to ask about one of many connections, without
// the question itself.
func BenchmarkQuestion(b *testing.B) {
	const connections = 50_000
	plan := revalidation.New[int](time.Now, rand.Float64, most)
	for key := range connections {
		plan.Schedule(key, revalidation.Wanted{Server: "authz:9000", Every: time.Millisecond})
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var mu sync.Mutex
	left := b.N
	b.ResetTimer()
	plan.Run(ctx, func(_ context.Context, key int) {
		plan.Confirm(key)
		mu.Lock()
		defer mu.Unlock()
		if left--; left == 0 {
			cancel()
		}
	})
}
