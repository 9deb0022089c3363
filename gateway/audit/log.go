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

// Options configure New. All are required but Queue.
type Options struct {
	// Out gets one Write per record. It may block; callers do not.
	Out     io.Writer
	Gateway contract.GatewayRef
	Pod     string
	// BootID is unique per start of the process. Sequence numbers count in it.
	BootID string
	// Queue is how many records may wait for Out. 0 means DefaultQueue.
	Queue int
	Now   func() time.Time
}

// DefaultQueue is enough for the openings and closings of 2,000 connections at
// once, at about 1 KiB each only while they wait.
const DefaultQueue = 4096

// Log writes audit records. Its methods never block and are safe for
// concurrent use.
type Log struct {
	options Options
	gateway string
	queue   chan record
	stop    chan struct{}
	done    chan struct{}
	written atomic.Uint64
	lost    atomic.Uint64
	denials denials

	// ending guards closed: whoever puts into the queue or the table of denials
	// holds it for reading, so that nothing comes there after the last look.
	ending sync.RWMutex
	closed bool

	// missed guards the field below.
	missed sync.Mutex
	// unsaid counts what was lost since the last gap record.
	unsaid gapRecord
}

// New starts a log. Close it.
func New(o Options) *Log {
	if o.Queue <= 0 {
		o.Queue = DefaultQueue
	}
	l := &Log{
		options: o,
		gateway: o.Gateway.Namespace + "/" + o.Gateway.Name,
		queue:   make(chan record, o.Queue),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	go l.run()
	return l
}

// Opened records that a connection was let in.
func (l *Log) Opened(c *Connection) {
	var clean cleaner
	r := &openedRecord{head: l.head(EventOpened), connection: clean.connection(c)}
	r.Truncated = clean.truncated
	l.put(r)
}

// Progress records how much a long connection has relayed so far.
func (l *Log) Progress(c *Connection, t Traffic) {
	var clean cleaner
	r := &progressRecord{head: l.head(EventProgress), connection: clean.connection(c), traffic: traffic(t)}
	r.Truncated = clean.truncated
	l.put(r)
}

// Closed records the end of a connection.
func (l *Log) Closed(c *Connection, t Traffic, closure *outcome.Closure) {
	var clean cleaner
	r := &closedRecord{
		head: l.head(EventClosed), connection: clean.connection(c), traffic: traffic(t),
		Reason: closure.Reason, CloseCode: closure.Code, Initiator: closure.Initiator,
		Detail: clean.text("detail", closure.Detail),
	}
	// Not from the stamps: they do not know when somebody has set the clock.
	r.DurationMS = max(l.options.Now().Sub(c.OpenedAt), 0).Milliseconds()
	r.Truncated = clean.truncated
	l.put(r)
}

// Denied records a refused handshake. Above a rate per client address the
// records of one address are counted and written as one.
func (l *Log) Denied(a *Attempt, refusal *outcome.Refusal) {
	var clean cleaner
	r := &deniedRecord{
		head: l.head(EventDenied), request: clean.request(a), identity: clean.identity(a.Identity),
		Reason: refusal.Reason, HTTPStatus: refusal.Answer().Status,
		Detail: clean.text("detail", refusal.Detail), Count: 1,
	}
	r.Truncated = clean.truncated
	l.ending.RLock()
	defer l.ending.RUnlock()
	if !l.closed && l.denials.aggregated(r) {
		return
	}
	l.enqueue(r)
}

// Stats says how the log fares.
type Stats struct {
	// Queued records wait for Out.
	Queued int
	// Written counts the records written since the start, Lost the events that
	// are in none.
	Written uint64
	Lost    uint64
}

// Stats returns the current figures.
func (l *Log) Stats() Stats {
	return Stats{Queued: len(l.queue), Written: l.written.Load(), Lost: l.lost.Load()}
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
		return fmt.Errorf("close audit log: %d records are still waiting for the sink: %w", len(l.queue), ctx.Err())
	}
}

func (l *Log) head(event Event) head {
	return head{
		Schema: Schema, Time: stamp(l.options.Now()), Gateway: l.gateway, Pod: l.options.Pod,
		BootID: l.options.BootID, Event: event, weight: 1,
	}
}

// put queues a record or counts it.
func (l *Log) put(r record) {
	l.ending.RLock()
	defer l.ending.RUnlock()
	l.enqueue(r)
}

// enqueue is put for those who hold ending.
func (l *Log) enqueue(r record) {
	if !l.closed {
		select {
		case l.queue <- r:
			return
		default:
		}
	}
	l.lose(r.header())
}

// lose counts what a record stood for, to be said in the next gap record.
func (l *Log) lose(h *head) {
	l.lost.Add(h.weight)
	l.missed.Lock()
	defer l.missed.Unlock()
	if l.unsaid.Lost == 0 || h.Time.Before(l.unsaid.Since) {
		l.unsaid.Since = h.Time
	}
	l.unsaid.Lost += h.weight
}
