// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What may come after the drain window. Together with AcceptAfterStop they stay
// below the 20 seconds that a pod's grace period has beyond the window.
const (
	lastAnswers   = 7 * time.Second
	lastCloses    = 3 * time.Second
	flushTimeout  = 2 * time.Second
	afterAbortion = time.Second
)

// drain lets the connections go before the pod ends. A drain that an
// administrator asked for ends here: this one goes on where it was.
func (s *server) drain(ctx context.Context) {
	s.stopping.Store(true)
	s.retreat.giveWay()
	s.metrics.Draining(s.sessions.Len(), s.options.Now().Add(max(s.options.AcceptAfterStop, 0)+s.options.DrainWindow))
	s.options.Logger.Info("stopping", "connections", s.sessions.Len(),
		"accept_after_stop", s.options.AcceptAfterStop, "drain_window", s.options.DrainWindow)
	_ = s.letGo(ctx, s.options.DrainWindow, func() {}, s.sockets.Stop)
}

// letGo lets the connections go: for a moment newcomers are still served, since
// those who send them do not know yet; then what is open is closed evenly over
// the window; then handshakes that were under way are finished. Without
// connections it does not wait for the window. closing is called when newcomers
// begin to be refused, closed when the window is over. It returns ctx's error
// when ctx is done.
func (s *server) letGo(ctx context.Context, window time.Duration, closing, closed func()) error {
	if pause := s.options.AcceptAfterStop; pause > 0 && !s.draining.Load() {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.draining.Store(true)
	closing()
	limited, cancel := context.WithTimeout(ctx, window+lastAnswers)
	defer cancel()
	if err := s.sessions.Drain(limited, window); err != nil && ctx.Err() == nil {
		s.options.Logger.Warn("not every connection answered its close", "error", err)
	}
	closed()
	s.finishHandshakes(limited)
	return ctx.Err()
}

// finishHandshakes gives those who asked in time their answer, be it only to be
// sent on by a Close frame.
func (s *server) finishHandshakes(ctx context.Context) {
	const look = 20 * time.Millisecond
	timer := time.NewTimer(look)
	defer timer.Stop()
	for s.asking.Load() > 0 || s.sessions.Len() > 0 {
		if s.sessions.Drain(ctx, 0) != nil {
			return
		}
		timer.Reset(look)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// close ends what is left and writes the last audit records.
func (s *server) close(ctx context.Context, end context.CancelFunc) error {
	s.sockets.Stop()
	end()
	kept := context.WithoutCancel(ctx)
	if !s.waitServed(kept, lastCloses) {
		s.sockets.Abort()
		s.frames.Close()
		s.waitServed(kept, afterAbortion)
	}
	s.frames.Close()
	s.keySets.Close()
	s.authorizers.Close()
	limited, cancel := context.WithTimeout(kept, flushTimeout)
	defer cancel()
	defer s.closeTracers(limited)()
	if err := s.audit.Close(limited); err != nil {
		return errors.Join(fmt.Errorf("gateway: last audit records: %w", err))
	}
	return nil
}

func (s *server) waitServed(ctx context.Context, most time.Duration) bool {
	limited, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	return s.sockets.Wait(limited)
}
