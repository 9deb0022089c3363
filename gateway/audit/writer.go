// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"encoding/json"
	"time"
)

// tick is how often the writer looks for refusals that were counted long
// enough, and for a gap that could not be said.
const tick = time.Second

// run is the only one that writes, so that the sequence has no gap and lines do
// not mix.
func (l *Log) run() {
	defer close(l.done)
	w := &writer{log: l}
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case r := <-l.queue:
			w.write(r)
		case <-ticker.C:
			w.flush(false)
		case <-l.stop:
			w.drain()
			return
		}
	}
}

// writer is the state of run.
type writer struct {
	log      *Log
	sequence uint64
	buffer   bytes.Buffer
	// torn is true after a line of which only a part was written.
	torn bool
}

// drain writes what was put before the log was closed.
func (w *writer) drain() {
	for {
		select {
		case r := <-w.log.queue:
			w.write(r)
		default:
			w.flush(true)
			return
		}
	}
}

// flush writes the refusals that were counted, all of them or those whose time
// is over, and what was lost.
func (w *writer) flush(all bool) {
	for _, r := range w.log.denials.due(w.log.options.Now(), all) {
		w.write(r)
	}
	w.sayLost()
}

func (w *writer) write(r record) {
	if !w.line(r) {
		w.log.lose(r.header())
		return
	}
	w.sayLost()
}

// sayLost writes the gap record, if there is a gap.
func (w *writer) sayLost() {
	l := w.log
	l.missed.Lock()
	unsaid := l.unsaid
	l.unsaid = gapRecord{}
	l.missed.Unlock()
	if unsaid.Lost == 0 {
		return
	}
	unsaid.head = l.head(EventGap)
	if w.line(&unsaid) {
		return
	}
	l.missed.Lock()
	defer l.missed.Unlock()
	if l.unsaid.Lost == 0 || unsaid.Since.Before(l.unsaid.Since) {
		l.unsaid.Since = unsaid.Since
	}
	l.unsaid.Lost += unsaid.Lost
}

// line writes one record. A record that could not be written leaves its number
// to the next, so that a missing number always means a lost line behind us.
func (w *writer) line(r record) bool {
	h := r.header()
	h.Sequence = w.sequence + 1
	w.buffer.Reset()
	if w.torn {
		// Ends the torn line, so that it spoils nothing but itself.
		w.buffer.WriteByte('\n')
	}
	encoder := json.NewEncoder(&w.buffer)
	// The reader is no web page, and a person may search for a path.
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		return false
	}
	if !w.send(w.buffer.Bytes()) {
		return false
	}
	w.sequence++
	w.log.written.Add(1)
	return true
}

// send writes a line and tells whether it can be read there as a record.
func (w *writer) send(line []byte) bool {
	n, err := w.log.options.Out.Write(line)
	switch {
	case err == nil && n == len(line):
		w.torn = false
		return true
	case n >= len(line)-1:
		// Only the line break is missing: the next line brings it.
		w.torn = n < len(line)
		return true
	case n > 0:
		w.torn = line[n-1] != '\n'
	}
	return false
}
