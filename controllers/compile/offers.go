// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// offeredPolicy is the policy of a rule, which every listener that leads to it has
// to offer.
func (c *compiler) offeredPolicy(field string, spec *wsv1alpha1.Route) (string, contract.Fault) {
	for _, door := range c.from.doors {
		if !slices.Contains(door.AllowedRoutes.AuthPolicies, spec.AuthPolicy) {
			c.unresolved(field, wsv1alpha1.ReasonAuthPolicyNotAllowed,
				"listener %q offers no policy %q to routes, so rule %q answers 503: choose one of %s, or ask whoever runs the gateway for it",
				door.Name, spec.AuthPolicy, spec.Name, offers(door.AllowedRoutes.AuthPolicies))
			return "", contract.FaultPolicyNotFound
		}
	}
	if c.policyNamed(spec.AuthPolicy) == nil {
		c.unresolved(field, wsv1alpha1.ReasonAuthPolicyNotFound,
			"the gateway offers a policy %q and has none of that name, so rule %q answers 503: ask whoever runs the gateway to add it",
			spec.AuthPolicy, spec.Name)
		return "", contract.FaultPolicyNotFound
	}
	return spec.AuthPolicy, ""
}

// offeredProfile answers a fault unless every listener that leads to a rule of a
// WebSocketRoute offers the TLS profile of a backend. Endpoints of a Service are
// what its namespace says they are: with the client certificate of a profile, the
// gateway would prove to be itself to a server of somebody else that trusts it. A
// profile that is not offered and one that there is not are told of alike.
func (c *compiler) offeredProfile(field string, ref *wsv1alpha1.BackendReference) contract.Fault {
	for _, door := range c.from.doors {
		if !slices.Contains(door.AllowedRoutes.BackendTLSProfiles, ref.TLS) {
			c.unresolved(field, wsv1alpha1.ReasonBackendTLSNotAllowed,
				"listener %q offers no profile %q to routes, so that Service %q gets no connections: choose one of %s, or ask whoever runs the gateway for it",
				door.Name, ref.TLS, ref.Name, offers(door.AllowedRoutes.BackendTLSProfiles))
			return contract.FaultBackendTLSUnavailable
		}
	}
	if c.from.attached() && !c.hasProfile(ref.TLS) {
		c.unresolved(field, wsv1alpha1.ReasonBackendTLSNotFound,
			"the gateway offers a profile %q and has none of that name, so that Service %q gets no connections: ask whoever runs the gateway to add it",
			ref.TLS, ref.Name)
		return contract.FaultBackendTLSUnavailable
	}
	return ""
}

func (c *compiler) hasProfile(name string) bool {
	return slices.ContainsFunc(c.gw.Spec.BackendTLS, func(p wsv1alpha1.BackendTLS) bool { return p.Name == name })
}

func offers(names []string) string {
	if len(names) == 0 {
		return "none, since it offers none at all"
	}
	return strings.Join(sorted(names), ", ")
}

// checkOffers looks at what listeners offer to routes: what does not work there
// works for nobody who chooses it.
func (c *compiler) checkOffers() {
	for i := range c.gw.Spec.Listeners {
		listener := &c.gw.Spec.Listeners[i]
		offer := listener.AllowedRoutes
		if offer == nil {
			continue
		}
		field := listenerField(listener.Name) + ".allowedRoutes"
		if offer.Namespaces != nil {
			c.checkSelector(field+".namespaces.selector", offer.Namespaces.Selector)
		}
		for j, name := range offer.AuthPolicies {
			c.checkOffer(fmt.Sprintf("%s.authPolicies[%d]", field, j), listener, name)
		}
		for j, name := range offer.BackendTLSProfiles {
			if !c.hasProfile(name) {
				c.unresolved(fmt.Sprintf("%s.backendTLSProfiles[%d]", field, j), wsv1alpha1.ReasonBackendTLSNotFound,
					"spec.backendTLS has no profile %q, which listener %q offers to routes: add the profile, or correct the name", name, listener.Name)
			}
		}
	}
}

func (c *compiler) checkSelector(field string, spec *wsv1alpha1.NamespaceSelector) {
	selector, err := selectorOf(spec)
	switch {
	case err != nil:
		c.unresolved(field, wsv1alpha1.ReasonInvalid, "the selector cannot be used, and lets no namespace in (%v): correct it", err)
	case c.refs.NamesOnly && !namesOnly(selector):
		c.unresolved(field, wsv1alpha1.ReasonInvalid,
			"the operator, which watches only some namespaces, cannot read their labels, so the selector lets no namespace in: select by %s, or let the operator watch all", corev1.LabelMetadataName)
	}
}

func (c *compiler) checkOffer(field string, listener *wsv1alpha1.Listener, name string) {
	policy := c.policyNamed(name)
	switch {
	case policy == nil:
		c.unresolved(field, wsv1alpha1.ReasonAuthPolicyNotFound,
			"spec.authPolicies has no policy %q, which listener %q offers to routes: add the policy, or correct the name", name, listener.Name)
	case listener.TLS.ClientCertificates == nil && len(policy.AnyOf) > 0 && !slices.ContainsFunc(policy.AnyOf,
		func(m wsv1alpha1.AuthMethod) bool { return !wantsCertificate(m) }):
		c.unresolved(field, wsv1alpha1.ReasonClientCertificatesNotAsked,
			"policy %q accepts client certificates, and listener %q, which offers it to routes, asks for none: set its tls.clientCertificates, or offer a policy with other methods",
			name, listener.Name)
	}
}
