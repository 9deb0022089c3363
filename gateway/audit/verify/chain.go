// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"fmt"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
)

// maxHoles bounds what is remembered of missing lines, per stream. Beyond it the
// oldest are taken for deleted.
const maxHoles = 256

// place is where a line stands.
type place struct {
	file  string
	line  int
	order uint64
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// chain is what is remembered of a stream: the line that was written last of
// those that were read, and what is missing before it.
type chain struct {
	sums Stream
	find func(Finding, place)
	// next is the sequence number that is expected, 0 before the first line; hash
	// and at are those of the line before.
	next uint64
	hash string
	at   place
	// doubt is the line before the last one, if the last one has another hash of
	// it. Which of the two was changed, the next line tells.
	doubt *numbered
	// cuts are damaged lines behind the last one. torn counts those that were written
	// again.
	cuts  []cut
	torn  *uint64
	holes []hole
	// exact is true while the sums are those since the boot.
	exact bool
	final bool
}

type numbered struct {
	place
	sequence uint64
}

// hole is lines that are missing so far.
type hole struct {
	from, to uint64
	// before is the hash of the line before, empty if it is not known; after is
	// the hash that the line behind, at behind, has of the last one.
	before, after string
	behind        place
	// summed is true when the sums contain what is missing.
	summed bool
}

// take adds a line to the chain.
func (c *chain) take(r *head, hash string, at place) {
	c.sums.Records++
	switch {
	case c.next == 0:
		c.begin(r, at)
	case r.Sequence == c.next:
		c.follow(r)
	case r.Previous == c.hash:
		c.report(Edited, at, c.next, fmt.Sprintf("its hash says that it is the line with the sequence %d, it says %d", c.next, r.Sequence))
		r.Sequence = c.next
	case r.Sequence > c.next:
		c.skip(r, at)
	default:
		c.late(r, hash, at)
		return
	}
	if c.final {
		c.report(BehindEnd, at, r.Sequence, "it stands behind the final checkpoint of its stream")
	}
	c.next, c.hash, c.at = r.Sequence+1, hash, at
	c.sums.Last = r.Sequence
	c.final = r.Event == audit.EventCheckpoint && r.Final
	c.count(r, at)
}

func (c *chain) report(kind Kind, at place, sequence uint64, message string) {
	c.find(Finding{Kind: kind, Boot: c.sums.Boot, Stream: c.sums.Stream, Sequence: sequence, Message: message}, at)
}

func (c *chain) begin(r *head, at place) {
	c.sums.First = r.Sequence
	c.exact = r.Sequence == 1
	// Damaged lines before the first whole one are those right before it.
	before := r.Sequence - 1
	before -= c.truncated(r.Sequence-min(before, uint64(len(c.cuts))), before)
	if before == 0 {
		return
	}
	c.find(Finding{
		Kind: NoBeginning, Boot: r.Boot, Stream: r.Stream, Sequence: 1, UpTo: before,
		Message: fmt.Sprintf("the stream begins with the sequence %d: what was before it is not in the input", before+1),
	}, at)
}

// follow looks at the link of a line that has the expected number.
func (c *chain) follow(r *head) {
	doubt := c.doubt
	c.doubt = nil
	c.truncated(r.Sequence, 0)
	switch {
	case r.Previous == c.hash && doubt != nil:
		// The last line is as it was written, so it was right about the one before.
		c.edited(doubt)
	case r.Previous == c.hash:
	case doubt != nil:
		c.report(Edited, c.at, c.next-1, "neither does the next line have the hash of this one, nor this one that of the line before")
	default:
		c.doubt = &numbered{place: c.at, sequence: c.next - 1}
	}
}

func (c *chain) edited(doubt *numbered) {
	c.report(Edited, doubt.place, doubt.sequence, "the next line has another hash of it")
}

// skip notes that lines are missing before this one.
func (c *chain) skip(r *head, at place) {
	missing := hole{from: c.next, to: r.Sequence - 1, before: c.hash, after: r.Previous, behind: at}
	c.settle()
	if counted := c.truncated(missing.from, r.Sequence-missing.from); counted > 0 {
		missing.from += counted
		missing.before = ""
	}
	c.exact = false
	if missing.from > missing.to {
		return
	}
	if len(c.holes) == maxHoles {
		c.deleted(&c.holes[0])
		c.holes = c.holes[1:]
	}
	c.holes = append(c.holes, missing)
}

// settle reports a doubt that no line will decide.
func (c *chain) settle() {
	if c.doubt != nil {
		c.report(Edited, c.doubt.place, c.doubt.sequence, "the next line has another hash of it: one of the two was changed")
		c.doubt = nil
	}
}

func (c *chain) deleted(h *hole) {
	message := fmt.Sprintf("the line with the sequence %d is missing before this one", h.from)
	if h.to > h.from {
		message = fmt.Sprintf("the lines with the sequences %d to %d are missing before this one", h.from, h.to)
	}
	f := Finding{Kind: Deleted, Boot: c.sums.Boot, Stream: c.sums.Stream, Sequence: h.from, Message: message}
	if h.to > h.from {
		f.UpTo = h.to
	}
	c.find(f, h.behind)
}

// late is for a line whose number has passed.
func (c *chain) late(r *head, hash string, at place) {
	i := c.missing(r.Sequence)
	if i < 0 {
		message := fmt.Sprintf("there was a line with the sequence %d before", r.Sequence)
		if hash == c.hash {
			message = "it is the line before once more"
		}
		c.sums.Records--
		c.report(Duplicated, at, r.Sequence, message)
		return
	}
	h := c.holes[i]
	c.report(Reordered, at, r.Sequence, fmt.Sprintf("it stands behind the sequence %d, at %s", c.next-1, c.at))
	if r.Sequence == h.to && hash != h.after || r.Sequence == h.from && h.before != "" && r.Previous != h.before {
		c.report(Edited, at, r.Sequence, "it does not fit where its number belongs")
	}
	left, right := h, h
	left.to, left.after = r.Sequence-1, r.Previous
	right.from, right.before = r.Sequence+1, hash
	c.holes = append(c.holes[:i], c.holes[i+1:]...)
	for _, rest := range []hole{left, right} {
		if rest.from <= rest.to {
			c.holes = append(c.holes, rest)
		}
	}
	if !h.summed {
		c.count(r, at)
	}
}

// missing is the index of the hole that a number is in, -1 for none.
func (c *chain) missing(sequence uint64) int {
	for i := range c.holes {
		if c.holes[i].from <= sequence && sequence <= c.holes[i].to {
			return i
		}
	}
	return -1
}

// count adds what a line says.
func (c *chain) count(r *head, at place) {
	switch r.Event {
	case audit.EventOpened:
		c.sums.Opened++
	case audit.EventClosed:
		c.sums.Closed++
	case audit.EventDenied:
		c.sums.Denied += r.Count
	case audit.EventGap:
		c.sums.Lost += r.Lost
	case audit.EventCheckpoint:
		c.checkpoint(r, at)
	case audit.EventProgress, audit.EventViolation, audit.EventRevoked, audit.EventApplied, audit.EventRotated, audit.EventAdministered:
	}
}

// checkpoint compares its sums with ours. Where lines are missing they are
// better than ours.
func (c *chain) checkpoint(r *head, at place) {
	ours := [4]uint64{c.sums.Opened, c.sums.Closed, c.sums.Denied, c.sums.Lost}
	theirs := [4]uint64{r.Opened, r.Closed, r.Denied, r.LostSum}
	if c.exact && ours != theirs {
		c.report(Miscounted, at, r.Sequence, fmt.Sprintf(
			"it counts %d opened, %d closed, %d denied, %d lost; before it are %d, %d, %d, %d",
			theirs[0], theirs[1], theirs[2], theirs[3], ours[0], ours[1], ours[2], ours[3]))
		return
	}
	c.sums.Opened, c.sums.Closed, c.sums.Denied, c.sums.Lost = r.Opened, r.Closed, r.Denied, r.LostSum
	c.exact = true
	for i := range c.holes {
		c.holes[i].summed = true
	}
}

// finish reports what no line decides any more.
func (c *chain) finish(wantEnd bool) Stream {
	c.settle()
	for i := range c.holes {
		c.deleted(&c.holes[i])
	}
	s := c.sums
	s.Open = int64(s.Opened) - int64(s.Closed) //nolint:gosec // G115: far below 2^63, or else what somebody made up
	s.Estimated = !c.exact || s.Lost > 0
	s.Complete, s.Torn = c.final, len(c.cuts) > 0
	if wantEnd && !c.final {
		c.report(NoEnd, c.at, s.Last, "the stream has no final checkpoint behind this line: it was cut off, or its pod was killed")
	}
	return s
}
