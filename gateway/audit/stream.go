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
	sink    Sink
	now     func() time.Time
	signer  *atomic.Pointer[Signer]
	queue   chan *entry
	stop    chan struct{}
	done    chan struct{}
	written atomic.Uint64
	lost    atomic.Uint64
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
}

// gap is a number of lost events.
type gap struct {
	lost  uint64
	since time.Time
}

func newStream(sink Sink, o *Options, signer *atomic.Pointer[Signer]) *stream {
	if sink.Queue <= 0 {
		sink.Queue = DefaultQueue
	}
	head := &fields{}
	head.word("wsgateway.schema", Schema)
	head.word("ecs.version", ecsVersion)
	head.always(maxTextBytes, "service.name", o.Gateway.Namespace+"/"+o.Gateway.Name)
	head.always(maxTextBytes, "service.node.name", o.Pod)
	head.always(maxTextBytes, "service.ephemeral_id", o.BootID)
	head.text("wsgateway.stream", sink.Name)
	head.key("event.sequence")
	return &stream{
		sink: sink, now: o.Now, signer: signer, constant: head.line,
		queue: make(chan *entry, sink.Queue), stop: make(chan struct{}), done: make(chan struct{}),
	}
}

func (s *stream) run() {
	defer close(s.done)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case e := <-s.queue:
			s.write(e)
		case <-ticker.C:
			s.sayLost()
			s.tick()
		case <-s.stop:
			s.finish()
			return
		}
	}
}

// put queues an entry or counts it.
func (s *stream) put(e *entry) {
	select {
	case s.queue <- e:
	default:
		s.lose(e)
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
			return
		}
	}
}

// lose counts what an entry stood for, to be said in the next gap record.
func (s *stream) lose(e *entry) {
	s.lost.Add(e.weight)
	s.lostOpen.Add(opens(e.event))
	s.missed.Lock()
	defer s.missed.Unlock()
	if s.unsaid.lost == 0 || e.time.Before(s.unsaid.since) {
		s.unsaid.since = e.time
	}
	s.unsaid.lost += e.weight
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
	s.missed.Lock()
	defer s.missed.Unlock()
	if s.unsaid.lost == 0 || unsaid.since.Before(s.unsaid.since) {
		s.unsaid.since = unsaid.since
	}
	s.unsaid.lost += unsaid.lost
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
	s.buffer = append(line, e.body...)
}

// complete ends the line in the buffer and sends it.
func (s *stream) complete(e *entry) bool {
	s.buffer = append(s.buffer, "}\n"...)
	if !s.send(s.buffer) {
		return false
	}
	s.sequence++
	s.previous = sha256.Sum256(s.buffer)
	s.written.Add(1)
	s.tally.count(e)
	return true
}

// send writes a line and tells whether it can be read there as a record.
func (s *stream) send(line []byte) bool {
	if s.torn {
		// Ends the torn line, so that it spoils nothing but itself.
		line = append([]byte{'\n'}, line...)
	}
	n, err := s.sink.Out.Write(line)
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
