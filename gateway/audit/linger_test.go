// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// lingering is a log of one sink whose records linger, in a queue of 64.
func lingering(out *sink) *audit.Log {
	return logOf(audit.Sink{Name: "file", Out: out, Queue: 64, Linger: audit.DefaultLinger})
}

func TestRecordsThatLingerAreWrittenTogetherAndInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		log := lingering(out)
		for round := 1; round <= 3; round++ {
			open(5, log)
			time.Sleep(audit.DefaultLinger - time.Millisecond)
			synctest.Wait()
			if got := statsOf(log, "file").Written; got != uint64(5*(round-1)) {
				t.Errorf("round %d: %d lines before the time is over, want those of the rounds before", round, got)
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if got := statsOf(log, "file").Written; got != uint64(5*round) {
				t.Errorf("round %d: %d lines when the time is over, want %d", round, got, 5*round)
			}
			time.Sleep(10 * audit.DefaultLinger)
		}
		closeLog(t, log)
		checkSequence(t, out.Lines())
	})
}

// counted counts Writes.
type counted struct{ writes atomic.Int64 }

func (c *counted) Write(data []byte) (int, error) {
	c.writes.Add(1)
	return len(data), nil
}

func TestABusyPodRestsBetweenWritesAndAQuietOneDoesNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &counted{}
		log := logOf(audit.Sink{Name: "file", Out: out, Linger: audit.DefaultLinger, Rest: audit.DefaultRest})
		begin := time.Now()
		for time.Since(begin) < time.Second {
			open(1, log)
			time.Sleep(audit.DefaultLinger / 10)
		}
		synctest.Wait()
		// One after DefaultLinger, and then one each DefaultRest.
		if got, want := int(out.writes.Load()), 4; got != want {
			t.Errorf("%d writes in a busy second, want %d", got, want)
		}
		time.Sleep(10 * audit.DefaultRest)
		before := int(out.writes.Load())
		open(1, log)
		time.Sleep(audit.DefaultLinger)
		synctest.Wait()
		if got := int(out.writes.Load()) - before; got != 1 {
			t.Errorf("%d writes %v after a record that came in a quiet time, want one", got, audit.DefaultLinger)
		}
		closeLog(t, log)
	})
}

func TestManyRecordsDoNotRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &counted{}
		log := logOf(audit.Sink{Name: "file", Out: out, Queue: 64, Linger: audit.DefaultLinger, Rest: audit.DefaultRest})
		open(1, log)
		time.Sleep(audit.DefaultLinger)
		synctest.Wait()
		open(16, log)
		synctest.Wait()
		if got := int(out.writes.Load()); got != 2 {
			t.Errorf("%d writes, want that of the first record and that of the sixteen behind it at once", got)
		}
		closeLog(t, log)
	})
}

func TestManyRecordsDoNotLinger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		log := lingering(out)
		begin := time.Now()
		for range 100 {
			open(16, log)
			synctest.Wait()
		}
		if got := len(out.Lines()); got != 1601 || time.Since(begin) != 0 { // with a checkpoint
			t.Errorf("%d lines after %v, want 1601 at once", got, time.Since(begin))
		}
		if lost := statsOf(log, "file").Lost; lost != 0 {
			t.Errorf("%d lost", lost)
		}
		closeLog(t, log)
	})
}

func TestWhatLingersIsWrittenWhenTheLogEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		log := lingering(out)
		open(3, log)
		closeLog(t, log)
		if got := count(checkSequence(t, out.Lines()), audit.EventOpened); got != 3 {
			t.Errorf("%d opened, want 3", got)
		}
	})
}

// The lines are made when they are written: what they tell of was before.
func TestARecordThatLingersTellsOfTheMomentItIsOf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out, private := &sink{}, &sink{}
		log := logOf(
			audit.Sink{Name: "file", Out: out, Linger: audit.DefaultLinger}, audit.Sink{Name: "stdout", Out: private, Linger: audit.DefaultLinger},
		)
		c := exampleConnection()
		at := time.Now()
		log.Opened(c)
		log.SetPrivacy(audit.NewPrivacy(true, secret.New(hashKey), true))
		time.Sleep(time.Second)
		closeLog(t, log)
		for _, s := range []*sink{out, private} {
			first := checkSequence(t, s.Lines())[0]
			if first.Subject != c.Subject || !first.Time.Equal(at.Truncate(time.Microsecond)) {
				t.Errorf("subject %q at %v, want %q at %v", first.Subject, first.Time, c.Subject, at)
			}
		}
	})
}

