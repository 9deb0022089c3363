// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// place is what only one route can have.
type place struct {
	hostname string
	path     contract.Path
}

// claims says which hostnames each route gets. A hostname that a route names
// goes, together with a path, to the first by name of the routes that name it.
// Routes that name none get what is left: they are what remains for every
// hostname, not rivals of those that name theirs.
func (c *compiler) claims() map[string][]string {
	served := c.servedHostnames()
	routes := make([]*wsv1alpha1.Route, 0, len(c.gw.Spec.Routes))
	for i := range c.gw.Spec.Routes {
		routes = append(routes, &c.gw.Spec.Routes[i])
	}
	slices.SortFunc(routes, func(a, b *wsv1alpha1.Route) int {
		return cmp.Or(compareBool(len(b.Hostnames) > 0, len(a.Hostnames) > 0), cmp.Compare(a.Name, b.Name))
	})
	owners := map[place]*wsv1alpha1.Route{}
	claimed := map[string][]string{}
	for _, route := range routes {
		names := c.wanted(route, served)
		for _, hostname := range names {
			at := place{hostname: hostname, path: path(route.Path)}
			if owner, taken := owners[at]; taken {
				c.conflict(route, owner, hostname)
				continue
			}
			owners[at] = route
			claimed[route.Name] = append(claimed[route.Name], hostname)
		}
		if len(names) > 0 && len(claimed[route.Name]) == 0 && len(route.Hostnames) == 0 {
			c.unresolved(routeField(route.Name)+".path", wsv1alpha1.ReasonRouteConflict,
				"route %q gets no connection, because other routes have its path on every hostname: remove it, or change its path", route.Name)
		}
	}
	return claimed
}

// conflict is silent where a route without hostnames gives way to one that names
// this hostname: that is what such a route is for.
func (c *compiler) conflict(route, owner *wsv1alpha1.Route, hostname string) {
	if len(route.Hostnames) == 0 && len(owner.Hostnames) > 0 {
		return
	}
	field := routeField(route.Name) + ".path"
	if i := slices.Index(route.Hostnames, wsv1alpha1.Hostname(hostname)); i >= 0 {
		field = fmt.Sprintf("%s.hostnames[%d]", routeField(route.Name), i)
	}
	c.unresolved(field, wsv1alpha1.ReasonRouteConflict,
		"route %q has the same path as route %q on the hostname %q, and the first by name gets the connections: change the path or the hostname of one of them",
		route.Name, owner.Name, hostname)
}

// wanted are the hostnames that a route asks for and some listener has.
func (c *compiler) wanted(route *wsv1alpha1.Route, served map[string]bool) []string {
	if len(route.Hostnames) == 0 {
		return slices.Sorted(maps.Keys(served))
	}
	var names []string
	for i, name := range route.Hostnames {
		hostname := string(name)
		if served[hostname] || served[wildcard(hostname)] {
			names = append(names, hostname)
			continue
		}
		c.unresolved(fmt.Sprintf("%s.hostnames[%d]", routeField(route.Name), i), wsv1alpha1.ReasonHostnameNotServed,
			"no listener has the hostname %q of route %q: add it to the hostnames of a listener, or remove it here",
			hostname, route.Name)
	}
	return sorted(names)
}

func (c *compiler) servedHostnames() map[string]bool {
	served := map[string]bool{}
	for i := range c.gw.Spec.Listeners {
		for _, hostname := range c.gw.Spec.Listeners[i].Hostnames {
			served[string(hostname)] = true
		}
	}
	return served
}

// compareBool sorts false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
