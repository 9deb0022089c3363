// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// collector is a Keeper whose deliveries a test decides about.
type collector struct {
	mu        sync.Mutex
	kept      []string
	delivered []string
	// refuse is how many records of a delivery are refused; -1 for all.
	refuse int
	// down, if not nil, is what Flush waits for.
	down    chan struct{}
	stopped chan struct{}
	once    sync.Once
	closed  bool
}

func newCollector() *collector { return &collector{stopped: make(chan struct{})} }

func (c *collector) Write(line []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = append(c.kept, string(line))
	return len(line), nil
}

func (c *collector) Flush() int {
	c.mu.Lock()
	down := c.down
	c.mu.Unlock()
	if down != nil {
		select {
		case <-down:
		case <-c.stopped:
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.kept
	c.kept = nil
	select {
	case <-c.stopped:
		return len(kept)
	default:
	}
	if c.refuse < 0 {
		return len(kept)
	}
	c.delivered = append(c.delivered, kept...)
	return c.refuse
}

func (c *collector) stop() { c.once.Do(func() { close(c.stopped) }) }

func (c *collector) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

func (c *collector) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func (c *collector) lines() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{}, c.delivered...)
}

func (c *collector) sink() audit.Sink {
	return audit.Sink{Name: "otlp", Out: c, Stop: c.stop, Close: c.close, Queue: 64}
}

func open(n int, log *audit.Log) {
	for i := range n {
		log.Opened(&audit.Connection{ID: fmt.Sprint(i)})
	}
}

func logOf(sinks ...audit.Sink) *audit.Log {
	return audit.New(audit.Options{Sinks: sinks, BootID: "b", Now: time.Now})
}

func statsOf(log *audit.Log, name string) audit.Stats {
	for _, stats := range log.Stats() {
		if stats.Sink == name {
			return stats
		}
	}
	return audit.Stats{}
}

func TestASinkThatBlocksForEverTakesNothingFromAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stuck, fine := &sink{}, &sink{}
		release := stuck.Block()
		log := logOf(audit.Sink{Name: "stdout", Out: stuck, Queue: 8}, audit.Sink{Name: "file", Out: fine, Queue: 8})
		for range 50 {
			open(1, log)
			synctest.Wait()
		}
		records := checkSequence(t, fine.Lines())
		if count(records, audit.EventOpened) != 50 || lostIn(records) != 0 {
			t.Errorf("the other sink has %d of 50 records, %d lost", count(records, audit.EventOpened), lostIn(records))
		}
		if stats := statsOf(log, "stdout"); stats.Lost != 41 || stats.Queued != 8 {
			t.Errorf("the sink that blocks: %+v, want 41 lost and 8 waiting", stats)
		}
		if stats := statsOf(log, "file"); stats.Lost != 0 || stats.Written != 50 {
			t.Errorf("the sink that does not: %+v", stats)
		}
		release()
		closeLog(t, log)
		records = checkSequence(t, stuck.Lines())
		if got := count(records, audit.EventOpened) + lostIn(records); got != 50 {
			t.Errorf("the sink that blocked tells of %d events, want 50", got)
		}
	})
}

func TestAnOverloadEndsByItselfAndNotAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		release := out.Block()
		log := logOf(audit.Sink{Name: "stdout", Out: out, Queue: 16})
		open(1, log)
		synctest.Wait() // it is being written
		open(11, log)
		if log.Overloaded() {
			t.Error("overloaded with 11 of 16 places taken")
		}
		open(1, log)
		if !log.Overloaded() {
			t.Error("not overloaded with 12 of 16 places taken")
		}
		release()
		time.Sleep(2 * time.Second)
		if log.Overloaded() {
			t.Error("still overloaded with an empty queue")
		}
		closeLog(t, log)
	})
}

func TestASinkThatFailsIsOverloadedUntilItTakesARecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		log := logOf(audit.Sink{Name: "stdout", Out: out})
		out.Fail(3)
		open(1, log)
		synctest.Wait()
		if !log.Overloaded() {
			t.Error("a sink that fails is not overloaded, though it records nobody")
		}
		// The gap record is tried every second; the third try is good.
		time.Sleep(4 * time.Second)
		if log.Overloaded() {
			t.Error("overloaded although the sink takes records again")
		}
		closeLog(t, log)
	})
}

func TestTroubleIsReportedOnceItLastsAndUntilItIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		trouble := ""
		var mu sync.Mutex
		set := func(text string) {
			mu.Lock()
			defer mu.Unlock()
			trouble = text
		}
		log := logOf(audit.Sink{Name: "otlp", Out: out, Trouble: func() string {
			mu.Lock()
			defer mu.Unlock()
			return trouble
		}})
		want := func(after time.Duration, want ...audit.Problem) {
			t.Helper()
			time.Sleep(after)
			if diff := cmp.Diff(want, log.Problems()); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		}
		time.Sleep(500 * time.Millisecond)
		set("no answer")
		want(8 * time.Second)
		set("")
		want(3 * time.Second)
		set("no answer")
		want(5*time.Second, audit.Problem{Sink: "otlp", Message: "no answer"})
		// Other words for the same trouble change nothing, nor does a moment of health.
		set("refused")
		want(5*time.Second, audit.Problem{Sink: "otlp", Message: "no answer"})
		set("")
		want(20*time.Second, audit.Problem{Sink: "otlp", Message: "no answer"})
		want(15 * time.Second)
		closeLog(t, log)
	})
}

