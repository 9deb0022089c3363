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
}

var _ Revalidator = (*authn.Policy)(nil)

// RevalidateEvery tells how often Revalidate is due for an admitted caller; 0
// means never. It is unknown while the route or its policy cannot be served.
func (r *Rules) RevalidateEvery(s *Standing) (every time.Duration, known bool) {
	_, policy, ok := r.serving(s)
	if !ok {
		return 0, false
	}
	if asks, ok := policy.Authenticator.(Revalidator); ok {
		return asks.RevalidateEvery(s.Identity.Proof)
	}
	return 0, true
}

// Revalidate asks the authorization server that admitted a caller. expiresAt is
// when its answer expires, zero for never. The error is an *outcome.Refusal;
// auth_unavailable says nothing of the caller. The ruling is good for its DryRun
// even then.
func (r *Rules) Revalidate(ctx context.Context, s *Standing, connection string) (ruling Ruling, expiresAt time.Time, err error) {
	route, policy, served := r.serving(s)
	asks, ok := policy.Authenticator.(Revalidator)
	if !served || !ok {
		return Ruling{}, time.Time{}, outcome.Refuse(outcome.AuthUnavailable, "route or policy cannot be served")
	}
	expiresAt, err = asks.Revalidate(ctx, &authn.Request{
		Target: s.Path, ServerName: s.ServerName, Route: route.Name,
		Listener: s.Listener, Host: s.Host, Path: s.Path, Client: s.Client,
	}, &s.Identity, connection)
	identity := s.Identity
	if !expiresAt.IsZero() {
		identity.ExpiresAt = expiresAt
	}
	// The server prolongs what it has said itself, and no certificate beside that.
	certified := r.bound(s)
	refusal := policy.tolerated(err)
	if refusal == nil || refusal.Reason == outcome.AuthUnavailable {
		return policy.rule(&certified, &identity, nil), identity.ExpiresAt, err
	}
	return policy.rule(&certified, &identity, refusal), identity.ExpiresAt, nil
}

// bound is recertify where nobody is to be refused: whether a certificate is still
// good is what reviews are for.
func (r *Rules) bound(s *Standing) shown {
	certified, err := r.recertify(s)
	if err != nil && s.Certificate != nil {
		return shown{certificate: s.Certificate, until: s.Certificate.Until(), binds: r.Clients[s.Listener].Required}
	}
	return certified
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
