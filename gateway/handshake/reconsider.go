// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake

import (
	"net/netip"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Standing is what a connection was admitted by, as far as the steps of Admit
// look at it.
type Standing struct {
	// Host and Path as they were matched, Origin empty for none.
	Host, Path, Origin string
	// ServerName that the caller asked for in TLS.
	ServerName string
	// Listener that the connection came in by, and the address that it came from.
	Listener string
	Client   netip.Addr
	// Certificate that the client showed in TLS, nil for none.
	Certificate *clientcert.Certificate
	// Identity that was admitted, without its Claims: they would cost every
	// connection more than all the rest.
	Identity authn.Identity
	// Claims of the Identity, for the rules of the policy.
	Claims authn.KeptClaims
}

// Reconsider asks the steps of Admit that other rules may answer otherwise: is the
// caller locked out, which route is it, may this address and this page connect,
// does the policy accept this caller? The error is the *outcome.Refusal that a
// handshake would get.
//
// A host and path without a route, and a route or policy with a fault, are no
// refusal here: who comes has to wait, who is there has done nothing.
func (r *Rules) Reconsider(s *Standing) (Ruling, error) {
	if err := r.checkClient(s.Client); err != nil {
		return Ruling{}, err
	}
	if match, ok := r.revokedIdentity(s); ok {
		return Ruling{}, outcome.Refuse(outcome.IdentityRevoked, "%s", match)
	}
	route, policy, served := r.serving(s)
	certified, err := r.recertify(s, &policy)
	if err != nil || !served {
		return Ruling{}, err
	}
	err = policy.reconsider(s, route.Name, &certified)
	refusal := policy.tolerated(err)
	if err != nil && refusal == nil {
		return Ruling{}, err
	}
	return policy.rule(&certified, &s.Identity, refusal), nil
}

// reconsider returns the refusal of the policy on a route.
func (p *Policy) reconsider(s *Standing, route string, certified *shown) error {
	if err := checkAddress(s.Client, p.ClientCIDRs); err != nil {
		return err
	}
	if err := checkOrigin(origins(s.Origin), p.Origins); err != nil {
		return err
	}
	identity := s.Identity
	if identity.Method == authn.MethodClientCertificate && certified.certificate == nil {
		// The listener asks for none any more: the caller has shown nothing, and
		// the rules must not take it for somebody with a certificate either.
		identity.Proof = nil
	}
	if err := p.Authenticator.Reconsider(identity.Proof); err != nil {
		return err
	}
	return p.authorizeAgain(s, p.Authenticator.As(identity), route, certified)
}

// origins are the Origin headers of an admitted request, as toldOrigin has them.
func origins(origin string) []string {
	if origin == "" {
		return nil
	}
	return []string{origin}
}

// ends is when a connection must end whose credential expires at a time; zero
// for never.
func (p *Policy) ends(expiresAt time.Time) time.Time {
	if expiresAt.IsZero() {
		return time.Time{}
	}
	return expiresAt.Add(time.Duration(p.ExpiryGrace))
}
