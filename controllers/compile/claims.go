// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"fmt"
	"slices"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// holders are the namespaces that hold hostnames before any candidate is looked
// at: the gateway's own, for those that its routes name, and those that the
// configuration in force has with them and that still want them. An older object
// that is edited to name a hostname therefore takes it from nobody.
func (c *compiler) holders(list []*candidate) map[string]string {
	owners := map[string]string{}
	for i := range c.gw.Spec.Routes {
		for _, hostname := range c.gw.Spec.Routes[i].Hostnames {
			owners[string(hostname)] = c.gw.Namespace
		}
	}
	if c.previous == nil {
		return owners
	}
	type claim struct{ namespace, hostname string }
	wanted := map[claim]bool{}
	for _, one := range list {
		for _, hostname := range one.route.Spec.Hostnames {
			if len(one.listeners) > 0 {
				wanted[claim{one.route.Namespace, string(hostname)}] = true
			}
		}
	}
	for i := range c.previous.Routes {
		namespace, attached := AttachedFrom(c.previous.Routes[i].Name)
		if !attached {
			continue
		}
		for _, hostname := range c.previous.Routes[i].Hostnames {
			if owners[hostname] == "" && wanted[claim{namespace, hostname}] {
				owners[hostname] = namespace
			}
		}
	}
	return owners
}

// Contested tells whether it matters what is in force now: a namespace was refused a
// hostname of another, or got a name below its wildcard, which it must not if that
// wildcard was there before, or a route has found no room.
func (r *Result) Contested() bool {
	return slices.ContainsFunc(r.Attached, func(one AttachedRoute) bool {
		return slices.ContainsFunc(one.Problems, func(p status.Problem) bool {
			return p.Reason == wsv1alpha1.ReasonHostnameConflict || p.Reason == wsv1alpha1.ReasonTooManyRoutes
		})
	}) || r.belowWildcards()
}

// belowWildcards tells whether a namespace has a name below the wildcard of another.
func (r *Result) belowWildcards() bool {
	owners := map[string]string{}
	for i := range r.Config.Routes {
		if namespace, attached := AttachedFrom(r.Config.Routes[i].Name); attached {
			for _, hostname := range r.Config.Routes[i].Hostnames {
				owners[hostname] = namespace
			}
		}
	}
	for hostname, namespace := range owners {
		if above := owners[wildcard(hostname)]; above != "" && above != namespace {
			return true
		}
	}
	return false
}

// inlinePlaces are the hostnames and paths of the gateway's own routes that name
// their hostnames.
func (c *compiler) inlinePlaces() map[place]string {
	places := map[place]string{}
	for i := range c.gw.Spec.Routes {
		route := &c.gw.Spec.Routes[i]
		for _, hostname := range route.Hostnames {
			places[place{hostname: string(hostname), path: path(route.Path)}] = fmt.Sprintf("route %q of the gateway itself", route.Name)
		}
	}
	return places
}

// claim answers the hostnames that a route gets. It says nothing of whoever holds
// the others.
func (a *attaching) claim(own *compiler, one *candidate) []string {
	var granted []string
	for i, name := range one.route.Spec.Hostnames {
		hostname, field := string(name), fmt.Sprintf("spec.hostnames[%d]", i)
		switch shut := a.shut(one, hostname); {
		case !slices.ContainsFunc(one.listeners, func(l *wsv1alpha1.Listener) bool { return covered(l, hostname) }):
			own.refused(field, wsv1alpha1.ReasonHostnameNotServed,
				"no listener that the route attaches to has the hostname %q: correct it, or ask whoever runs the gateway to add it", hostname)
		case shut != "":
			own.refused(field, wsv1alpha1.ReasonNotAllowedByListeners,
				"the hostname %q also leads through listener %q, which the route does not attach to or which does not allow it: name that listener too, or another hostname",
				hostname, shut)
		case a.heldByOthers(hostname, one.route.Namespace):
			own.refused(field, wsv1alpha1.ReasonHostnameConflict,
				"somebody else holds the hostname %q at this gateway: use another one, or ask whoever runs the gateway", hostname)
		default:
			granted = append(granted, hostname)
		}
	}
	return sorted(granted)
}

// heldByOthers also looks at wildcards: whoever holds one holds the names below it
// that nobody else held before.
func (a *attaching) heldByOthers(hostname, namespace string) bool {
	owner := a.owners[hostname]
	if owner == "" {
		owner = a.owners[wildcard(hostname)]
	}
	return owner != "" && owner != namespace
}

// shut is a listener that leads to a hostname and that the route may not use, empty
// if there is none. Routes are found by hostname and path alone, so that a door
// which does not allow the route must not lead to it.
func (a *attaching) shut(one *candidate, hostname string) string {
	for i := range a.gw.Spec.Listeners {
		listener := &a.gw.Spec.Listeners[i]
		if a.leadsTo(listener, hostname) && !slices.Contains(one.listeners, listener) {
			return listener.Name
		}
	}
	return ""
}

// doors are the listeners that lead to any of the hostnames.
func (a *attaching) doors(hostnames []string) []*wsv1alpha1.Listener {
	var list []*wsv1alpha1.Listener
	for i := range a.gw.Spec.Listeners {
		listener := &a.gw.Spec.Listeners[i]
		if slices.ContainsFunc(hostnames, func(hostname string) bool { return a.leadsTo(listener, hostname) }) {
			list = append(list, listener)
		}
	}
	return list
}
