// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"io"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// Sink is where one stream goes.
type Sink struct {
	// Name of the sink, unique among those of a log. Its stream is called so in the
	// records; the second stream of a sink that was taken away and given back, or
	// replaced, is NAME.2. Empty for the only stream of a program.
	Name string
	// Out gets whole lines, several at once where they linger, and may be a Keeper,
	// which gets one Write per record. It may block; those who log do not. Two sinks of
	// the same Out are the same.
	Out io.Writer
	// Trouble, if not nil, says why records do not get through at the moment; empty
	// while they do. What Write returns is known without it.
	Trouble func() string
	// Stop, if not nil, makes an Out that waits give up. Close, if not nil, is
	// called when nothing will be written any more.
	Stop, Close func()
	// Queue is how many records may wait for Out. 0 means DefaultQueue.
	Queue int
	// Linger is how long a record may wait for others to be written with, or, by a
	// Keeper, delivered; not so long where a quarter of the queue is full. 0 means not
	// at all.
	Linger time.Duration
	// Rest is how long after a writing the next of what lingers begins at the earliest,
	// with the same exception. What comes after a quiet time waits for no longer than
	// Linger; 0 means that nothing does.
	Rest time.Duration
}

// Keeper is an Out that sends several records at once.
type Keeper interface {
	io.Writer
	// Flush delivers what Write has kept, and may wait as long as that takes. lost
	// counts the records among them that nobody will get.
	Flush() (lost int)
}

// What is delivered at once: a second's records, unless they are many. Servers
// take messages of 4 MiB by default.
const (
	batchRecords = 256
	batchBytes   = 512 << 10
)

// retirement is how long a sink that is taken away may take for what waits.
const retirement = 5 * time.Second

// DefaultLinger and DefaultRest are times in which a busy pod makes dozens of records:
// to wake a processor that sleeps, a goroutine, and whoever reads what it writes, for
// each of them would cost several times what it costs to write them. They are also the
// most that a pod which is killed has not written yet: of a quiet one the first, of a
// busy one the second.
const (
	DefaultLinger = 50 * time.Millisecond
	DefaultRest   = 250 * time.Millisecond
)

// fullPart is the part of the queue that is not waited with: those who come at once
// are many, and need the room.
const fullPart = 4

// counts are the figures of all streams of a sink.
type counts struct {
	written atomic.Uint64
	lost    atomic.Uint64
}

// Apply gives the log these sinks. Those that it has already go on; those that
// are not among them get what waits for them, for some seconds, and are closed.
func (l *Log) Apply(sinks []Sink) {
	l.ending.Lock()
	defer l.ending.Unlock()
	if l.closed {
		for i := range sinks {
			sinks[i].close()
		}
		return
	}
	var next []*stream
	for _, sink := range sinks {
		if i := slices.IndexFunc(l.streams, func(s *stream) bool { return s.sink.is(&sink) }); i >= 0 {
			next = append(next, l.streams[i])
			continue
		}
		next = append(next, l.begin(sink))
	}
	for _, s := range l.streams {
		if !slices.Contains(next, s) {
			s.end(nil)
			l.retired = slices.DeleteFunc(l.retired, (*stream).over)
			l.retired = append(l.retired, s)
			l.retiring.Go(func() { s.retire(retirement) })
		}
	}
	l.streams = next
}

// begin starts a stream. The caller holds ending, or is New.
func (l *Log) begin(sink Sink) *stream {
	if l.counts == nil {
		l.counts, l.instances = map[string]*counts{}, map[string]int{}
	}
	if l.counts[sink.Name] == nil {
		l.counts[sink.Name] = &counts{}
	}
	l.instances[sink.Name]++
	name := sink.Name
	if instance := l.instances[sink.Name]; instance > 1 {
		name += "." + strconv.Itoa(instance)
	}
	s := l.newStream(sink, name)
	go s.run()
	return s
}

func (s *Sink) is(other *Sink) bool { return s.Name == other.Name && s.Out == other.Out }

func (s *Sink) stop() {
	if s.Stop != nil {
		s.Stop()
	}
}

func (s *Sink) close() {
	s.stop()
	if s.Close != nil {
		s.Close()
	}
}

// retire waits for a stream that was told to end, and makes it give up when that
// takes too long.
func (s *stream) retire(patience time.Duration) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-s.done:
	case <-timer.C:
		s.sink.stop()
		// An Out that cannot be stopped may wait for ever; nobody waits for it.
		<-s.done
	}
	s.sink.close()
}

func (s *stream) over() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// keep notes what was given to a Keeper and not yet delivered.
func (s *stream) keep(e *entry, bytes int) {
	if s.keeper == nil {
		s.written.Add(1)
		return
	}
	s.kept = append(s.kept, e)
	s.keptBytes += bytes
	if len(s.kept) >= batchRecords || s.keptBytes >= batchBytes {
		s.deliver()
	}
}

// deliver makes a Keeper send what it has. What it loses has its place in the
// chain already, and stays missing there.
func (s *stream) deliver() {
	if len(s.kept) == 0 {
		return
	}
	kept, before := s.kept, s.delivered
	s.kept, s.keptBytes = nil, 0
	s.busy(true)
	lost := min(s.keeper.Flush(), len(kept))
	s.busy(false)
	s.written.Add(uint64(len(kept) - lost)) //nolint:gosec // G115: lost is not more
	if lost == len(kept) {
		s.giveUp(kept, before)
	} else if lost > 0 {
		// Which ones is not known, nor what each stood for.
		s.loseMore(uint64(lost), kept[0].time)
	}
	s.delivered = s.tally
	s.well(lost == 0)
}

// giveUp counts records of which none was delivered, and what they said was lost
// before.
func (s *stream) giveUp(kept []*entry, before tally) {
	said := s.tally.lost - before.lost
	s.tally.opened, s.tally.closed, s.tally.denied, s.tally.lost = before.opened, before.closed, before.denied, before.lost
	for _, e := range kept {
		s.lose(e)
	}
	if said > 0 {
		s.unsay(gap{lost: said, since: kept[0].time})
	}
}
