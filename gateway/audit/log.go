// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Options configure New. All are required.
type Options struct {
	// Sinks get every record, each in a stream of its own.
	Sinks   []Sink
	Gateway contract.GatewayRef
	Pod     string
	// BootID is unique per start of the process. Sequence numbers count in it.
	BootID string
	Now    func() time.Time
}

// Sink is where one stream goes.
type Sink struct {
	// Name of the stream in its records; unique among the sinks of a log. Empty
	// for the only stream of a program.
	Name string
	// Out gets one Write per record. It may block; those who log do not.
	Out io.Writer
	// Queue is how many records may wait for Out. 0 means DefaultQueue.
	Queue int
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
	streams []*stream
	stop    chan struct{}
	done    chan struct{}
	denials denials
	signer  atomic.Pointer[Signer]

	// ending guards closed: whoever puts into the queues or the table of denials
	// holds it for reading, so that nothing comes there after the last look.
	ending sync.RWMutex
	closed bool
}

// New starts a log. Close it.
func New(o Options) *Log {
	l := &Log{options: o, stop: make(chan struct{}), done: make(chan struct{})}
	for _, sink := range o.Sinks {
		s := newStream(sink, &l.options, &l.signer)
		l.streams = append(l.streams, s)
		go s.run()
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
			for _, e := range l.denials.due(l.options.Now(), false) {
				l.put(e)
			}
		case <-l.stop:
			last := l.denials.due(l.options.Now(), true)
			for _, s := range l.streams {
				s.end(last)
			}
			for _, s := range l.streams {
				<-s.done
			}
			return
		}
	}
}

// Sign says who signs checkpoints from now on, nil for nobody. The last checkpoint
// of another signer names the new one.
func (l *Log) Sign(signer *Signer) { l.signer.Store(signer) }

// Opened records that a connection was let in.
func (l *Log) Opened(c *Connection) { l.put(opened(c, l.options.Now())) }

// Progress records how much a long connection has relayed so far.
func (l *Log) Progress(c *Connection, t Traffic) { l.put(progress(c, t, l.options.Now())) }

// Closed records the end of a connection.
func (l *Log) Closed(c *Connection, t Traffic, closure *outcome.Closure) {
	l.put(closed(c, t, closure, l.options.Now()))
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
	l.enqueue(denied(a, refusal, now))
}

// Stats says how the log fares, its streams together.
type Stats struct {
	// Queued records wait for their sink.
	Queued int
	// Written counts the records written since the start, Lost the events that
	// are in none.
	Written uint64
	Lost    uint64
}

// Stats returns the current figures.
func (l *Log) Stats() Stats {
	var sums Stats
	for _, s := range l.streams {
		sums.Queued += len(s.queue)
		sums.Written += s.written.Load()
		sums.Lost += s.lost.Load()
	}
	return sums
}

// Close writes what is waiting and ends the log; records that come later are
// lost. It returns an error when ctx ends first.
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
		return fmt.Errorf("close audit log: %d records are still waiting for their sinks: %w", l.Stats().Queued, ctx.Err())
	}
}

// put hands an entry to every stream.
func (l *Log) put(e *entry) {
	l.ending.RLock()
	defer l.ending.RUnlock()
	l.enqueue(e)
}

// enqueue is put for those who hold ending.
func (l *Log) enqueue(e *entry) {
	for _, s := range l.streams {
		if l.closed {
			s.lose(e)
			continue
		}
		s.put(e)
	}
}
