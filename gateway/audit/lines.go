// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// Lines that linger are written with one Write, so many and of so many bytes, and
// of one line more: a system call, and somebody who reads what it writes and is woken
// by it, cost more than the line. What is being written is beside the queue.
const (
	mostLines   = 64
	enoughBytes = 32 << 10
)

// staged is a line in the buffer of a stream.
type staged struct {
	entry *entry
	// end is where the line ends in the buffer.
	end int
	// sequence and previous are what the stream went on with if the line were not
	// written.
	sequence uint64
	previous [sha256.Size]byte
}

// writeQueued writes what is in the queue now.
func (s *stream) writeQueued() {
	for left := len(s.queue); left > 0; left -= len(s.batch) {
		s.batch = s.batch[:0]
		for range min(left, mostLines) {
			s.batch = append(s.batch, <-s.queue)
		}
		s.writeAll(s.batch)
		s.finished(s.batch)
	}
}

// write writes an entry alone.
func (s *stream) write(e *entry) {
	s.batch = append(s.batch[:0], e)
	s.writeAll(s.batch)
	s.finished(s.batch)
}

// finished forgets entries that were written or lost.
func (s *stream) finished(entries []*entry) {
	for _, e := range entries {
		s.beginnings.done(e)
	}
	clear(entries)
}

// writeAll writes entries in their order, and loses those that cannot be.
func (s *stream) writeAll(entries []*entry) {
	for len(entries) > 0 {
		most := s.together()
		for _, e := range entries[:min(len(entries), most)] {
			s.stage(e)
			if len(s.buffer) >= enoughBytes {
				break
			}
		}
		asked := len(s.staged)
		written := s.flush()
		if written > 0 {
			s.sayLost()
			if s.tally.records >= checkpointRecords {
				s.checkpoint(false)
			}
		}
		if written < asked {
			// Those behind it are tried anew, each with the place that it has now.
			s.lose(entries[written])
			written++
		}
		entries = entries[written:]
	}
}

// together is how many lines may be written at once: a Keeper counts lines, and a
// gap record or checkpoint comes behind the line behind which it is due.
func (s *stream) together() int {
	s.missed.Lock()
	owes := s.unsaid.lost > 0
	s.missed.Unlock()
	if owes || s.due == nil || s.keeper != nil {
		return 1
	}
	return max(checkpointRecords-s.tally.records, 1)
}

// line writes one record. A record that could not be written leaves its number
// and its place in the chain to the next, so that a missing number always means
// a line that was lost behind us.
func (s *stream) line(e *entry) bool {
	s.stage(e)
	return s.flush() == 1
}

// stage adds a line to the buffer.
func (s *stream) stage(e *entry) {
	s.begin(e)
	s.complete(e)
}

// begin puts the fields of a line into the buffer. Those that are not the same in all
// streams come last: what is before them is hashed once for all of them.
func (s *stream) begin(e *entry) {
	line := s.beginnings.appendTo(s.buffer, e, s.hash)
	s.hashed = len(line)
	line = append(line, s.place...)
	line = strconv.AppendUint(line, s.sequence+1, 10)
	if s.sequence == 0 {
		line = append(line, `,"wsgateway.chain.first":true`...)
	} else {
		line = append(line, `,"wsgateway.chain.previous":"`...)
		line = append(hex.AppendEncode(line, s.previous[:]), '"')
	}
	s.buffer = line
}

// complete ends the line that was begun, and goes on as if it were written.
func (s *stream) complete(e *entry) {
	s.buffer = append(s.buffer, "}\n"...)
	s.staged = append(s.staged, staged{entry: e, end: len(s.buffer), sequence: s.sequence, previous: s.previous})
	s.sequence++
	_, _ = s.hash.Write(s.buffer[s.hashed:]) // never fails
	s.hash.Sum(s.previous[:0])
}

// flush sends the lines of the buffer and returns how many of them can be read
// there as records. It goes on behind the last of these.
func (s *stream) flush() (written int) {
	sent := s.send(s.buffer)
	start := 0
	for i := range s.staged {
		line := &s.staged[i]
		// Where only the line break is missing, the next line brings it.
		if sent < line.end-1 {
			s.sequence, s.previous = line.sequence, line.previous
			break
		}
		s.tally.count(line.entry)
		s.keep(line.entry, line.end-start)
		start = line.end
		written++
	}
	clear(s.staged)
	s.staged, s.buffer = s.staged[:0], s.buffer[:0]
	return written
}

// send writes lines and tells how many bytes of them have got there.
func (s *stream) send(lines []byte) int {
	before := 0
	if s.torn {
		// Ends the torn line, so that it spoils nothing but itself.
		lines = append([]byte{'\n'}, lines...)
		before = 1
	}
	s.busy(true)
	n, err := s.sink.Out.Write(lines)
	s.busy(false)
	s.wrote(err)
	if n > 0 {
		s.torn = lines[n-1] != '\n'
	}
	return max(n-before, 0)
}
