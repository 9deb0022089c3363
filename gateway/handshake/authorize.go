// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/policy"
)

func (d *Door) askAddress(_ context.Context, v *verdict) error {
	return checkAddress(v.caller.Client, v.policy.ClientCIDRs)
}

// checkAddress asks whether callers may come from an address. One that is not
// known is in no network, and must not pass for one that nobody has denied.
func checkAddress(client netip.Addr, networks *contract.ClientCIDRs) error {
	if networks == nil {
		return nil
	}
	client = client.Unmap().WithZone("")
	among := func(list []netip.Prefix) bool {
		return slices.ContainsFunc(list, func(network netip.Prefix) bool { return network.Contains(client) })
	}
	switch {
	case !client.IsValid():
		return outcome.Refuse(outcome.AddressNotAllowed, "address of the client is not known")
	case among(networks.Deny):
		return outcome.Refuse(outcome.AddressNotAllowed, "address is in a network that is denied")
	case len(networks.Allow) > 0 && !among(networks.Allow):
		return outcome.Refuse(outcome.AddressNotAllowed, "address is in no network that is allowed")
	}
	return nil
}

// authorize asks the rules of the policy about whoever was authenticated.
func (d *Door) authorize(_ context.Context, v *verdict) error {
	return v.policy.authorize(v.Identity, policy.Request{
		Host: v.Host, Path: v.Path, Origin: v.attempt.Origin,
		Listener: v.caller.Listener, Route: v.Route.Name, ClientIP: v.caller.Client,
	}, v.shown.certificate)
}

func (p *Policy) authorize(identity authn.Identity, request policy.Request, certificate *clientcert.Certificate) error {
	if p.Authorization == nil {
		return nil
	}
	if p.Rules == nil {
		return outcome.Refuse(outcome.PolicyUnavailable, "%s", contract.FaultPolicyInvalid)
	}
	in := &policy.Input{
		Identity: policy.Identity{
			Policy: identity.Policy, Method: identity.Method, Issuer: identity.Issuer, Subject: identity.Subject,
			KeyID: identity.KeyID, Claims: identity.Claims,
		},
		Request: request,
	}
	if p.readsCertificate() {
		in.Certificate = described(certificate)
	}
	if err := p.Rules.Decide(in); err != nil {
		return outcome.Refuse(outcome.AccessDenied, "%v", err)
	}
	return nil
}

// readsCertificate tells whether the rules of the policy look at the certificate
// of the caller, whatever the caller is known by.
func (p *Policy) readsCertificate() bool { return p.Rules != nil && p.Rules.ReadsCertificate() }

// described is what rules see of a certificate; the zero value for none.
func described(certificate *clientcert.Certificate) policy.Certificate {
	leaf := certificate.Leaf()
	if leaf == nil {
		return policy.Certificate{}
	}
	// A name that cannot be shown is not known: the rule that reads it fails.
	subject, _ := clientcert.DistinguishedName(leaf.RawSubject)
	issuer, _ := clientcert.DistinguishedName(leaf.RawIssuer)
	fingerprint := sha256.Sum256(leaf.Raw)
	return policy.Certificate{
		Presented: true, Subject: subject, Issuer: issuer,
		Serial: certificate.Serial(), Fingerprint: hex.EncodeToString(fingerprint[:]),
		NotBefore: leaf.NotBefore.UTC(), NotAfter: leaf.NotAfter.UTC(),
		URIs: clientcert.URIs(leaf), DNSNames: clientcert.DNSNames(leaf), Emails: clientcert.Mailboxes(leaf),
	}
}

// authorizeAgain asks the rules about whoever was admitted before, as whom it
// would be admitted now, and with what is still good of the certificate.
func (p *Policy) authorizeAgain(s *Standing, identity authn.Identity, route string, certified *shown) error {
	if p.Authorization == nil {
		return nil
	}
	// Anonymous callers have no claims, also those who had shown some before.
	if p.Rules != nil && p.Rules.ReadsClaims() && identity.Method == s.Identity.Method {
		restored, ok := s.Claims.Restore(identity)
		if !ok {
			return outcome.Refuse(outcome.AccessDenied, "the claims were too many to be remembered, and the rules ask for them")
		}
		identity = restored
	}
	return p.authorize(identity, policy.Request{
		Host: s.Host, Path: s.Path, Origin: s.Origin, Listener: s.Listener, Route: route, ClientIP: s.Client,
	}, certified.certificate)
}
