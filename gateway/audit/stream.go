// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"crypto/sha256"
	"hash"
	"sync"
	"sync/atomic"
	"time"
)

// stream is the records of one sink: a queue, a sequence of its own and a chain
// of hashes over exactly what the sink was given. What one sink loses therefore
// breaks nothing in another, and each can be verified alone.
type stream struct {
	*counts

	sink   Sink
	now    func() time.Time
	signer *atomic.Pointer[Signer]
	queue  chan *entry
	// due ends the time for which entries linger, and hurry ends it at once; armed is
	// true while due is set. Nil where they do not linger.
	due   *time.Timer
	hurry chan struct{}
	armed atomic.Bool
	// drained is when what lingers was last written, in nanoseconds of now.
	drained atomic.Int64
	stop    chan struct{}
	done    chan struct{}
	// keeper is Out where that is one.
	keeper Keeper
	condition
	// lostOpen is how many connections more were opened than closed among the
	// events that were lost.
	lostOpen atomic.Int64

	// missed guards the field below.
	missed sync.Mutex
	// unsaid counts what was lost since the last gap record.
	unsaid gap

	// last are written behind the queue at the end.
	last []*entry
	// What follows belongs to run, which alone writes: the sequence has no gap
	// and lines do not mix.

	beginnings *beginnings
	// place are the fields of all lines of this stream before the sequence number.
	place    []byte
	sequence uint64
	// previous is the hash of the line before. hash is that of the line that is being
	// made, of what is before hashed in the buffer.
	previous [sha256.Size]byte
	hash     hash.Hash
	hashed   int
	// buffer are lines that are written at once, staged where each of them ends, and
	// batch what they are made of.
	buffer []byte
	staged []staged
	batch  []*entry
	// torn is true after a line of which only a part was written.
	torn  bool
	tally tally
	// signedBy is whose signature the last checkpoint has, nil for nobody's.
	signedBy *Signer
	// kept were written to a Keeper and are not delivered, delivered is the tally
	// without them.
	kept      []*entry
	keptBytes int
	delivered tally
}

// gap is a number of lost events.
type gap struct {
	lost  uint64
	since time.Time
}

// newStream returns a stream of the log that has not begun to run.
func (l *Log) newStream(sink Sink, name string) *stream {
	if sink.Queue <= 0 {
		sink.Queue = DefaultQueue
	}
	place := &fields{}
	place.text("wsgateway.stream", name)
	place.key("event.sequence")
	keeper, _ := sink.Out.(Keeper)
	s := &stream{
		counts: l.counts[sink.Name], sink: sink, keeper: keeper, now: l.options.Now, signer: &l.signer,
		beginnings: l.beginnings, place: place.line, hash: sha256.New(),
		queue: make(chan *entry, sink.Queue), stop: make(chan struct{}), done: make(chan struct{}),
	}
	if sink.Linger > 0 {
		s.hurry = make(chan struct{}, 1)
		s.due = time.NewTimer(sink.Linger)
	}
	return s
}

func (s *stream) run() {
	defer close(s.done)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	queue, due := s.queue, (<-chan time.Time)(nil)
	if s.due != nil {
		defer s.due.Stop()
		queue, due = nil, s.due.C
	}
	for {
		select {
		case e := <-queue:
			s.write(e)
			s.relax()
		case <-due:
			s.drain()
		case <-s.hurry:
			s.drain()
		case <-ticker.C:
			s.sayLost()
			s.tick()
			s.deliver()
			s.relax()
		case <-s.stop:
			s.finish()
			return
		}
	}
}

// drain writes what lingers.
func (s *stream) drain() {
	// First: who comes from now on sets the time again, who came before is seen.
	s.drained.Store(s.now().UnixNano())
	s.armed.Store(false)
	s.writeQueued()
	if s.keeper != nil {
		// They have waited for others already.
		s.deliver()
	}
	s.relax()
}

// put queues an entry or counts it.
func (s *stream) put(e *entry) {
	select {
	case s.queue <- e:
		s.press(len(s.queue), cap(s.queue))
		s.arm()
	default:
		s.refuse(e)
	}
}

// refuse loses an entry that has no place in the queue.
func (s *stream) refuse(e *entry) {
	s.lose(e)
	s.beginnings.done(e)
}

// arm sees that what was just queued is written in time. Whoever queues must not be
// slow: it wakes nobody but in a hurry.
func (s *stream) arm() {
	if s.due == nil {
		return
	}
	if !s.armed.Swap(true) {
		s.due.Reset(max(s.sink.Linger, s.rest()))
	}
	if len(s.queue)*fullPart >= cap(s.queue) {
		select {
		case s.hurry <- struct{}{}:
		default:
		}
	}
}

// rest is how long it must not be written yet; not above 0 once it may be.
func (s *stream) rest() time.Duration {
	// Somebody may set the clock.
	since := max(s.now().UnixNano()-s.drained.Load(), 0)
	return s.sink.Rest - time.Duration(since)
}

// end makes run write what waits, then last, and return. Nothing may be put any
// more.
func (s *stream) end(last []*entry) {
	s.last = last
	close(s.stop)
}

func (s *stream) finish() {
	s.writeQueued()
	for _, e := range s.last {
		s.write(e)
	}
	s.sayLost()
	s.checkpoint(true)
	s.deliver()
}

// lose counts what an entry stood for, to be said in the next gap record.
func (s *stream) lose(e *entry) {
	s.lostOpen.Add(opens(e.event))
	s.loseMore(e.weight, e.time)
}

// loseMore counts lost events.
func (s *stream) loseMore(events uint64, since time.Time) {
	s.lost.Add(events)
	s.unsay(gap{lost: events, since: since})
}

// unsay notes a gap that no record tells of.
func (s *stream) unsay(g gap) {
	s.missed.Lock()
	defer s.missed.Unlock()
	if s.unsaid.lost == 0 || g.since.Before(s.unsaid.since) {
		s.unsaid.since = g.since
	}
	s.unsaid.lost += g.lost
}

// sayLost writes the gap record, if there is a gap.
func (s *stream) sayLost() {
	s.missed.Lock()
	unsaid := s.unsaid
	s.unsaid = gap{}
	s.missed.Unlock()
	if unsaid.lost == 0 {
		return
	}
	if s.line(unsaid.entry(s.now())) {
		s.tally.lost += unsaid.lost
		return
	}
	s.unsay(unsaid)
}
