// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// clientCertificates is what a listener asks of its clients in TLS. A bundle that
// is missing or malformed keeps its last good content, as a listener keeps its
// last good certificate. One that never had any leaves a fault behind: nobody is
// let in by it, and nobody loses a connection over it.
func (c *compiler) clientCertificates(listener *wsv1alpha1.Listener) *contract.ClientCertificates {
	spec := listener.TLS.ClientCertificates
	if spec == nil {
		return nil
	}
	wanted := &contract.ClientCertificates{Required: spec.Mode == wsv1alpha1.ClientCertificatesRequire}
	count := 0
	for i := range spec.CARefs {
		ref := &wsv1alpha1.LocalKeyReference{Name: spec.CARefs[i].Name, Key: spec.CARefs[i].Key}
		bundle := contract.CABundle{ConfigMap: ref.Name, Key: keyOr(ref, contract.DefaultCAKey)}
		var ok bool
		bundle.Certificates, ok = c.content(content{
			field: caField(listener.Name, i), ref: ref, standard: contract.DefaultCAKey, purpose: "CA bundle",
			check:     func(text string) (string, error) { return checkClientCAs(text, count) },
			lastGood:  c.lastBundle(listener.Name, &bundle),
			otherwise: fmt.Sprintf("listener %q lets nobody in whose certificate one of these CAs has signed", listener.Name), keepMissing: true,
		})
		if !ok {
			wanted.Fault = contract.FaultClientCAUnavailable
			continue
		}
		if !slices.Contains(wanted.Bundles, bundle) {
			wanted.Bundles = append(wanted.Bundles, bundle)
			count += strings.Count(bundle.Certificates, "-----BEGIN ")
		}
	}
	return wanted
}

// checkClientCAs also looks at the number of CAs that the bundles before it have:
// the names of all go to every client together.
func checkClientCAs(text string, before int) (string, error) {
	if strings.TrimSpace(text) == "" {
		return "", errEmpty
	}
	cas, err := contract.ParseClientCAs(text)
	switch {
	case errors.Is(err, contract.ErrNoCertificates):
		return "", fmt.Errorf("%w: %w", errEmpty, err)
	case err != nil:
		return "", fmt.Errorf("it cannot be used: %w", err)
	case before+len(cas) > contract.MaxClientCAs:
		return "", fmt.Errorf("with it the listener would trust %d CAs, more than %d", before+len(cas), contract.MaxClientCAs)
	}
	return contract.EncodeClientCAs(cas), nil
}

// lastBundle is what a ConfigMap held for a listener when it was last good.
func (c *compiler) lastBundle(listener string, wanted *contract.CABundle) string {
	if c.previous == nil {
		return ""
	}
	for i := range c.previous.Listeners {
		last := &c.previous.Listeners[i]
		if last.Name != listener || last.ClientCertificates == nil {
			continue
		}
		for _, bundle := range last.ClientCertificates.Bundles {
			if bundle.ConfigMap == wanted.ConfigMap && bundle.Key == wanted.Key {
				return bundle.Certificates
			}
		}
	}
	return ""
}

func certificateMethod(spec *wsv1alpha1.ClientCertificateMethod) *contract.ClientCertificate {
	return &contract.ClientCertificate{IdentityFrom: string(spec.IdentityFrom), Patterns: sorted(spec.Patterns)}
}

// checkUnasked finds policies that wait for certificates which no listener asks
// for: nobody would ever be let in by them, and nobody would know why.
func (c *compiler) checkUnasked() {
	for _, policy := range c.readCertificate {
		c.checkUnaskedRules(policy)
	}
	for i := range c.gw.Spec.Routes {
		route := &c.gw.Spec.Routes[i]
		policy := c.policyNamed(route.AuthPolicy)
		if policy == nil || !slices.ContainsFunc(policy.AnyOf, wantsCertificate) {
			continue
		}
		asking, silent := c.listenersOf(route.Name)
		alone := !slices.ContainsFunc(policy.AnyOf, func(m wsv1alpha1.AuthMethod) bool { return !wantsCertificate(m) })
		if len(silent) == 0 || (len(asking) > 0 && !alone) {
			continue
		}
		c.unresolved(routeField(route.Name)+".authPolicy", wsv1alpha1.ReasonClientCertificatesNotAsked,
			"policy %q of route %q accepts client certificates, and listener %q, which leads to the route, asks for none: set its tls.clientCertificates, or give the route a policy with other methods",
			policy.Name, route.Name, silent[0])
	}
}

// checkUnaskedRules is about rules that look at certificates. One listener that
// asks is enough: the others may be meant to have callers without.
func (c *compiler) checkUnaskedRules(policy string) {
	deaf := ""
	for i := range c.gw.Spec.Routes {
		route := &c.gw.Spec.Routes[i]
		if route.AuthPolicy != policy {
			continue
		}
		asking, silent := c.listenersOf(route.Name)
		if len(asking) > 0 {
			return
		}
		if deaf == "" && len(silent) > 0 {
			deaf = silent[0]
		}
	}
	if deaf != "" {
		c.unresolved(policyField(policy)+".authorization.rules", wsv1alpha1.ReasonClientCertificatesNotAsked,
			"the rules of policy %q read certificate, and no listener that leads to its routes asks clients for one: set tls.clientCertificates of listener %q, or take certificate out of the rules",
			policy, deaf)
	}
}

func wantsCertificate(method wsv1alpha1.AuthMethod) bool { return method.ClientCertificate != nil }

func (c *compiler) policyNamed(name string) *wsv1alpha1.AuthPolicy {
	i := slices.IndexFunc(c.gw.Spec.AuthPolicies, func(p wsv1alpha1.AuthPolicy) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &c.gw.Spec.AuthPolicies[i]
}

// listenersOf are the listeners that lead to a finished route: those that ask for
// client certificates, and those that do not.
func (c *compiler) listenersOf(route string) (asking, silent []string) {
	i := slices.IndexFunc(c.result.Config.Routes, func(r contract.Route) bool { return r.Name == route })
	if i < 0 {
		return nil, nil
	}
	for j := range c.gw.Spec.Listeners {
		listener := &c.gw.Spec.Listeners[j]
		leads := func(hostname string) bool { return c.leadsTo(listener, hostname) }
		switch {
		case !slices.ContainsFunc(c.result.Config.Routes[i].Hostnames, leads):
		case listener.TLS.ClientCertificates != nil:
			asking = append(asking, listener.Name)
		default:
			silent = append(silent, listener.Name)
		}
	}
	return asking, silent
}

func caField(listener string, index int) string {
	return fmt.Sprintf("%s.tls.clientCertificates.caRefs[%d]", listenerField(listener), index)
}
