// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
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