func TestAKeeperGetsASecondsRecordsAtOnceAndTellsWhatItLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		log := logOf(c.sink())
		open(5, log)
		synctest.Wait()
		if got := len(c.lines()); got != 0 {
			t.Errorf("%d records were delivered one by one", got)
		}
		time.Sleep(1100 * time.Millisecond)
		if got := statsOf(log, "otlp"); len(c.lines()) != 5 || got.Written != 5 {
			t.Errorf("%d records delivered after a second, %+v", len(c.lines()), got)
		}
		// A refused delivery: what it stood for is lost, and said.
		c.set(func() { c.refuse = -1 })
		open(3, log)
		time.Sleep(1100 * time.Millisecond)
		if got := statsOf(log, "otlp"); got.Written != 5 || got.Lost != 3 || !log.Overloaded() {
			t.Errorf("after a refused delivery %+v, overloaded %v", got, log.Overloaded())
		}
		c.set(func() { c.refuse = 0 })
		time.Sleep(3 * time.Second)
		records := parseAll(t, c.lines())
		if got := lostIn(records); got != 3 || log.Overloaded() {
			t.Errorf("gap records tell of %d lost events, want 3; overloaded %v", got, log.Overloaded())
		}
		closeLog(t, log)
		records = parseAll(t, c.lines())
		last := records[len(records)-1]
		if !last.Final || last.CheckpointOpened != 5 || last.CheckpointLost != 3 || last.CheckpointOpen != 8 {
			t.Errorf("the last checkpoint says %+v, want 5 opened, 3 lost and 8 open", last)
		}
		if !c.closed {
			t.Error("the collector was not closed")
		}
	})
}

func TestManyRecordsAreNotKeptForASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		s := c.sink()
		s.Queue = 1000
		log := logOf(s)
		open(600, log)
		synctest.Wait()
		if got := len(c.lines()); got != 512 {
			t.Errorf("%d of 600 records delivered before the second is over, want two batches", got)
		}
		closeLog(t, log)
	})
}

// What waits for a collector that is down is lost when the log has to end, and
// nobody waits for it longer than the context says.
func TestACollectorThatIsDownDoesNotHoldUpTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.down = make(chan struct{})
		log := logOf(c.sink())
		open(3, log)
		time.Sleep(2 * time.Second)
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := log.Close(ctx); err == nil {
			t.Error("nothing is said of the records that were lost")
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
		if got := statsOf(log, "otlp"); got.Lost != 3 || got.Written != 0 {
			t.Errorf("stats %+v, want 3 lost", got)
		}
	})
}

func TestSinksComeAndGoWithoutLoss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stdout, file := &sink{}, &sink{}
		c := newCollector()
		standard := audit.Sink{Name: "stdout", Out: stdout}
		log := logOf(standard)
		open(1, log)
		log.Apply([]audit.Sink{standard, c.sink()})
		open(1, log)
		log.Apply([]audit.Sink{c.sink(), {Name: "file", Out: file}})
		open(1, log)
		synctest.Wait()
		// Another collector takes the place of the first.
		second := newCollector()
		log.Apply([]audit.Sink{second.sink(), standard})
		open(1, log)
		closeLog(t, log)
		for _, want := range []struct {
			what   string
			lines  []string
			stream string
			opened int
		}{
			{"standard output, first and second time", stdout.Lines(), "stdout stdout.2", 3},
			{"the first collector", c.lines(), "otlp", 2},
			{"the file", file.Lines(), "file", 1},
			{"the second collector", second.lines(), "otlp.2", 1},
		} {
			records := parseAll(t, want.lines)
			streams := []string{}
			for _, r := range records {
				if len(streams) == 0 || streams[len(streams)-1] != r.Stream {
					streams = append(streams, r.Stream)
				}
			}
			if got := strings.Join(streams, " "); got != want.stream || count(records, audit.EventOpened) != want.opened {
				t.Errorf("%s: streams %q with %d opened, want %q with %d", want.what, got, count(records, audit.EventOpened), want.stream, want.opened)
			}
			if last := records[len(records)-1]; !last.Final {
				t.Errorf("%s: the last record is no final checkpoint", want.what)
			}
		}
		if !c.closed || !second.closed {
			t.Error("a collector was not closed")
		}
		if got := statsOf(log, "stdout"); got.Written != uint64(len(stdout.Lines())) {
			t.Errorf("the figures of a sink that came back begin anew: %+v", got)
		}
	})
}

func TestASinkThatIsTakenAwayMayBlock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, fine := newCollector(), &sink{}
		c.down = make(chan struct{})
		log := logOf(c.sink())
		open(1, log)
		time.Sleep(2 * time.Second)
		log.Apply([]audit.Sink{{Name: "stdout", Out: fine}})
		open(1, log)
		synctest.Wait()
		if got := count(parseAll(t, fine.Lines()), audit.EventOpened); got != 1 {
			t.Errorf("the new sink has %d records", got)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if !c.closed {
			t.Error("the old one was not closed")
		}
		closeLog(t, log)
	})
}

func TestWhoIsRefusedForWantOfARecordIsCountedOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		log := logOf(audit.Sink{Name: "stdout", Out: out})
		for range 25 {
			log.Denied(&audit.Attempt{ClientAddress: "192.0.2.7:1"}, outcome.Refuse(outcome.AuditUnavailable, ""))
		}
		synctest.Wait()
		if got := out.Lines(); got[0] != "" {
			t.Errorf("%d records were written one by one", len(got))
		}
		closeLog(t, log)
		records := parseAll(t, out.Lines())
		if records[0].Event != audit.EventDenied || records[0].Count != 25 {
			t.Errorf("the first record is %+v, want one for 25 refusals", records[0])
		}
	})
}

var _ io.Writer = (*collector)(nil)

// parseAll reads lines that need not be of one stream.
func parseAll(t *testing.T, lines []string) []*audit.Record {
	t.Helper()
	records := make([]*audit.Record, 0, len(lines))
	for _, line := range lines {
		record, err := audit.Parse([]byte(line))
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		records = append(records, record)
	}
	return records
}
