// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"net/netip"
	"slices"

	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// handshakesPerProcessor compute at the same time, so that traffic of open
// connections finds a short queue at the processors, whoever comes: with a
// thousand handshakes in it, a message would wait for a third of a second.
const handshakesPerProcessor = 2

// turn is a caller's leave to compute.
type turn struct{ *visit }

// Take implements listener.Turn. Clients are told apart by what they are counted
// under, as far as that is known before TLS; the others have one line together.
// Half of the time for the handshake is left for the rest of it.
func (t turn) Take(ctx context.Context) *outcome.Refusal {
	most := t.snapshot.limits.HandshakeTimeout / 2
	if t.turns.Take(ctx, t.network, most-t.options.Now().Sub(t.begin)) {
		return nil
	}
	return outcome.Refuse(outcome.HandshakeBacklog, "no turn to shake hands within %v", most)
}

// Give implements listener.Turn.
func (t turn) Give() { t.turns.Give() }

// hurried refuses a client whose handshakes come too fast.
func (v *visit) hurried(network netip.Prefix) error {
	most := v.snapshot.limits.HandshakesPerSecondPerAddress
	if v.paces.Allow(network, most, v.options.Now()) {
		return nil
	}
	return outcome.Refuse(outcome.RateOfAddress, "more than %d handshakes per second from %s", most, network)
}

// paced refuses a request when the pod has enough of them. It comes after the
// rate of the address, so that those who are refused there use up nothing here.
func (v *visit) paced() error {
	most := v.snapshot.limits.HandshakesPerSecond
	if v.pace.Allow(most, v.options.Now()) {
		return nil
	}
	return outcome.Refuse(outcome.RateOfPod, "more than %d handshakes per second", most)
}

// waits refuses a client that failed too often. Only where addresses are told
// apart at all: otherwise one bad client would lock out everybody behind its NAT.
func (v *visit) waits() error { return v.mustWait(v.snapshot, v.network) }

func (s *server) mustWait(by *snapshot, network netip.Prefix) error {
	if by.limits.HandshakesPerSecondPerAddress == 0 {
		return nil
	}
	wait := s.failures.Wait(network, s.options.Now())
	if wait == 0 {
		return nil
	}
	refusal := outcome.Refuse(outcome.TooManyFailures, "bad credentials again and again from %s", network)
	refusal.Wait = wait
	return refusal
}

// remember counts bad credentials, and forgets them after a good one. Whoever is
// let in without one has proven nothing: otherwise a policy that also admits
// anonymous callers would let anybody try passwords for ever.
func (v *visit) remember(admission *handshake.Admission, err error) {
	switch {
	case v.snapshot.limits.HandshakesPerSecondPerAddress == 0:
	case err == nil:
		if admission.Identity.Proven() {
			v.failures.Succeeded(v.network)
		}
	case slices.Contains([]outcome.Reason{outcome.BadCredential, outcome.IdentityRevoked}, asRefusal(err).Reason):
		// Both, or whoever holds a stolen credential would learn by not having to
		// wait that it was good.
		v.failures.Failed(v.network, v.options.Now())
	}
}
