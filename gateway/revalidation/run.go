// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package revalidation

import (
	"context"
	"sync"
	"time"
)

// breath is the time between two looks at what is due while questions are begun:
// what comes due meanwhile is begun together, instead of with a timer for each.
const breath = 5 * time.Millisecond

// Run calls ask about each connection whose time has come, in goroutines of its
// own, until ctx is done, and waits for all of them. ask must not panic; before it
// returns it calls Confirm, Deny or Miss. Where it calls none of them, there was
// no answer. Run is called once.
func (p *Plan[K]) Run(ctx context.Context, ask func(context.Context, K)) {
	var asking sync.WaitGroup
	defer asking.Wait()
	for ctx.Err() == nil {
		batch, wait := p.take()
		for _, first := range batch {
			asking.Go(func() {
				for v := first; v != nil && ctx.Err() == nil; v = p.done(v) {
					ask(ctx, v.key)
				}
			})
		}
		if len(batch) > 0 {
			pause(ctx, breath)
			continue
		}
		p.questions.Sleep(ctx, wait)
	}
}

// pause waits for the time, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// SleepUntilOverdue waits for as long as TakeOverdue says, or until something is
// due sooner or ctx is done. One goroutine calls it.
func (p *Plan[K]) SleepUntilOverdue(ctx context.Context, wait time.Duration) {
	p.ends.Sleep(ctx, wait)
}

// take begins the questions for which there is room, and tells how long there will
// be no others. Of each, done is called when it has come to something.
func (p *Plan[K]) take() (batch []*entry[K], wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	wait = p.lineUp(now)
	for server, l := range p.lanes {
		for v := l.next(now); v != nil; v = l.next(now) {
			batch = append(batch, v)
		}
		switch {
		case l.waiting.Len() > 0 && l.asking < p.most:
			wait = min(wait, moreAfter)
		case l.waiting.Len() == 0 && l.asking == 0 && !l.behind(now):
			delete(p.lanes, server)
		}
	}
	return batch, wait
}

// lineUp puts all whose time has come into the lane of their server, and returns
// how long there are no others. The lock is held.
func (p *Plan[K]) lineUp(now time.Time) (wait time.Duration) {
	for {
		v, wait, ok := p.questions.Take(now)
		if !ok {
			return wait
		}
		v.lane = p.lanes[v.wanted.Server]
		if v.lane == nil {
			v.lane = &lane[K]{most: p.most, waiting: newQuestions[K]()}
			p.lanes[v.wanted.Server] = v.lane
		}
		v.lane.waiting.Set(v, now)
	}
}

// done ends a question, whatever has become of it, and begins the next one of the
// lane if there is room for it, else it returns nil: a lane that is full goes on
// without anybody being woken.
func (p *Plan[K]) done(v *entry[K]) *entry[K] {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, l := p.now(), v.lane
	l.asking--
	v.lane, v.asking = nil, false
	if p.known[v.key] == v {
		p.place(v, now)
	}
	return l.next(now)
}
