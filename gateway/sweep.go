// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

// sweeper ends the connections whose route or listener is gone. Its methods are
// called from one goroutine.
type sweeper struct {
	cancel context.CancelFunc
	until  time.Time
	// done is closed when the sweep has nothing left to end.
	done chan struct{}
}

// sweep begins to end what the snapshot does not keep, spread over the drain
// window. A sweep that is still at work stops first: what came back in the
// meantime shall stay. What is left of its time is all the next one gets, or
// frequent changes would put off the end for ever.
func (w *sweeper) sweep(ctx context.Context, s *server, next *snapshot) {
	now := s.options.Now()
	over := s.options.DrainWindow
	if left := w.until.Sub(now); left > 0 && w.busy() {
		over = left
	}
	w.stop()
	ctx, w.cancel = context.WithCancel(ctx)
	w.until, w.done = now.Add(over), make(chan struct{})
	go func(done chan<- struct{}) {
		defer close(done)
		ended := s.sessions.CloseWhere(ctx, over, func(one *session.Session) *outcome.Closure {
			if next.keeps(one.Connection()) {
				return nil
			}
			return outcome.Close(outcome.RouteRemoved, outcome.ByGateway, "")
		})
		if ended > 0 {
			s.options.Logger.Info("ended connections whose route or listener is gone", "connections", ended)
		}
	}(w.done)
}

// busy tells whether a sweep is at work.
func (w *sweeper) busy() bool {
	select {
	case <-w.done:
		return false
	default:
		return w.done != nil
	}
}

// stop ends a sweep that is at work and waits for it.
func (w *sweeper) stop() {
	if w.cancel != nil {
		w.cancel()
		<-w.done
	}
}
