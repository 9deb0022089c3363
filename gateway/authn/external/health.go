// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"slices"
	"sync"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// What is told of a server must stand still: it ends up in the status of the
// gateway, each change of which is a write. And what makes a server fail may be
// something that a stranger sends.
const (
	// A server is in trouble after some questions in a row without an answer,
	// between the first and the last of which lies some time.
	troubledAfter = 3
	troubledFor   = 30 * time.Second
	// steadyFor is how long a reason stays that is not given any more, while there
	// are others.
	steadyFor = time.Minute
	// forgottenAfter is when nobody knows any more, since nobody has asked.
	forgottenAfter = 15 * time.Minute
)

// Use is a policy that asks a server.
type Use struct{ Policy, Backend string }

// Trouble is why a policy admits nobody new.
type Trouble struct {
	// Why is what has come of the questions. It holds nothing that a server or a
	// client wrote.
	Why string
	// Answered is true where the server had an answer to this policy before.
	Answered bool
}

// health remembers how questions fare. The zero value is ready; its methods are
// safe for concurrent use.
type health struct {
	mu   sync.Mutex
	uses map[Use]*record
}

type record struct {
	answered bool
	// inARow counts the questions without an answer since the last one with one.
	inARow      int
	first, last time.Time
	why         string
	// given is when why was last the reason.
	given time.Time
}

// note takes what has come of a question; a refusal is nil for admitted. A no is
// an answer as good as a yes.
func (h *health) note(use Use, refusal *outcome.Refusal, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.uses == nil {
		h.uses = map[Use]*record{}
	}
	r := h.uses[use]
	if r == nil {
		r = &record{}
		h.uses[use] = r
	}
	if refusal == nil || refusal.Reason == outcome.BadCredential || refusal.Reason == outcome.AccessDenied {
		*r = record{answered: true}
		return
	}
	r.fail(refusal.Detail, now)
}

func (r *record) fail(why string, now time.Time) {
	if r.inARow == 0 || now.Sub(r.last) >= forgottenAfter {
		*r = record{answered: r.answered, first: now, why: why}
	}
	r.inARow++
	r.last = now
	switch {
	case r.why == why:
		r.given = now
	case now.Sub(r.given) >= steadyFor:
		r.why, r.given = why, now
	}
}

// of is the trouble of a policy with a server, nil for none.
func (h *health) of(use Use, now time.Time) *Trouble {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.uses[use]
	if r == nil || r.inARow < troubledAfter || r.last.Sub(r.first) < troubledFor || now.Sub(r.last) >= forgottenAfter {
		return nil
	}
	return &Trouble{Why: r.why, Answered: r.answered}
}

// answered tells whether a policy has ever had an answer that counts.
func (h *health) answered(use Use) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.uses[use]
	return r != nil && r.answered
}

// keep forgets all other policies.
func (h *health) keep(uses []Use) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for use := range h.uses {
		if !slices.Contains(uses, use) {
			delete(h.uses, use)
		}
	}
}
