// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"container/list"
	"context"
	"net/netip"
	"sync"
	"time"
)

// Turns lets a bounded number of callers compute at the same time. The others wait,
// each client in a line of its own, and the lines take turns: whoever comes with
// ten thousand connections waits for their own, not the others for them. Its
// methods are safe for concurrent use.
type Turns struct {
	mu   sync.Mutex
	free int
	// lines by client, those with somebody in them only; order has them too, the
	// one whose turn is next in front.
	lines   map[netip.Prefix]*list.Element
	order   list.List // of *line
	waiting int
}

type line struct {
	client  netip.Prefix
	waiting list.List // of *turn
}

type turn struct {
	in    *list.Element // of order
	place *list.Element // of waiting
	given bool
	ready chan struct{}
}

// NewTurns returns turns of which n are taken at the same time at most; n is at
// least 1.
func NewTurns(n int) *Turns { return &Turns{free: n, lines: map[netip.Prefix]*list.Element{}} }

// Take takes a turn, for which it waits until ctx is done and no longer than
// patience. False means that there was none; otherwise it must be given back with
// Give once. The zero Prefix is a client like any other.
func (t *Turns) Take(ctx context.Context, client netip.Prefix, patience time.Duration) bool {
	t.mu.Lock()
	// Nobody waits while one is free.
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return true
	}
	if patience <= 0 {
		t.mu.Unlock()
		return false
	}
	mine := t.join(client)
	t.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-mine.ready:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	// It may have been given in the meantime.
	if !mine.given {
		t.leave(mine)
	}
	return mine.given
}

// Give gives a turn back, which is the next one's at once.
func (t *Turns) Give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	front := t.order.Front()
	if front == nil {
		t.free++
		return
	}
	next := lineAt(front).first()
	t.order.MoveToBack(front)
	t.leave(next)
	next.given = true
	close(next.ready)
}

// Waiting is how many wait at the moment.
func (t *Turns) Waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waiting
}

func (t *Turns) join(client netip.Prefix) *turn {
	in := t.lines[client]
	if in == nil {
		in = t.order.PushBack(&line{client: client})
		t.lines[client] = in
	}
	mine := &turn{in: in, ready: make(chan struct{})}
	mine.place = lineAt(in).waiting.PushBack(mine)
	t.waiting++
	return mine
}

func (t *Turns) leave(one *turn) {
	from := lineAt(one.in)
	from.waiting.Remove(one.place)
	t.waiting--
	if from.waiting.Len() == 0 {
		t.order.Remove(one.in)
		delete(t.lines, from.client)
	}
}

func (l *line) first() *turn {
	one, _ := l.waiting.Front().Value.(*turn) // a line without anybody is removed
	return one
}

func lineAt(in *list.Element) *line {
	one, _ := in.Value.(*line) // nothing else is put in
	return one
}