// writes keeps each Write by itself, and does of one only a part.
type writes struct {
	all  [][]byte
	fail int
	// part is how many bytes of the write that fails get there.
	part func(data []byte) int
}

func (w *writes) Write(data []byte) (int, error) {
	n, err := len(data), error(nil)
	if len(w.all) == w.fail && w.part != nil {
		n, err = w.part(data), errSink
	}
	w.all = append(w.all, bytes.Clone(data[:n]))
	return n, err
}

func TestRecordsThatLingerAreOneWriteAndStandAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &writes{}
		log := logOf(audit.Sink{Name: "file", Out: out, Linger: audit.DefaultLinger})
		open(20, log)
		time.Sleep(audit.DefaultLinger)
		synctest.Wait()
		if len(out.all) != 1 {
			t.Errorf("%d writes of 20 records, want one", len(out.all))
		}
		open(2000, log)
		closeLog(t, log)
		for i, write := range out.all {
			if len(write) > 64<<10 {
				t.Errorf("write %d has %d bytes", i, len(write))
			}
		}
		lines := bytes.Split(bytes.TrimSpace(bytes.Join(out.all, nil)), []byte("\n"))
		for i, line := range lines {
			record, err := audit.Parse(line)
			if err != nil {
				t.Fatal(err)
			}
			// One follows a thousand records, and is one itself.
			if isDue := i%1001 == 1000 || i == len(lines)-1; (record.Event == audit.EventCheckpoint) != isDue {
				t.Errorf("record %d is %s", i, record.Event)
			}
		}
	})
}

func TestOfAWriteThatFailsWhatGotThereCounts(t *testing.T) {
	t.Parallel()
	end := func(data []byte, lines int) int {
		n := 0
		for range lines {
			n += bytes.IndexByte(data[n:], '\n') + 1
		}
		return n
	}
	for name, part := range map[string]func([]byte) int{
		"nothing":                         func([]byte) int { return 0 },
		"a part of the first line":        func([]byte) int { return 10 },
		"two lines":                       func(data []byte) int { return end(data, 2) },
		"two lines and a part":            func(data []byte) int { return end(data, 2) + 100 },
		"three lines but for the break":   func(data []byte) int { return end(data, 3) - 1 },
		"all lines but for the last byte": func(data []byte) int { return len(data) - 1 },
		"all lines, and an error":         func(data []byte) int { return len(data) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				out := &writes{fail: 1, part: part}
				log := logOf(audit.Sink{Name: "file", Out: out, Linger: audit.DefaultLinger})
				for range 3 {
					open(7, log)
					time.Sleep(2 * audit.DefaultLinger)
				}
				closeLog(t, log)
				var lines []string
				for line := range bytes.Lines(bytes.Join(out.all, nil)) {
					if _, err := audit.Parse(line); err == nil {
						lines = append(lines, string(bytes.TrimSpace(line)))
					}
				}
				records := checkSequence(t, lines)
				lost := 1
				if strings.HasPrefix(name, "all") {
					lost = 0
				}
				if opened, said := count(records, audit.EventOpened), lostIn(records); opened != 21-lost || said != lost {
					t.Errorf("%d records and %d said to be lost, want %d and %d", opened, said, 21-lost, lost)
				}
				if stats := statsOf(log, "file"); stats.Lost != uint64(lost) || stats.Written != uint64(len(lines)) {
					t.Errorf("counted %+v, want %d lost and %d written", stats, lost, len(lines))
				}
			})
		})
	}
}

func TestAKeeperDeliversWhatHasLingered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		sink := c.sink()
		sink.Linger = 300 * time.Millisecond
		log := logOf(sink)
		open(5, log)
		time.Sleep(sink.Linger - time.Millisecond)
		synctest.Wait()
		if got := len(c.lines()); got != 0 {
			t.Errorf("%d delivered before the time is over", got)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := len(c.lines()); got != 5 {
			t.Errorf("%d delivered when the time is over, want 5", got)
		}
		closeLog(t, log)
		checkSequence(t, strings.Split(strings.TrimSpace(strings.Join(c.lines(), "")), "\n"))
	})
}
