// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"runtime/debug"
	"time"
)

const (
	// muchChurn is after how many openings, ends and buffers given back memory is
	// looked after; calmChurn is the most of them in a second that is calm.
	muchChurn = 500
	calmChurn = muchChurn / 10
	// tidyEvery is how often that is asked. A collection that took long is not
	// repeated before tidyRest times as long: so it takes one part in that many of
	// a processor at the most.
	tidyEvery = time.Second
	tidyRest  = 50
)

// housekeeping decides when memory is given back to the system. A storm of
// handshakes leaves garbage behind, several times what the connections hold, and
// what was collected stays resident: the runtime collects when the heap has doubled,
// which a gateway whose connections idle does not see for hours.
type housekeeping struct{ last, tidied uint64 }

// due is asked once in tidyEvery with the churn so far. It is true when there was
// much of it and it has calmed down: amid a storm a collection would only cost.
func (h *housekeeping) due(churn uint64) bool {
	recent := churn - h.last
	h.last = churn
	if churn-h.tidied < muchChurn || recent > calmChurn {
		return false
	}
	h.tidied = churn
	return true
}

// tidy looks after the memory until ctx is done.
func (s *server) tidy(ctx context.Context) {
	var keeping housekeeping
	timer := time.NewTimer(tidyEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		pause := tidyEvery
		if keeping.due(s.churn.Load() + s.frames.Stats().Dropped) {
			begin := s.options.Now()
			debug.FreeOSMemory()
			pause = max(pause, tidyRest*s.options.Now().Sub(begin))
		}
		timer.Reset(pause)
	}
}
