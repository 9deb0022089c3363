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
	case EventProgress, EventViolation, EventRevoked, EventApplied, EventRotated, EventAdministered, EventGap, EventCheckpoint:
	}
}

// opens is by how many the number of open connections grows with an event.
func opens(event Event) int64 {
	switch event {
	case EventOpened:
		return 1
	case EventClosed:
		return -1
	case EventProgress, EventViolation, EventDenied, EventRevoked, EventApplied, EventRotated, EventAdministered, EventGap, EventCheckpoint:
	}
	return 0
}

// tick writes a checkpoint when it is time for one: at once when there is
// another key, so that what was written by then is signed with the old one.
func (s *stream) tick() {
	if s.signedBy != nil && s.rotated() {
		s.checkpoint(false)
	}
	if s.tally.records == 0 {
		return
	}
	s.tally.ticks++
	if s.tally.ticks >= checkpointTicks {
		s.checkpoint(false)
	}
}

// noKey is the key that is next when checkpoints are not signed any more.
const noKey = "none"

// rotated tells whether there is another key than the last checkpoint's.
func (s *stream) rotated() bool {
	current := s.signer.Load()
	return current == nil || current.id != s.signedBy.id
}

// checkpoint sums up the stream. Nothing is lost when it cannot be written: the
// next one says the same and more. The last one of a key names the next key, so
// that nobody else can bring in one of their own.
func (s *stream) checkpoint(final bool) {
	current := s.signer.Load()
	if s.signedBy != nil && s.rotated() {
		next := noKey
		if current != nil {
			next = current.id
		}
		if !s.sumUp(s.signedBy, next, false) {
			return
		}
	}
	s.signedBy = current
	if s.sumUp(current, "", final) {
		s.tally.records, s.tally.ticks = 0, 0
	}
}

func (s *stream) sumUp(signer *Signer, nextKey string, final bool) bool {
	f := newFields(EventCheckpoint)
	f.number("wsgateway.checkpoint.opened", s.tally.opened)
	f.number("wsgateway.checkpoint.closed", s.tally.closed)
	f.number("wsgateway.checkpoint.denied", s.tally.denied)
	f.number("wsgateway.checkpoint.lost", s.tally.lost)
	f.signed("wsgateway.checkpoint.open", int64(s.tally.opened-s.tally.closed)+s.lostOpen.Load()) //nolint:gosec // G115: far below 2^63
	f.flag("wsgateway.checkpoint.final", final)
	f.text("wsgateway.checkpoint.next_key_id", nextKey)
	if signer != nil {
		f.text("wsgateway.checkpoint.key_id", signer.id)
	}
	e := f.entry(EventCheckpoint, s.now(), 0)
	s.begin(e)
	if signer != nil {
		s.buffer = signer.sign(s.buffer)
	}
	s.complete(e)
	return s.flush() == 1
}
