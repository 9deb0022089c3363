// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

// A checkpoint comes after so many records, or ticks after the first record that
// none has summed up: it bounds what can be cut off a stream unnoticed.
const (
	checkpointRecords = 1000
	checkpointTicks   = 60
)

// tally is what a stream holds so far.
type tally struct {
	opened, closed, denied, lost uint64
	// records are those since the last checkpoint, ticks since there are some.
	records, ticks int
}

func (t *tally) count(e *entry) {
	t.records++
	switch e.event {
	case EventOpened:
		t.opened++
	case EventClosed:
		t.closed++
	case EventDenied:
		t.denied += e.weight
	case EventProgress, EventGap, EventCheckpoint:
	}
}

// opens is by how many the number of open connections grows with an event.
func opens(event Event) int64 {
	switch event {
	case EventOpened:
		return 1
	case EventClosed:
		return -1
	case EventProgress, EventDenied, EventGap, EventCheckpoint:
	}
	return 0
}

// tick writes a checkpoint when it is time for one.
func (s *stream) tick() {
	if s.tally.records == 0 {
		return
	}
	s.tally.ticks++
	if s.tally.ticks >= checkpointTicks {
		s.checkpoint(false)
	}
}

// checkpoint sums up the stream. Nothing is lost when it cannot be written: the
// next one says the same and more.
func (s *stream) checkpoint(final bool) {
	f := newFields(EventCheckpoint)
	f.number("wsgateway.checkpoint.opened", s.tally.opened)
	f.number("wsgateway.checkpoint.closed", s.tally.closed)
	f.number("wsgateway.checkpoint.denied", s.tally.denied)
	f.number("wsgateway.checkpoint.lost", s.tally.lost)
	f.signed("wsgateway.checkpoint.open", int64(s.tally.opened-s.tally.closed)+s.lostOpen.Load()) //nolint:gosec // G115: far below 2^63
	f.flag("wsgateway.checkpoint.final", final)
	if s.line(f.entry(EventCheckpoint, s.now(), 0)) {
		s.tally.records, s.tally.ticks = 0, 0
	}
}
