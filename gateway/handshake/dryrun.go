// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake

import (
	"errors"
	"slices"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Ruling is what a policy has to say about a caller who is let in. The zero value
// changes nothing.
type Ruling struct {
	// Judged is false where no policy could be asked, because of a fault: then the
	// fields below say nothing.
	Judged bool
	// Ends is when the connection must end, because its credential has expired
	// and the policy's grace is over; zero when it does not expire.
	Ends time.Time
	// DryRun is true where the policy is not in force. Then Ends is only that of a
	// certificate which the listener requires, and the fields below are to be told
	// to people and to have no other effect.
	DryRun bool
	// WouldRefuse is the refusal of the policy if it were in force; nil for none.
	WouldRefuse *outcome.Refusal
	// WouldEnd is what Ends would be.
	WouldEnd time.Time
}

// rule returns the ruling on a caller with a certificate, as far as one counts,
// whom the policy would refuse, nil for not.
func (p *Policy) rule(certified *shown, identity *authn.Identity, refusal *outcome.Refusal) Ruling {
	ends := p.ends(certified.expires(identity, p.readsCertificate()))
	if !p.DryRun {
		return Ruling{Judged: true, Ends: ends}
	}
	ruling := Ruling{Judged: true, DryRun: true, WouldRefuse: refusal, WouldEnd: ends}
	if certified.binds {
		// What the listener requires is in force, whatever policy is being tried.
		ruling.Ends = p.ends(certified.until)
	}
	return ruling
}

// tolerated returns the refusal in err if it is a decision of this policy and the
// policy is in dry run; else nil, and err counts. Only what is a decision is
// tolerated: a policy that cannot decide refuses everybody, in dry run as well.
func (p *Policy) tolerated(err error) *outcome.Refusal {
	refusal, ok := errors.AsType[*outcome.Refusal](err)
	if !ok || p.Policy == nil || !p.DryRun || !slices.Contains(outcome.OfPolicy(), refusal.Reason) {
		return nil
	}
	return refusal
}
