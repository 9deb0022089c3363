// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"maps"
	"slices"
)

// Where a line stands in its stream is at its end: what was cut off has lost that. It
// is taken for a line of the stream of its boot that was read last, or of the next one
// that begins. A line that is missing elsewhere is found there all the same.

// maxCuts bounds what is remembered of damaged lines, per stream and of those that
// have none. Those beyond it are reported where they are.
const maxCuts = 256

// cut is a damaged line. The next line of its stream tells whether it counts: one that
// a failing sink took a part of is written again, with the same number.
type cut struct {
	place
	// ended is false for the last line of an input that has no line break.
	ended bool
}

// damaged is for a line that was a record.
func (v *Verifier) damaged(h *head, at place, ended bool) {
	c := v.chains[[2]string{h.Boot, h.Stream}]
	if c == nil && h.Stream == "" {
		c = v.latest[h.Boot]
	}
	found := cut{place: at, ended: ended}
	switch {
	case c != nil && !c.final && c.cutOff(h.Sequence, found):
	case h.Boot != "" && (c == nil || c.final) && h.Sequence <= 1 && v.waiting < maxCuts:
		v.cuts[h.Boot] = append(v.cuts[h.Boot], found)
		v.waiting++
	default:
		v.damage(h, found)
	}
}

// damage reports a damaged line that no other line tells more about.
func (v *Verifier) damage(h *head, at cut) {
	if !at.ended {
		// The end of an input in the middle of a line that says too little.
		v.report.TornLines++
		return
	}
	v.find(Finding{Kind: Truncated, Boot: h.Boot, Stream: h.Stream, Sequence: h.Sequence, Message: "it is cut off or damaged"}, at.place)
}

// claimed are the damaged lines of a boot that were before its stream.
func (v *Verifier) claimed(boot string) []cut {
	claimed := v.cuts[boot]
	delete(v.cuts, boot)
	v.waiting -= len(claimed)
	return claimed
}

// unclaimed reports those of which no stream began.
func (v *Verifier) unclaimed() {
	for _, boot := range slices.Sorted(maps.Keys(v.cuts)) {
		for _, at := range v.claimed(boot) {
			v.damage(&head{Boot: boot}, at)
		}
	}
}

// cutOff notes a damaged line that can be one of those to come; sequence is its number,
// 0 where that is not known. A sink that goes on failing takes a part of the same line
// again and again: those that cannot be before a number were written again.
func (c *chain) cutOff(sequence uint64, at cut) bool {
	before := uint64(len(c.cuts))
	if sequence != 0 {
		if sequence < c.next || sequence-c.next > before {
			return false
		}
		before = sequence - c.next
	}
	if before == maxCuts {
		return false
	}
	*c.torn += uint64(len(c.cuts)) - before
	c.cuts = append(c.cuts[:before], at)
	return true
}

// truncated reports the damaged lines among so many that are missing, the first of
// which has the number from, and returns how many they are. Those that are more were
// written again.
func (c *chain) truncated(from, missing uint64) uint64 {
	cuts := c.cuts
	c.cuts = nil
	counted := min(uint64(len(cuts)), missing)
	*c.torn += uint64(len(cuts)) - counted
	for i, at := range cuts[:counted] {
		c.report(Truncated, at.place, from+uint64(i), "it is cut off or damaged")
	}
	return counted
}
