// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake

import (
	"context"
	"errors"
	"net/netip"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/revocation"
)

// RevokedBy tells whether a revocation locks an open connection out, and which.
// It does not ask what the policies say.
func (r *Rules) RevokedBy(s *Standing) (revocation.Match, bool) {
	if match, ok := r.Revocations.Client(s.Client); ok {
		return match, true
	}
	return r.revokedIdentity(s)
}

// revokedIdentity also asks about the identity that the caller would have now. Its
// policy, or the Secret of its key, may have got another name since, and whoever
// writes a revocation today finds the names of today.
func (r *Rules) revokedIdentity(s *Standing) (revocation.Match, bool) {
	if match, ok := r.Revocations.Identity(&s.Identity); ok || r.Revocations == nil {
		return match, ok
	}
	route, ok := r.Routes.Lookup(s.Host, s.Path)
	if !ok {
		return revocation.Match{}, false
	}
	policy, ok := r.Policies[route.Policy]
	if !ok || policy.Authenticator == nil || policy.Authenticator.Reconsider(s.Identity.Proof) != nil {
		return revocation.Match{}, false
	}
	now := policy.Authenticator.As(s.Identity)
	return r.Revocations.Identity(&now)
}

// checkClient refuses callers of a network that is locked out: they cost nothing
// more and learn nothing of the routes.
func (r *Rules) checkClient(client netip.Addr) error {
	if match, ok := r.Revocations.Client(client); ok {
		return outcome.Refuse(outcome.AddressRevoked, "%s", match)
	}
	return nil
}

// checkIdentity refuses callers who are locked out. It needs a proved identity:
// else anybody could find out who is.
func (r *Rules) checkIdentity(identity *authn.Identity) error {
	if match, ok := r.Revocations.Identity(identity); ok {
		return outcome.Refuse(outcome.IdentityRevoked, "%s", match)
	}
	return nil
}

// askNetwork is the step before the route and all that costs more.
func (d *Door) askNetwork(_ context.Context, v *verdict) error {
	return v.rules.checkClient(v.caller.Client)
}

// askRevocations is the step after authentication. No policy gives its answer: one
// that is only being tried locks nobody out, a revocation does.
func (d *Door) askRevocations(_ context.Context, v *verdict) error {
	return challenged(v.rules.checkIdentity(&v.Identity), v.policy.Authenticator)
}

// challenged adds to a refusal what a 401 answer has to show.
func challenged(err error, authenticator Authenticator) error {
	refusal, ok := errors.AsType[*outcome.Refusal](err)
	if !ok {
		return err
	}
	with := *refusal
	with.Challenges = authenticator.Challenges()
	return &with
}
