// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestBlockedSinkStopsNobodyAndLosesNothingUncounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const records = 5000
		out := &sink{}
		release := out.Block()
		log := audit.New(audit.Options{Sinks: []audit.Sink{{Out: out, Queue: 16}}, Now: newClock().Now})
		var callers sync.WaitGroup
		for i := range records {
			callers.Go(func() { log.Opened(&audit.Connection{ID: fmt.Sprint(i)}) })
		}
		// With a blocked sink this returns only if nobody waits for it.
		callers.Wait()
		if stats := log.Stats()[0]; stats.Queued != 16 || stats.Lost < records-17 {
			t.Errorf("Stats() = %+v with a full queue of 16", stats)
		}
		release()
		synctest.Wait()
		log.Opened(&audit.Connection{ID: "after"})
		closeLog(t, log)
		got := checkSequence(t, out.Lines())
		opened, lost := count(got, audit.EventOpened), lostIn(got)
		if opened+lost != records+1 || lost == 0 {
			t.Errorf("%d opened and %d lost, want %d together", opened, lost, records+1)
		}
		if last := got[len(got)-1]; last.ConnectionID != "after" {
			t.Errorf("last record %v, want the one that came when there was room", last)
		}
		if stats := log.Stats()[0]; stats.Lost != uint64(lost) || stats.Written != uint64(len(out.Lines())) || stats.Queued != 0 {
			t.Errorf("Stats() = %+v, want %d lost and %d written", stats, lost, len(got))
		}
	})
}

func TestFailingSinkIsSaidWhenItRecovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		log := newLog(out, newClock())
		log.Opened(&audit.Connection{ID: "1"})
		synctest.Wait()
		// The last failure is that of the first attempt to say it.
		out.Fail(4)
		for range 3 {
			log.Opened(&audit.Connection{ID: "2"})
		}
		synctest.Wait()
		// No record comes any more: the gap is said all the same.
		time.Sleep(3 * time.Second)
		got := checkSequence(t, out.Lines())
		if len(got) != 2 || lostIn(got) != 3 {
			t.Errorf("records %v, want one and a gap of 3", got)
		}
		closeLog(t, log)
	})
}

func TestTornLineSpoilsNoOther(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		part  func(length int) int
		lines int
		gap   int
	}{
		"nothing of it written":    {part: func(int) int { return 0 }, lines: 3, gap: 1},
		"one byte of it":           {part: func(int) int { return 1 }, lines: 4, gap: 1},
		"half of it":               {part: func(n int) int { return n / 2 }, lines: 4, gap: 1},
		"all but the line break":   {part: func(n int) int { return n - 1 }, lines: 3},
		"all of it, and an error":  {part: func(n int) int { return n }, lines: 3},
		"all but the line's brace": {part: func(n int) int { return n - 2 }, lines: 4, gap: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				out := &sink{}
				log := newLog(out, newClock())
				log.Opened(&audit.Connection{ID: "1"})
				synctest.Wait()
				out.FailAfter(tt.part)
				log.Opened(&audit.Connection{ID: "2"})
				synctest.Wait()
				log.Opened(&audit.Connection{ID: "3"})
				closeLog(t, log)
				lines := out.Lines()
				// The last one is the final checkpoint.
				if len(lines) != tt.lines+1 {
					t.Fatalf("lines %q, want %d", lines, tt.lines+1)
				}
				var whole []string
				for _, line := range lines {
					if json.Valid([]byte(line)) {
						whole = append(whole, line)
					}
				}
				got := checkSequence(t, whole)
				if lost := lostIn(got); lost != tt.gap || count(got, audit.EventOpened) != 3-tt.gap {
					t.Errorf("records %v, want a gap of %d", got, tt.gap)
				}
			})
		})
	}
}

func TestCloseWritesWhatIsWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		release := out.Block()
		log := newLog(out, newClock())
		for range 100 {
			log.Opened(&audit.Connection{ID: "1"})
		}
		attempt := &audit.Attempt{ClientAddress: "192.0.2.1:1"}
		for range 50 {
			log.Denied(attempt, outcome.Refuse(outcome.NoRoute, ""))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := log.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close() with a blocked sink = %v, want %v", err, context.DeadlineExceeded)
		}
		log.Opened(&audit.Connection{ID: "late"})
		log.Denied(attempt, outcome.Refuse(outcome.NoRoute, ""))
		release()
		closeLog(t, log)
		closeLog(t, log)
		got := checkSequence(t, out.Lines())
		if opened, denied := count(got, audit.EventOpened), deniedIn(got); opened != 100 || denied != 50 {
			t.Errorf("%d opened and %d denied, want 100 and 50", opened, denied)
		}
		if lost := log.Stats()[0].Lost; lost != 2 {
			t.Errorf("%d lost, want the two that came after Close", lost)
		}
		log.Opened(&audit.Connection{})
		if lost := log.Stats()[0].Lost; lost != 3 {
			t.Errorf("%d lost after the end, want 3", lost)
		}
	})
}

func TestSequenceHasNoGapUnderConcurrency(t *testing.T) {
	t.Parallel()
	out := &sink{}
	log := newLog(out, newClock())
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			c := &audit.Connection{ID: fmt.Sprint(i), ClientAddress: fmt.Sprintf("192.0.2.%d:1", i)}
			for range 200 {
				log.Opened(c)
				log.Progress(c, audit.Traffic{})
				log.Closed(c, audit.Traffic{}, outcome.Closed(outcome.ByClient, outcome.CodeNormal))
				log.Denied(&audit.Attempt{ClientAddress: c.ClientAddress}, outcome.Refuse(outcome.NoRoute, ""))
				log.Stats()
			}
		})
	}
	callers.Wait()
	closeLog(t, log)
	got := checkSequence(t, out.Lines())
	events := count(got, audit.EventOpened) + count(got, audit.EventProgress) + count(got, audit.EventClosed) + deniedIn(got)
	if lost := lostIn(got); events+lost != 8*200*4 {
		t.Errorf("%d events and %d lost, want %d together", events, lost, 8*200*4)
	}
}
