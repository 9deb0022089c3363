// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// endedAtOnce is how many pairs a loop ends before the others have their turn.
const endedAtOnce = 64

// lifetime is a context that pairs of a loop have in common. A context remembers
// each who waits for it, which would cost every connection more than a hundred
// bytes.
type lifetime struct {
	pairs  int
	unhook func() bool
}

// bind ends a pair when its context is done.
func (l *loop) bind(ctx context.Context, p *pair) {
	done := ctx.Done()
	if done == nil {
		return
	}
	if ctx.Err() != nil { // those who were there have been told
		l.on(p, p.shutDown)
		return
	}
	one := l.lifetimes[done]
	if one == nil {
		one = &lifetime{unhook: context.AfterFunc(ctx, func() {
			l.post(func() { l.endAll(done, 0) })
		})}
		l.lifetimes[done] = one
	}
	one.pairs++
	p.lifetime = done
}

// endAll ends the pairs whose context is done, from a slot on.
func (l *loop) endAll(done <-chan struct{}, from int) {
	upTo := min(from+endedAtOnce, len(l.slots))
	for _, p := range l.slots[from:upTo] {
		if p != nil && p.lifetime == done {
			l.on(p, p.shutDown)
		}
	}
	if upTo < len(l.slots) {
		l.post(func() { l.endAll(done, upTo) })
	}
}

func (p *pair) shutDown() {
	p.end(p.loop, outcome.Close(outcome.Shutdown, outcome.ByGateway, ""), p.loop.now)
}

// outlive forgets the context of a pair that has ended.
func (l *loop) outlive(p *pair) {
	one := l.lifetimes[p.lifetime]
	if one == nil {
		return
	}
	if one.pairs--; one.pairs == 0 {
		one.unhook()
		delete(l.lifetimes, p.lifetime)
	}
}
