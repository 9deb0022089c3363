// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake_test

import (
	"errors"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// seats count what is taken.
type seats struct {
	none        bool
	taken, left int
}

func (s *scene) seat(*authn.Identity) (leave func(), err error) {
	if s.seats.none {
		return nil, outcome.Refuse(outcome.TooManyOfIdentity, "")
	}
	s.seats.taken++
	return func() { s.seats.left++ }, nil
}

func TestAnIdentityTakesItsSeatBeforeTheBackendIsAsked(t *testing.T) {
	t.Parallel()
	const credential = "Sec-WebSocket-Protocol: bearer, good"
	s := newScene()
	a, err := s.admit(t, credential)
	if err != nil {
		t.Fatal(err)
	}
	if s.seats.taken != 1 || s.seats.left != 0 {
		t.Errorf("admitted: %+v", s.seats)
	}
	if a.Release(); s.seats.left != 1 {
		t.Errorf("released: %+v", s.seats)
	}

	full := newScene()
	full.seats.none = true
	_, err = full.admit(t, credential)
	var refusal *outcome.Refusal
	if !errors.As(err, &refusal) || refusal.Reason != outcome.TooManyOfIdentity || len(full.backend.asked) > 0 {
		t.Errorf("no seat: %v, and the backend was asked %d times", err, len(full.backend.asked))
	}

	refused := newScene()
	refused.policy.err = outcome.Refuse(outcome.BadCredential, "")
	if _, err := refused.admit(t, credential); err == nil || refused.seats.taken > 0 {
		t.Errorf("a bad credential: %v, %+v", err, refused.seats)
	}

	broken := newScene()
	broken.backend.err = outcome.Refuse(outcome.UpstreamUnreachable, "")
	if _, err := broken.admit(t, credential); err == nil || broken.seats.left != 1 {
		t.Errorf("the backend failed: %v, %+v", err, broken.seats)
	}
}
