// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
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
	stop  chan struct{}
	done  chan struct{}
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

	// constant is the part of the head that all lines share.
	constant []byte
	sequence uint64
	// previous is the hash of the line before.
	previous [sha256.Size]byte
	buffer   []byte
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

func newStream(sink Sink, name string, counted *counts, o *Options, signer *atomic.Pointer[Signer]) *stream {
	if sink.Queue <= 0 {
		sink.Queue = DefaultQueue
	}
	head := &fields{}
	head.word("wsgateway.schema", Schema)
	head.word("ecs.version", ecsVersion)
	head.always(maxTextBytes, "service.name", o.Gateway.Namespace+"/"+o.Gateway.Name)
	head.always(maxTextBytes, "service.node.name", o.Pod)
	head.always(maxTextBytes, "service.ephemeral_id", o.BootID)
	head.text("wsgateway.stream", name)
	head.key("event.sequence")
	keeper, _ := sink.Out.(Keeper)
	s := &stream{
		counts: counted, sink: sink, keeper: keeper, now: o.Now, signer: signer, constant: head.line,
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
	s.armed.Store(false)
	for range len(s.queue) {
		s.write(<-s.queue)
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
		s.lose(e)
	}
}

// arm sees that what was just queued is written in time. Whoever queues must not be
// slow: it wakes nobody but in a hurry.
func (s *stream) arm() {
	if s.due == nil {
		return
	}
	if !s.armed.Swap(true) {
		s.due.Reset(s.sink.Linger)
	}
	if len(s.queue)*fullPart >= cap(s.queue) {
		select {
		case s.hurry <- struct{}{}:
		default:
		}
	}
}

// end makes run write what waits, then last, and return. Nothing may be put any
// more.
func (s *stream) end(last []*entry) {
	s.last = last
	close(s.stop)
}

func (s *stream) finish() {
	for {
		select {
		case e := <-s.queue:
			s.write(e)
		default:
			for _, e := range s.last {
				s.write(e)
			}
			s.sayLost()
			s.checkpoint(true)
			s.deliver()
			return
		}
	}
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

func (s *stream) write(e *entry) {
	if !s.line(e) {
		s.lose(e)
		return
	}
	s.sayLost()
	if s.tally.records >= checkpointRecords {
		s.checkpoint(false)
	}
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

// line writes one record. A record that could not be written leaves its number
// and its place in the chain to the next, so that a missing number always means
// a line that was lost behind us.
func (s *stream) line(e *entry) bool {
	s.begin(e)
	return s.complete(e)
}

// begin puts the fields of a line into the buffer.
func (s *stream) begin(e *entry) {
	line := append(s.buffer[:0], `{"@timestamp":`...)
	line = append(appendTime(line, e.time), s.constant...)
	line = strconv.AppendUint(line, s.sequence+1, 10)
	if s.sequence == 0 {
		line = append(line, `,"wsgateway.chain.first":true`...)
	} else {
		line = append(line, `,"wsgateway.chain.previous":"`...)
		line = append(hex.AppendEncode(line, s.previous[:]), '"')
	}
	s.buffer = append(line, e.content()...)
}

// complete ends the line in the buffer and sends it.
func (s *stream) complete(e *entry) bool {
	s.buffer = append(s.buffer, "}\n"...)
	if !s.send(s.buffer) {
		return false
	}
	s.sequence++
	s.previous = sha256.Sum256(s.buffer)
	s.tally.count(e)
	s.keep(e, len(s.buffer))
	return true
}

// send writes a line and tells whether it can be read there as a record.
func (s *stream) send(line []byte) bool {
	if s.torn {
		// Ends the torn line, so that it spoils nothing but itself.
		line = append([]byte{'\n'}, line...)
	}
	s.busy(true)
	n, err := s.sink.Out.Write(line)
	s.busy(false)
	s.wrote(err)
	switch {
	case err == nil && n == len(line):
		s.torn = false
		return true
	case n >= len(line)-1:
		// Only the line break is missing: the next line brings it.
		s.torn = n < len(line)
		return true
	case n > 0:
		s.torn = line[n-1] != '\n'
	}
	return false
}
