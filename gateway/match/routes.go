// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"slices"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Routes finds the route for a host name and a path. It may be read
// concurrently.
type Routes struct {
	hosts  Hosts[[]*contract.Route]
	byName map[string]*contract.Route
}

// NewRoutes indexes routes. It keeps pointers into the slice, which must not
// change any more.
func NewRoutes(routes []contract.Route) *Routes {
	r := &Routes{byName: make(map[string]*contract.Route, len(routes))}
	for i := range routes {
		route := &routes[i]
		r.byName[route.Name] = route
		for _, hostname := range route.Hostnames {
			others, _ := r.hosts.Get(hostname)
			r.hosts.Set(hostname, append(others, route))
		}
	}
	return r
}

// Lookup returns the most specific route for host, in lower case without a
// port, and path, as Target returned it: an exact host name before a wildcard,
// then an exact path before the longest prefix. Routes that say the same of both
// are told apart by name, so that every pod chooses alike.
//
// Where routes have the exact name, a wildcard of another namespace gets none of
// it: to whoever has that wildcard, a path which nobody serves would bring the
// credentials of clients that mean somebody else.
func (r *Routes) Lookup(host, path string) (*contract.Route, bool) {
	exact, _ := r.hosts.Exact(host)
	if route := best(exact, path); route != nil {
		return route, true
	}
	wild, _ := r.hosts.Wildcard(host)
	if len(exact) > 0 {
		wild = sharing(wild, exact)
	}
	route := best(wild, path)
	return route, route != nil
}

// sharing are the routes of wild that may serve what those of exact leave: the
// gateway's own, and those of a namespace that has one of exact.
func sharing(wild, exact []*contract.Route) []*contract.Route {
	var list []*contract.Route
	for _, route := range wild {
		namespace := Namespace(route.Name)
		if namespace == "" || slices.ContainsFunc(exact, func(r *contract.Route) bool { return Namespace(r.Name) == namespace }) {
			list = append(list, route)
		}
	}
	return list
}

// Namespace is that of the route with a name, NAMESPACE/ROUTE/RULE; empty for a
// route of the gateway itself.
func Namespace(route string) string {
	namespace, _, attached := strings.Cut(route, "/")
	if !attached {
		return ""
	}
	return namespace
}

// Covers tells whether the named route exists and serves host and path, be it
// the most specific one or not.
func (r *Routes) Covers(name, host, path string) bool {
	route, ok := r.byName[name]
	if !ok || rank(route.Path, path) < 0 {
		return false
	}
	var one Hosts[bool]
	for _, hostname := range route.Hostnames {
		one.Set(hostname, true)
	}
	_, ok = one.Lookup(host)
	return ok
}

func best(routes []*contract.Route, path string) *contract.Route {
	var found *contract.Route
	highest := -1
	for _, route := range routes {
		switch n := rank(route.Path, path); {
		case n < 0, n < highest:
		case n > highest, route.Name < found.Name:
			found, highest = route, n
		}
	}
	return found
}

// rank is how specific a path matches, -1 if it does not. An exact path is
// above every prefix that could match the same request.
func rank(want contract.Path, path string) int {
	if want.Exact != "" {
		if want.Exact == path {
			return len(path) + 1
		}
		return -1
	}
	prefix := strings.TrimSuffix(want.Prefix, "/")
	rest, ok := strings.CutPrefix(path, prefix)
	if !ok || (rest != "" && rest[0] != '/') {
		return -1
	}
	return len(prefix)
}
