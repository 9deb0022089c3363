// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake

import (
	"context"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Revalidator is an Authenticator that asks somebody else about those who are
// within; *authn.Policy is one.
type Revalidator interface {
	// RevalidateEvery is 0 for never, and unknown while the policy is unavailable.
	RevalidateEvery(proof *authn.Proof) (every time.Duration, known bool)
	// Revalidate returns an *outcome.Refusal: auth_unavailable where nobody could
	// be asked.
	Revalidate(ctx context.Context, r *authn.Request, identity *authn.Identity, connection string) (expiresAt time.Time, err error)
	// Denied is nil unless the last answer was no.
	Denied(proof *authn.Proof) *outcome.Refusal
}

var _ Revalidator = (*authn.Policy)(nil)

// Revalidation is how an authorization server is asked about an open connection.
type Revalidation struct {
	// Server is the backend that has admitted the caller.
	Server string
	// Every is how often it is asked, 0 for never.
	Every time.Duration
	// DryRun is true where its answers end nothing.
	DryRun bool
}

// Revalidation tells how an admitted caller is revalidated. It is unknown while
// the route or its policy cannot be served.
func (r *Rules) Revalidation(s *Standing) (wanted Revalidation, known bool) {
	_, policy, ok := r.serving(s)
	if !ok {
		return Revalidation{}, false
	}
	asks, ok := policy.Authenticator.(Revalidator)
	if !ok {
		return Revalidation{}, true
	}
	every, known := asks.RevalidateEvery(s.Identity.Proof)
	return Revalidation{Server: s.Identity.Proof.Server(), Every: every, DryRun: policy.DryRun}, known
}

// Revalidate asks the authorization server that admitted a caller. expiresAt is
// when its answer expires, zero where it says nothing new. The error is an
// *outcome.Refusal; auth_unavailable says nothing of the caller. What follows is
// told by Confirm.
func (r *Rules) Revalidate(ctx context.Context, s *Standing, connection string) (expiresAt time.Time, err error) {
	route, policy, served := r.serving(s)
	asks, ok := policy.Authenticator.(Revalidator)
	if !served || !ok {
		return time.Time{}, outcome.Refuse(outcome.AuthUnavailable, "route or policy cannot be served")
	}
	return asks.Revalidate(ctx, &authn.Request{
		Target: s.Path, ServerName: s.ServerName, Route: route.Name,
		Listener: s.Listener, Host: s.Host, Path: s.Path, Client: s.Client,
	}, &s.Identity, connection)
}

// Confirm rules on a caller after Revalidate, whose error is err; these rules may
// be newer. The Identity of the caller has the expiry that the server told last.
// Where an error is left it counts, and there is no ruling.
func (r *Rules) Confirm(s *Standing, err error) (Ruling, error) {
	_, policy, served := r.serving(s)
	if !served {
		return Ruling{}, err
	}
	refusal := policy.tolerated(err)
	if err != nil && (refusal == nil || refusal.Reason == outcome.AuthUnavailable) {
		return Ruling{}, err
	}
	// The server prolongs what it has said itself, and no certificate beside that.
	certified := r.bound(s, &policy)
	return policy.rule(&certified, &s.Identity, refusal), nil
}

// bound is recertify where nobody is to be refused: whether a certificate is still
// good is what reviews are for.
func (r *Rules) bound(s *Standing, policy *Policy) shown {
	certified, err := r.recertify(s, policy)
	if err != nil && s.Certificate != nil {
		return shown{certificate: s.Certificate, until: s.Certificate.Until(), binds: r.Clients[s.Listener].Required}
	}
	return certified
}

// Denied returns the refusal of an authorization server whose last answer about an
// admitted caller was no, where the policy is in force; else nil. Nobody is denied by a
// change of the rules: it counts also where such changes are for newcomers only.
func (r *Rules) Denied(s *Standing) *outcome.Refusal {
	_, policy, served := r.serving(s)
	asks, ok := policy.Authenticator.(Revalidator)
	if !served || !ok {
		return nil
	}
	denied := asks.Denied(s.Identity.Proof)
	if denied != nil && policy.tolerated(denied) == nil {
		return denied
	}
	return nil
}

// serving finds the route and the policy of an admitted caller; false where there
// is none, or a fault hides it.
func (r *Rules) serving(s *Standing) (*contract.Route, Policy, bool) {
	route, ok := r.Routes.Lookup(s.Host, s.Path)
	if !ok || route.Fault != "" {
		return nil, Policy{}, false
	}
	policy, ok := r.Policies[route.Policy]
	return route, policy, ok && policy.Fault == ""
}
