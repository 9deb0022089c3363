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

// drain lets the connections go: for a moment newcomers are still served, since
// those who send them do not know yet; then what is open is closed evenly over
// the window; then handshakes that were under way are finished. Without
// connections it does not wait for the window.
func (s *server) drain(ctx context.Context) {
	s.stopping.Store(true)
	s.metrics.Draining(s.sessions.Len(), s.options.Now().Add(max(s.options.AcceptAfterStop, 0)+s.options.DrainWindow))
	s.options.Logger.Info("stopping", "connections", s.sessions.Len(),
		"accept_after_stop", s.options.AcceptAfterStop, "drain_window", s.options.DrainWindow)
	if pause := s.options.AcceptAfterStop; pause > 0 {
		timer := time.NewTimer(pause)
		<-timer.C
	}
	s.draining.Store(true)
	limited, cancel := context.WithTimeout(ctx, s.options.DrainWindow+lastAnswers)
	defer cancel()
	if err := s.sessions.Drain(limited, s.options.DrainWindow); err != nil {
		s.options.Logger.Warn("not every connection answered its close", "error", err)
	}
	s.sockets.Stop()
	s.finishHandshakes(limited)
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
		s.waitServed(kept, afterAbortion)
	}
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
