// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package due_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/gateway/due"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type thing struct{ first, second due.Slot }

func newQueue() *due.Queue[*thing] {
	return due.New(func(t *thing) *due.Slot { return &t.first })
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// A plain list stands for what the queue must do.
func TestWhateverIsSetMovedAndTakenOutTheSoonestComesFirst(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		queue, model := newQueue(), map[*thing]time.Time{}
		things := make([]*thing, 40)
		for i := range things {
			things[i] = &thing{}
		}
		for range 400 {
			one, at := things[random.IntN(len(things))], noon.Add(time.Duration(random.IntN(1000)+1)*time.Second)
			if random.IntN(4) == 0 {
				at = time.Time{}
			}
			queue.Set(one, at)
			if model[one] = at; at.IsZero() {
				delete(model, one)
			}
			if !one.first.At().Equal(at) || queue.Len() != len(model) {
				t.Fatalf("seed %d: set to %v is at %v; %d things, want %d", seed, at, one.first.At(), queue.Len(), len(model))
			}
		}
		var taken []time.Time
		for {
			one, _, ok := queue.Take(noon.Add(time.Hour))
			if !ok {
				break
			}
			taken = append(taken, model[one])
			delete(model, one)
			if !one.first.At().IsZero() {
				t.Fatalf("seed %d: what was taken is still in the queue", seed)
			}
		}
		if len(model) > 0 || !slices.IsSortedFunc(taken, time.Time.Compare) {
			t.Fatalf("seed %d: %d are left, taken in the order %v", seed, len(model), taken)
		}
	}
}

func TestWhatIsNotDueStays(t *testing.T) {
	t.Parallel()
	queue := newQueue()
	if _, wait, ok := queue.Take(noon); ok || wait != due.LongestNap {
		t.Errorf("an empty queue: wait %v, %v", wait, ok)
	}
	near, far := &thing{}, &thing{}
	queue.Set(far, noon.Add(time.Hour))
	if _, wait, ok := queue.Take(noon); ok || wait != due.LongestNap {
		t.Errorf("due in an hour: wait %v, %v", wait, ok)
	}
	queue.Set(near, noon.Add(time.Second))
	if _, wait, ok := queue.Take(noon); ok || wait != time.Second {
		t.Errorf("due in a second: wait %v, %v", wait, ok)
	}
	if one, _, ok := queue.Take(noon.Add(time.Second)); !ok || one != near {
		t.Error("a second later it is not due")
	}
	queue.Set(near, time.Time{})
	if queue.Len() != 1 {
		t.Errorf("taking out what is not in there: %d things", queue.Len())
	}
}

func TestAThingMayBeInTwoQueues(t *testing.T) {
	t.Parallel()
	first, second := newQueue(), due.New(func(t *thing) *due.Slot { return &t.second })
	for i := range 10 {
		one := &thing{}
		first.Set(one, noon.Add(time.Duration(i)*time.Second))
		second.Set(one, noon.Add(-time.Duration(i)*time.Second))
	}
	oldest, _, _ := first.Take(noon.Add(time.Hour))
	for second.Len() > 1 {
		second.Take(noon.Add(time.Hour))
	}
	if last, _, _ := second.Take(noon.Add(time.Hour)); last != oldest {
		t.Error("one queue has disturbed the order of the other")
	}
}

func TestASleepEndsForWhatIsDueSoonerAndForNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := newQueue()
		queue.Set(&thing{}, time.Now().Add(time.Hour))
		ctx, cancel := context.WithCancel(t.Context())
		if !queue.Sleep(ctx, time.Minute) { // told of the first thing
			t.Fatal("ended with its context")
		}
		slept := func(d time.Duration, meanwhile func()) time.Duration {
			begin := time.Now()
			var other sync.WaitGroup
			other.Go(func() {
				time.Sleep(time.Second)
				meanwhile()
			})
			goesOn := queue.Sleep(ctx, d)
			other.Wait()
			if goesOn != (ctx.Err() == nil) {
				t.Errorf("Sleep() = %v", goesOn)
			}
			return time.Since(begin)
		}
		if took := slept(time.Minute, func() { queue.Set(&thing{}, time.Now().Add(2*time.Hour)) }); took != time.Minute {
			t.Errorf("something later: slept %v, want a minute", took)
		}
		if took := slept(time.Minute, func() { queue.Set(&thing{}, time.Now().Add(time.Second)) }); took != time.Second {
			t.Errorf("something sooner: slept %v, want a second", took)
		}
		if took := slept(time.Minute, queue.Wake); took != time.Second {
			t.Errorf("woken: slept %v, want a second", took)
		}
		if took := slept(time.Minute, cancel); took != time.Second {
			t.Errorf("the end: slept %v, want a second", took)
		}
	})
}
