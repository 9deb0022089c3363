// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"sync"
	"sync/atomic"
	"time"
)

// A queue counts as overloaded from three quarters on, and until no more than one
// quarter is left: what lies between keeps the answer from changing all the time.
const (
	parts    = 4
	highPart = 3
	lowPart  = 1
)

// A sink is reported after so many ticks of trouble, and until it was well for so
// many in a row. A sink that comes and goes stays reported.
const (
	ticksOfTrouble = 10
	ticksOfHealth  = 30
	// stuckAfter is how long one write may take before that is trouble.
	stuckAfter = 5 * time.Second
)

// condition is how a sink fares.
type condition struct {
	overloaded atomic.Bool
	// failing is why the last record was not taken; nil if it was.
	failing atomic.Pointer[string]
	// since is when the write under way began, in nanoseconds; 0 for none.
	since atomic.Int64
	latch latch
}

// press notes how full the queue has become.
func (s *stream) press(waiting, room int) {
	if waiting*parts >= room*highPart {
		s.overloaded.Store(true)
	}
}

// relax ends an overload that is over. Only run calls it.
func (s *stream) relax() {
	if s.overloaded.Load() && s.failing.Load() == nil && len(s.queue)*parts <= cap(s.queue)*lowPart {
		s.overloaded.Store(false)
	}
}

// busy notes that a write begins or ends.
func (s *stream) busy(writing bool) {
	at := int64(0)
	if writing {
		at = s.now().UnixNano()
	}
	s.since.Store(at)
}

// wrote notes what became of a record. A sink that fails is as bad as one that is
// full: nobody is recorded there.
func (s *stream) wrote(err error) {
	if err == nil {
		s.failing.Store(nil)
		return
	}
	text := err.Error()
	s.failing.Store(&text)
	s.overloaded.Store(true)
}

// well is wrote for what a Keeper has delivered, or not.
func (s *stream) well(delivered bool) {
	if delivered {
		s.failing.Store(nil)
		return
	}
	text := "records are refused for good"
	s.failing.Store(&text)
	s.overloaded.Store(true)
}

// trouble says why records do not get through; empty while they do.
func (s *stream) trouble() string {
	if s.sink.Trouble != nil {
		if text := s.sink.Trouble(); text != "" {
			return text
		}
	}
	if text := s.failing.Load(); text != nil {
		return *text
	}
	if since := s.since.Load(); since != 0 && s.now().UnixNano()-since > int64(stuckAfter) {
		return "it does not take what is written"
	}
	if s.overloaded.Load() {
		return "it is slower than records come"
	}
	return ""
}

// latch keeps what is reported from flapping.
type latch struct {
	mu        sync.Mutex
	reported  string
	bad, good int
}

func (l *latch) see(trouble string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if trouble == "" {
		l.good++
		if l.good >= ticksOfHealth {
			l.reported, l.bad = "", 0
		}
		return
	}
	l.good = 0
	l.bad++
	if l.bad >= ticksOfTrouble && l.reported == "" {
		l.reported = trouble
	}
}

func (l *latch) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reported
}

// look sees how the sinks fare, once a tick.
func (l *Log) look() {
	l.ending.RLock()
	defer l.ending.RUnlock()
	for _, s := range l.streams {
		s.latch.see(s.trouble())
	}
}

// Overloaded tells whether a sink cannot take what comes: its queue is nearly full
// and has not become nearly empty since, or it fails.
func (l *Log) Overloaded() bool {
	l.ending.RLock()
	defer l.ending.RUnlock()
	for _, s := range l.streams {
		if s.overloaded.Load() {
			return true
		}
	}
	return false
}

// Problem is a sink that has been in trouble for a while.
type Problem struct {
	// Sink is its name, Message why.
	Sink, Message string
}

// Problems returns what is worth telling somebody. It changes slowly.
func (l *Log) Problems() []Problem {
	l.ending.RLock()
	defer l.ending.RUnlock()
	var found []Problem
	for _, s := range l.streams {
		if text := s.latch.text(); text != "" {
			found = append(found, Problem{Sink: s.sink.Name, Message: text})
		}
	}
	return found
}
