// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package soak_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// shortSoak is how long the soak takes where nothing else is said.
const shortSoak = 15 * time.Second

// staying is how many connections are open, and talk, all the while.
const staying = 20

// TestSoakLeavesNothingBehindAndMixesNothingUp compares what the process holds after a warm-up
// with what it holds at the end, with the same connections open.
func TestSoakLeavesNothingBehindAndMixesNothingUp(t *testing.T) {
	duration := shortSoak
	if text := os.Getenv("WSGATEWAY_SOAK"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	backend := newEcho(t)
	g := open(t, backend.address())
	t.Cleanup(func() { g.End(t) })
	talkers := wstest.Talk(t, g.dialer(), framesURL, staying, 200*time.Millisecond)
	c := &churn{dialer: g.dialer()}

	g.endure(t, c, 1, min(duration/4, time.Minute))
	g.quiet(t, backend)
	start := measure(t)
	t.Logf("at the start: %v", start)
	g.endure(t, c, 2, duration-min(duration/4, time.Minute))
	g.quiet(t, backend)
	until(t, func() string {
		now := measure(t)
		if problem := now.beyond(start); problem != "" {
			return fmt.Sprintf("%s; at the start: %v; now: %v", problem, start, now)
		}
		t.Logf("at the end: %v", now)
		return ""
	})

	talkers.Stop()
	if reasons, _ := talkers.Ended(); len(reasons) > 0 {
		t.Errorf("%d of those who stayed were closed: %v", len(reasons), errors.Join(reasons...))
	}
	if problem := backend.strange.Load(); problem != nil {
		t.Error(*problem)
	}
	g.End(t)
	if opened, closed, gaps := g.audit.opened.Load(), g.audit.closed.Load(), g.audit.gaps.Load(); opened != closed || opened == 0 || gaps != 0 {
		t.Errorf("the audit log has %d openings, %d closings and %d gaps", opened, closed, gaps)
	}
	t.Logf("%d connections ended: %v; %d MB came back, and %d messages of those who stayed; %d configurations",
		c.began.Load(), c.ends, c.carried.Load()>>20, talkers.Echoed(), g.changes)
}

// endure has connections come and go while certificates and configurations change.
func (g *gate) endure(t *testing.T, c *churn, seed uint64, duration time.Duration) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var churning sync.WaitGroup
	churning.Go(func() {
		defer stop()
		c.until(t, seed, duration)
	})
	for ctx.Err() == nil && !t.Failed() {
		g.rotate(t)
		g.reconfigure(t)
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	churning.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// quiet waits until only those are open who stay.
func (g *gate) quiet(t *testing.T, backend *echo) {
	t.Helper()
	until(t, func() string {
		if here, there := g.report(t).Connections, backend.open.Load(); here != staying || there != staying {
			return fmt.Sprintf("%d connections at the gateway, %d at the backend, %d stay", here, there, staying)
		}
		return ""
	})
}

// held is what a process holds.
type held struct {
	descriptors, goroutines int
	heap, resident          int64
}

func (h held) String() string {
	return fmt.Sprintf("%d descriptors, %d goroutines, %d KB of heap, %d MB resident", h.descriptors, h.goroutines, h.heap>>10, h.resident>>20)
}

func measure(t *testing.T) held {
	t.Helper()
	for range 3 { // what has finalizers, or lies in a sync.Pool, outlives a collection
		runtime.GC()
	}
	debug.FreeOSMemory()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	h := held{goroutines: runtime.NumGoroutine(), heap: int64(memory.HeapAlloc)}
	descriptors, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatalf("a soak needs /proc: %v", err)
	}
	h.descriptors = len(descriptors)
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatalf("a soak needs /proc: %v", err)
	}
	var size int64
	if _, err := fmt.Sscan(string(statm), &size, &h.resident); err != nil {
		t.Fatal(err)
	}
	h.resident *= int64(os.Getpagesize())
	return h
}

// Tolerances. Two descriptors and goroutines may belong to something that lasts for a
// moment, such as the reading of a file. Thousands of connections that each left one
// kilobyte would be seen; the race detector does not give its own memory back.
const (
	moments     = 2
	heapSlack   = 2 << 20
	memorySlack = 48 << 20
)

// beyond says what is more than it was.
func (h held) beyond(start held) string {
	switch {
	case h.descriptors > start.descriptors+moments:
		return "descriptors are left"
	case h.goroutines > start.goroutines+moments:
		return "goroutines are left"
	case h.heap > start.heap+start.heap/10+heapSlack:
		return "the heap has grown"
	case h.resident > start.resident+start.resident/4+memorySlack:
		return "resident memory has grown"
	default:
		return ""
	}
}
