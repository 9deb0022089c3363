// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// clock is a time that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: noon} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// sink keeps what is written. It can be made to block and to fail.
type sink struct {
	mu     sync.Mutex
	buffer bytes.Buffer
	fail   int
	// part is how much of a failing write is done.
	part  int
	block chan struct{}
}

var errSink = errors.New("no space left")

func (s *sink) Write(data []byte) (int, error) {
	s.mu.Lock()
	block := s.block
	s.mu.Unlock()
	if block != nil {
		<-block
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail > 0 {
		s.fail--
		n := min(s.part, len(data))
		s.buffer.Write(data[:n])
		return n, errSink
	}
	return s.buffer.Write(data)
}

// Fail makes the next records fail, and the gap records between them.
func (s *sink) Fail(records int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = records
}

func (s *sink) FailAfter(part int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail, s.part = 1, part
}

// Block makes writes wait until the returned function is called.
func (s *sink) Block() (release func()) {
	block := make(chan struct{})
	s.mu.Lock()
	s.block = block
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		s.block = nil
		s.mu.Unlock()
		close(block)
	}
}

func (s *sink) Lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Split(strings.TrimSuffix(s.buffer.String(), "\n"), "\n")
}

func newLog(out *sink, now *clock) *audit.Log {
	return audit.New(audit.Options{
		Out: out, Now: now.Now, Gateway: contract.GatewayRef{Namespace: "default", Name: "edge"},
		Pod: "wsgw-edge-7d9c5b6f4-x2x8v", BootID: "b7Qm2",
	})
}

func closeLog(t *testing.T, log *audit.Log) {
	t.Helper()
	if err := log.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func parse(t testing.TB, line string) map[string]any {
	t.Helper()
	var record map[string]any
	if err := json.Unmarshal([]byte(line), &record); err != nil {
		t.Fatalf("line %q: %v", line, err)
	}
	return record
}

// checkSequence parses all lines and checks that they are numbered 1, 2, 3...
func checkSequence(t testing.TB, lines []string) []map[string]any {
	t.Helper()
	records := make([]map[string]any, 0, len(lines))
	for i, line := range lines {
		record := parse(t, line)
		if record["sequence"] != float64(i+1) {
			t.Fatalf("line %d has the sequence %v", i+1, record["sequence"])
		}
		records = append(records, record)
	}
	return records
}

// sum adds a field over the records of an event.
func sum(records []map[string]any, event, field string) int {
	total := 0.0
	for _, record := range records {
		if record["event"] == event {
			value, _ := record[field].(float64)
			total += value
		}
	}
	return int(total)
}

func count(records []map[string]any, event string) int {
	n := 0
	for _, record := range records {
		if record["event"] == event {
			n++
		}
	}
	return n
}

func TestBlockedSinkStopsNobodyAndLosesNothingUncounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const records = 5000
		out := &sink{}
		release := out.Block()
		log := audit.New(audit.Options{Out: out, Now: newClock().Now, Queue: 16})
		var callers sync.WaitGroup
		for i := range records {
			callers.Go(func() { log.Opened(&audit.Connection{ID: fmt.Sprint(i)}) })
		}
		// With a blocked sink this returns only if nobody waits for it.
		callers.Wait()
		if stats := log.Stats(); stats.Queued != 16 || stats.Lost < records-17 {
			t.Errorf("Stats() = %+v with a full queue of 16", stats)
		}
		release()
		synctest.Wait()
		log.Opened(&audit.Connection{ID: "after"})
		closeLog(t, log)
		got := checkSequence(t, out.Lines())
		opened, lost := count(got, "opened"), sum(got, "gap", "lost")
		if opened+lost != records+1 || lost == 0 {
			t.Errorf("%d opened and %d lost, want %d together", opened, lost, records+1)
		}
		if last := got[len(got)-1]; last["connection_id"] != "after" {
			t.Errorf("last record %v, want the one that came when there was room", last)
		}
		if stats := log.Stats(); stats.Lost != uint64(lost) || stats.Written != uint64(len(got)) || stats.Queued != 0 {
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
		if len(got) != 2 || sum(got, "gap", "lost") != 3 {
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
				out.FailAfter(tt.part(len(out.Lines()[0]) + 1))
				log.Opened(&audit.Connection{ID: "2"})
				synctest.Wait()
				log.Opened(&audit.Connection{ID: "3"})
				closeLog(t, log)
				lines := out.Lines()
				if len(lines) != tt.lines {
					t.Fatalf("lines %q, want %d", lines, tt.lines)
				}
				var whole []string
				for _, line := range lines {
					if json.Valid([]byte(line)) {
						whole = append(whole, line)
					}
				}
				got := checkSequence(t, whole)
				if lost := sum(got, "gap", "lost"); lost != tt.gap || count(got, "opened") != 3-tt.gap {
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
		if opened, denied := count(got, "opened"), sum(got, "denied", "count"); opened != 100 || denied != 50 {
			t.Errorf("%d opened and %d denied, want 100 and 50", opened, denied)
		}
		if lost := log.Stats().Lost; lost != 2 {
			t.Errorf("%d lost, want the two that came after Close", lost)
		}
		log.Opened(&audit.Connection{})
		if lost := log.Stats().Lost; lost != 3 {
			t.Errorf("%d lost after the end, want 3", lost)
		}
	})
}

func TestRefusalsOfOneClientAreAggregated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		log := audit.New(audit.Options{Out: out, Now: time.Now})
		noRoute, bad := outcome.Refuse(outcome.NoRoute, "nothing here"), outcome.Refuse(outcome.BadCredential, "token expired")
		began := time.Now().UTC()
		for i := range 100 {
			log.Denied(&audit.Attempt{ClientAddress: fmt.Sprintf("192.0.2.1:%d", 1000+i), Path: "/secret"}, noRoute)
			log.Denied(&audit.Attempt{ClientAddress: fmt.Sprintf("[2001:db8::%x]:5", i)}, bad)
			time.Sleep(10 * time.Millisecond)
		}
		for range 5 {
			log.Denied(&audit.Attempt{ClientAddress: "192.0.2.1:7"}, bad)
		}
		log.Denied(&audit.Attempt{ClientAddress: "192.0.2.2:7"}, noRoute)
		time.Sleep(12 * time.Second)
		synctest.Wait()
		got := checkSequence(t, out.Lines())
		if full := len(got) - 3; full != 21 {
			t.Errorf("%d records in full, want 10 each of two clients and 1 of the third", full)
		}
		if total := sum(got, "denied", "count"); total != 206 {
			t.Errorf("counts add up to %d, want 206", total)
		}
		sums := map[string]string{}
		for _, record := range got {
			if since, ok := record["since"]; ok {
				sums[fmt.Sprintf("%v %v %v", record["client_address"], record["reason"], record["http_status"])] = fmt.Sprintf("%v from %v to %v", record["count"], since, record["time"])
				if record["path"] != nil || record["detail"] != nil {
					t.Errorf("%v: has fields of a single refusal", record)
				}
			}
		}
		at := func(d time.Duration) string { return began.Add(d).Format(time.RFC3339Nano) }
		want := map[string]string{
			"192.0.2.1 no_route 404":           "90 from " + at(100*time.Millisecond) + " to " + at(990*time.Millisecond),
			"2001:db8::/64 bad_credential 401": "90 from " + at(100*time.Millisecond) + " to " + at(990*time.Millisecond),
			"192.0.2.1 bad_credential 401":     "5 from " + at(time.Second) + " to " + at(time.Second),
		}
		if diff := cmp.Diff(want, sums); diff != "" {
			t.Errorf("aggregated (-want +got):\n%s", diff)
		}

		// The next window begins in full again.
		log.Denied(&audit.Attempt{ClientAddress: "192.0.2.1:7", Path: "/x"}, noRoute)
		closeLog(t, log)
		if last := checkSequence(t, out.Lines())[len(got)]; last["path"] != "/x" {
			t.Errorf("first refusal of the next window: %v, want it in full", last)
		}
	})
}

