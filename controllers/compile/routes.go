// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"cmp"
	"slices"
	"strings"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// routes leaves out a route only where no hostname remains for it; a route with
// any other fault answers 503 and says why.
func (c *compiler) routes() []contract.Route {
	claimed := c.claims()
	var list []contract.Route
	for i := range c.gw.Spec.Routes {
		spec := &c.gw.Spec.Routes[i]
		route := c.route(spec, claimed[spec.Name])
		if len(route.Hostnames) > 0 {
			list = append(list, route)
		}
	}
	slices.SortFunc(list, compareRoutes)
	return list
}

// route is one route, wherever it was written.
func (c *compiler) route(spec *wsv1alpha1.Route, hostnames []string) contract.Route {
	route := contract.Route{
		Name:         spec.Name,
		Hostnames:    hostnames,
		Path:         path(spec.Path),
		Subprotocols: sorted(spec.Subprotocols),
	}
	// Written down, although it is the default: to the contract, absent means
	// whole messages, as it did to pods that know no other way.
	if spec.Relay != wsv1alpha1.RelayMessages {
		route.Relay = contract.RelayFrames
	}
	if spec.Extensions == wsv1alpha1.ExtensionsPassThrough {
		route.Extensions = contract.ExtensionsPassThrough
	}
	route.LoadBalancing = loadBalancing(spec.LoadBalancing)
	route.Policy, route.Fault = c.routePolicy(spec)
	backends, fault := c.backends(spec)
	if route.Fault == "" {
		route.Backends, route.Fault = backends, fault
	}
	c.limitRoute(&route, spec)
	return route
}

func compareRoutes(a, b contract.Route) int { return cmp.Compare(a.Name, b.Name) }

// path drops what makes no difference: prefixes are compared element by element,
// so /chat/ is /chat.
func path(spec *wsv1alpha1.PathMatch) contract.Path {
	switch {
	case spec == nil:
		return contract.Path{Prefix: "/"}
	case spec.Type == wsv1alpha1.PathMatchExact:
		return contract.Path{Exact: spec.Value}
	}
	return contract.Path{Prefix: cmp.Or(strings.TrimSuffix(spec.Value, "/"), "/")}
}

func (c *compiler) routePolicy(spec *wsv1alpha1.Route) (string, contract.Fault) {
	field := c.from.field(spec.Name) + ".authPolicy"
	if c.from.attached() {
		return c.offeredPolicy(field, spec)
	}
	if spec.AuthPolicy == "" {
		c.unresolved(field, wsv1alpha1.ReasonAuthPolicyNotFound,
			"route %q names no policy and answers 503: set authPolicy to a name of spec.authPolicies; to admit everybody, to one whose only method is anonymous",
			spec.Name)
		return "", contract.FaultPolicyNotFound
	}
	if !slices.ContainsFunc(c.gw.Spec.AuthPolicies, func(p wsv1alpha1.AuthPolicy) bool { return p.Name == spec.AuthPolicy }) {
		c.unresolved(field, wsv1alpha1.ReasonAuthPolicyNotFound,
			"spec.authPolicies has no policy %q, so route %q answers 503: add the policy, or correct the name",
			spec.AuthPolicy, spec.Name)
		return "", contract.FaultPolicyNotFound
	}
	return spec.AuthPolicy, ""
}
