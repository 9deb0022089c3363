// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Options configure New. All are required.
type Options struct {
	// Sinks get every record, each in a stream of its own, until Apply names
	// others.
	Sinks   []Sink
	Gateway contract.GatewayRef
	Pod     string
	// BootID is unique per start of the process. Sequence numbers count in it.
	BootID string
	Now    func() time.Time
}

// DefaultQueue is enough for the openings and closings of 2,000 connections at
// once, at about 1 KiB each only while they wait.
const DefaultQueue = 4096

// tick is how often a log looks for refusals that were counted long enough, and
// a stream for a gap or a checkpoint that it has to write.
const tick = time.Second

// Log hands audit records to its streams. Its methods never block and are safe
// for concurrent use.
type Log struct {
	options Options
	stop    chan struct{}
	done    chan struct{}
	denials denials
	signer  atomic.Pointer[Signer]
	privacy atomic.Pointer[Privacy]
	// beginnings are those of all streams.
	beginnings *beginnings

	// ending guards the fields below: whoever puts into the queues or the table of
	// denials holds it for reading, so that nothing comes there after the last look.
	ending  sync.RWMutex
	closed  bool
	streams []*stream
	// retired were taken away and may have something to write still.
	retired  []*stream
	retiring sync.WaitGroup
	// counts and instances are by the name of a sink.
	counts    map[string]*counts
	instances map[string]int
}

// New starts a log. Close it.
func New(o Options) *Log {
	l := &Log{options: o, stop: make(chan struct{}), done: make(chan struct{}), beginnings: newBeginnings(&o)}
	for _, sink := range o.Sinks {
		l.streams = append(l.streams, l.begin(sink))
	}
	go l.run()
	return l
}

// run writes the sums of refusals whose time is over.
func (l *Log) run() {
	defer close(l.done)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			for _, e := range l.denials.due(l.options.Now(), l.privacy.Load(), false) {
				l.put(e)
			}
			l.look()
		case <-l.stop:
			last := l.denials.due(l.options.Now(), l.privacy.Load(), true)
			// Nobody changes the streams of a closed log.
			for _, s := range l.streams {
				s.end(last)
			}
			for _, s := range l.streams {
				<-s.done
				s.sink.close()
			}
			l.retiring.Wait()
			return
		}
	}
}

// Sign says who signs checkpoints from now on, nil for nobody. The last checkpoint
// of another signer names the new one.
func (l *Log) Sign(signer *Signer) { l.signer.Store(signer) }

// Opened records that a connection was let in.
func (l *Log) Opened(c *Connection) { l.later(EventOpened, &told{connection: c}) }

// Progress records how much a long connection has relayed so far.
func (l *Log) Progress(c *Connection, t Traffic) {
	l.later(EventProgress, &told{connection: c, traffic: t})
}

// Closed records the end of a connection. The closure must not change any more.
func (l *Log) Closed(c *Connection, t Traffic, closure *outcome.Closure) {
	l.later(EventClosed, &told{connection: c, traffic: t, closure: closure})
}

// later records what happens now, in a line that is made later.
func (l *Log) later(event Event, of *told) {
	of.privacy = l.privacy.Load()
	l.put(later(event, l.options.Now(), of))
}

// Denied records a refused handshake. Above a rate per client address the
// records of one address are counted and written as one.
func (l *Log) Denied(a *Attempt, refusal *outcome.Refusal) {
	now := l.options.Now()
	l.ending.RLock()
	defer l.ending.RUnlock()
	if !l.closed && l.denials.aggregated(a.ClientAddress, refusal, now) {
		return
	}
	l.enqueue(denied(a, refusal, l.privacy.Load(), now))
}

// Stats says how one sink fares.
type Stats struct {
	// Sink is the name of the sink.
	Sink string
	// Queued records wait for it. Capacity is how many may; beyond, events are lost.
	// Both are 0 for a sink that is no longer there.
	Queued, Capacity int
	// Written counts the records written since the start, Lost the events that
	// are in none.
	Written uint64
	Lost    uint64
}

// Stats returns the current figures of each sink that there is or was, by name.
func (l *Log) Stats() []Stats {
	l.ending.RLock()
	defer l.ending.RUnlock()
	all := make([]Stats, 0, len(l.counts))
	for _, name := range slices.Sorted(maps.Keys(l.counts)) {
		of := l.counts[name]
		stats := Stats{Sink: name, Written: of.written.Load(), Lost: of.lost.Load()}
		for _, s := range l.streams {
			if s.sink.Name == name {
				stats.Queued, stats.Capacity = len(s.queue), cap(s.queue)
			}
		}
		all = append(all, stats)
	}
	return all
}

// Close writes what is waiting and ends the log; records that come later are
// lost. When ctx ends first, sinks that can be stopped are, and the error says what
// did not get there.
func (l *Log) Close(ctx context.Context) error {
	l.ending.Lock()
	if !l.closed {
		l.closed = true
		close(l.stop)
	}
	l.ending.Unlock()
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return l.abandon(ctx.Err())
	}
}

// abandon makes the sinks give up that can be told to.
func (l *Log) abandon(why error) error {
	waiting := 0
	for _, stats := range l.Stats() {
		waiting += stats.Queued
	}
	all := slices.Concat(l.streams, l.retired)
	for _, s := range all {
		s.sink.stop()
	}
	for _, s := range all {
		if s.sink.Stop != nil {
			<-s.done
		}
	}
	return fmt.Errorf("close audit log: %d records and those under way did not get to their sinks: %w", waiting, why)
}

// put hands an entry to every stream.
func (l *Log) put(e *entry) {
	l.ending.RLock()
	defer l.ending.RUnlock()
	l.enqueue(e)
}

// enqueue is put for those who hold ending.
func (l *Log) enqueue(e *entry) {
	e.writers.Store(int32(len(l.streams))) //nolint:gosec // G115: a few
	for _, s := range l.streams {
		if l.closed {
			s.refuse(e)
			continue
		}
		s.put(e)
	}
}