func TestWhoCountsAsOneClient(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		addresses []string
		records   int
	}{
		"ports of one address":              {addresses: []string{"192.0.2.1:1", "192.0.2.1:2", "192.0.2.1"}, records: 1},
		"IPv4 in an IPv6 notation":          {addresses: []string{"192.0.2.1:1", "[::ffff:192.0.2.1]:1"}, records: 1},
		"two IPv4 in an IPv6 notation":      {addresses: []string{"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1"}, records: 2},
		"one IPv6 network":                  {addresses: []string{"[2001:db8::1]:1", "2001:db8:0:0:ffff::1", "[2001:db8::2%eth0]:1"}, records: 1},
		"two IPv6 networks":                 {addresses: []string{"[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1"}, records: 2},
		"what is no address counts as one ": {addresses: []string{"", "pipe", "@"}, records: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := &sink{}
			log := newLog(out, newClock())
			for range 40 {
				for _, address := range tt.addresses {
					log.Denied(&audit.Attempt{ClientAddress: address}, outcome.Refuse(outcome.NoRoute, ""))
				}
			}
			closeLog(t, log)
			got := checkSequence(t, out.Lines())
			if sums := len(got) - 10*tt.records; sums != tt.records {
				t.Errorf("%d records, want 10 and a sum for each of %d clients", len(got), tt.records)
			}
		})
	}
}

func TestAggregatedRefusalsThatCannotBeWrittenCountAsSuch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		log := audit.New(audit.Options{Out: out, Now: time.Now})
		for range 50 {
			log.Denied(&audit.Attempt{ClientAddress: "192.0.2.1:7"}, outcome.Refuse(outcome.NoRoute, ""))
		}
		synctest.Wait()
		out.Fail(1)
		closeLog(t, log)
		got := checkSequence(t, out.Lines())
		if denied, lost := sum(got, "denied", "count"), sum(got, "gap", "lost"); denied != 10 || lost != 40 {
			t.Errorf("%d denied and %d lost, want 10 and 40", denied, lost)
		}
	})
}

func TestTableOfClientsIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		log := audit.New(audit.Options{Out: out, Now: time.Now, Queue: 20_000})
		const clients = 10_000
		for i := range clients {
			log.Denied(&audit.Attempt{ClientAddress: fmt.Sprintf("10.1.%d.%d:7", i/256, i%256)}, outcome.Refuse(outcome.NoRoute, ""))
		}
		closeLog(t, log)
		got := checkSequence(t, out.Lines())
		if len(got) != 4096+1 || sum(got, "denied", "count") != clients {
			t.Errorf("%d records for %d refusals of as many clients, want 4096 and one for the others", len(got), sum(got, "denied", "count"))
		}
		last := got[len(got)-1]
		if _, named := last["client_address"]; named || last["count"] != float64(clients-4096) {
			t.Errorf("the record of the others: %v", last)
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
	events := count(got, "opened") + count(got, "progress") + count(got, "closed") + sum(got, "denied", "count")
	if lost := sum(got, "gap", "lost"); events+lost != 8*200*4 {
		t.Errorf("%d events and %d lost, want %d together", events, lost, 8*200*4)
	}
}
