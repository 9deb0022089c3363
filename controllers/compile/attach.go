// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// AttachedRoute is what has come of one WebSocketRoute at a gateway.
type AttachedRoute struct {
	Edition

	Namespace, Name string
	// Parents has an entry for each parent reference to the gateway, in their order.
	Parents []AttachedParent
	// Problems concern the route at all of them.
	Problems []status.Problem
	// Unchecked are the references that were taken for granted.
	Unchecked []Reference
	// Content identifies what the configuration has of the route; empty if nothing.
	Content string
}

// AttachedParent is one parent reference to a gateway.
type AttachedParent struct {
	// Index in spec.parentRefs.
	Index int
	// Problems of this parent alone.
	Problems []status.Problem
}

// Bounds of what WebSocketRoutes add to a gateway. They keep one namespace from
// taking the room of all others, and all together from taking that of revocations
// in the same ConfigMap. That of routes, which counts those that are broken too,
// keeps it from taking the time of all others.
const (
	maxNamespaceRoutes = 128
	maxNamespaceRules  = 64
	maxNamespaceBytes  = 64 << 10
	maxAttachedRules   = 500
	maxAttachedBytes   = 256 << 10
)

// share is what somebody has used of those bounds.
type share struct{ rules, bytes int }

func (s *share) add(other share) { s.rules, s.bytes = s.rules+other.rules, s.bytes+other.bytes }

// attaching is the state of attach.
type attaching struct {
	*compiler

	// owners are the namespaces that hold a hostname, places what has a hostname
	// and a path.
	owners map[string]string
	places map[place]string
	// room is what all may use, used what they do, by namespace and together.
	room  share
	used  map[string]share
	total share
}

// attach adds the WebSocketRoutes, oldest first. Whether one is taken depends on
// nothing but the gateway and those before it: what comes later, or is broken,
// changes nothing for others.
func (c *compiler) attach() {
	if len(c.refs.Routes) == 0 {
		return
	}
	list := candidates(c.gw, &c.refs)
	a := &attaching{
		compiler: c, owners: c.holders(list), places: c.inlinePlaces(), used: map[string]share{},
		room: share{rules: maxAttachedRules, bytes: maxAttachedBytes},
	}
	if file, err := contract.Encode(c.result.Config); err == nil {
		a.room.bytes = min(a.room.bytes, contract.MaxFileBytes-len(file))
	}
	for _, one := range list {
		a.one(one)
		c.result.Attached = append(c.result.Attached, one.result)
	}
	slices.SortFunc(c.result.Config.Routes, compareRoutes)
}

// one decides about one route.
func (a *attaching) one(one *candidate) {
	if len(one.listeners) == 0 {
		return
	}
	// The problems of a route are its own.
	own := &compiler{gw: a.gw, refs: a.refs, previous: a.previous}
	own.result.Config = a.result.Config
	own.from = source{kind: wsv1alpha1.KindWebSocketRoute, namespace: one.route.Namespace, field: ruleField}
	hostnames := a.claim(own, one)
	rules := a.rules(own, one, hostnames)
	size, content := a.measure(own, rules)
	if len(rules) > 0 && a.fits(own, one.route.Namespace, size) {
		a.commit(one, hostnames, rules, size)
		one.result.Content = content
	}
	one.result.Problems, one.result.Unchecked = own.result.Problems, own.result.Unchecked
	slices.SortFunc(one.result.Problems, compareProblems)
	slices.SortFunc(one.result.Unchecked, compareReferences)
}

// rules makes the routes of the contract. A rule of which another one of the
// namespace has the place is left out.
func (a *attaching) rules(own *compiler, one *candidate, hostnames []string) []contract.Route {
	own.from.doors = a.doors(hostnames)
	var list []contract.Route
	taken := map[place]string{}
	for _, rule := range byName(one.route.Spec.Rules) {
		var free []string
		for _, hostname := range hostnames {
			at := place{hostname: hostname, path: path(rule.Path)}
			if owner := cmp.Or(taken[at], a.places[at]); owner != "" {
				own.refused(ruleField(rule.Name)+".path", wsv1alpha1.ReasonRouteConflict,
					"%s has this path on the hostname %q already: change the path or the hostname of one of them", owner, hostname)
				continue
			}
			taken[at] = fmt.Sprintf("rule %q", rule.Name)
			free = append(free, hostname)
		}
		if len(free) == 0 {
			continue
		}
		route := own.route(asRoute(&rule), free)
		route.Name = AttachedName(one.route.Namespace, one.route.Name, rule.Name)
		list = append(list, route)
	}
	return list
}

// byName makes the order of the list mean nothing.
func byName(rules []wsv1alpha1.WebSocketRouteRule) []wsv1alpha1.WebSocketRouteRule {
	return slices.SortedFunc(slices.Values(rules), func(a, b wsv1alpha1.WebSocketRouteRule) int { return cmp.Compare(a.Name, b.Name) })
}

// AttachedName is the name of a rule of a WebSocketRoute in the contract. Names of
// a gateway's own routes hold no slash.
func AttachedName(namespace, route, rule string) string {
	return strings.Join([]string{namespace, route, rule}, "/")
}

// AttachedFrom is the namespace that a route of the contract is attached from; false
// for a route of the gateway.
func AttachedFrom(name string) (namespace string, ok bool) {
	parts := strings.Split(name, "/")
	return parts[0], len(parts) == 3
}

// asRoute makes a rule what it would be among a gateway's own routes.
func asRoute(rule *wsv1alpha1.WebSocketRouteRule) *wsv1alpha1.Route {
	return &wsv1alpha1.Route{
		Name: rule.Name, Path: rule.Path, AuthPolicy: rule.AuthPolicy, Subprotocols: rule.Subprotocols,
		Relay: rule.Relay, Extensions: rule.Extensions, BackendRefs: rule.BackendRefs, LoadBalancing: rule.LoadBalancing,
	}
}

// measure also looks whether pods would take the rules: one that they refuse would
// keep every other change from them too.
func (a *attaching) measure(own *compiler, rules []contract.Route) (share, string) {
	for i := range rules {
		if err := a.result.Config.CheckRoute(&rules[i]); err != nil {
			own.refused("spec.rules", wsv1alpha1.ReasonInvalid, "pods would refuse it (%v): correct the rule", err)
			return share{rules: maxAttachedRules + 1}, ""
		}
	}
	encoded, err := contract.Encode(rules)
	if err != nil {
		own.refused("spec.rules", wsv1alpha1.ReasonInvalid, "the rules cannot be written: %v", err)
		return share{rules: maxAttachedRules + 1}, ""
	}
	return share{rules: len(rules), bytes: len(encoded)}, contract.Digest(encoded)
}

// fits reports a route that has no room. The one that is left out is the newest.
func (a *attaching) fits(own *compiler, namespace string, size share) bool {
	if size.rules > maxAttachedRules {
		return false // said already
	}
	mine, all := a.used[namespace], a.total
	mine.add(size)
	all.add(size)
	switch {
	case mine.rules > maxNamespaceRules || mine.bytes > maxNamespaceBytes:
		own.refused("spec.rules", wsv1alpha1.ReasonTooManyRoutes,
			"with this route, namespace %q would have %d rules of %d bytes at the gateway, more than %d rules or %d bytes: remove rules, or shorten hostnames and lists",
			namespace, mine.rules, mine.bytes, maxNamespaceRules, maxNamespaceBytes)
		return false
	case all.rules > a.room.rules || all.bytes > a.room.bytes:
		own.refused("spec.rules", wsv1alpha1.ReasonTooManyRoutes,
			"the gateway has no room for the %d rules of this route: ask whoever runs it for another gateway", size.rules)
		return false
	}
	return true
}

// commit puts a route into the configuration. A route of the gateway without
// hostnames, which is for what is left, gives way.
func (a *attaching) commit(one *candidate, hostnames []string, rules []contract.Route, size share) {
	namespace := one.route.Namespace
	for _, hostname := range hostnames {
		a.owners[hostname] = namespace
	}
	for i := range rules {
		for _, hostname := range rules[i].Hostnames {
			at := place{hostname: hostname, path: rules[i].Path}
			a.places[at] = fmt.Sprintf("WebSocketRoute %q", one.route.Name)
			a.giveWay(at)
		}
	}
	mine := a.used[namespace]
	mine.add(size)
	a.used[namespace] = mine
	a.total.add(size)
	a.result.Config.Routes = append(a.result.Config.Routes, rules...)
}

func (a *attaching) giveWay(at place) {
	routes := a.result.Config.Routes
	for i := range routes {
		if routes[i].Path == at.path && !strings.Contains(routes[i].Name, "/") {
			routes[i].Hostnames = slices.DeleteFunc(slices.Clone(routes[i].Hostnames), func(h string) bool { return h == at.hostname })
		}
	}
	a.result.Config.Routes = slices.DeleteFunc(routes, func(r contract.Route) bool { return len(r.Hostnames) == 0 })
}

// refused reports what keeps a route, or a part of it, out of the configuration.
func (c *compiler) refused(field, reason, format string, args ...any) {
	c.result.Problems = append(c.result.Problems, status.Problem{
		Field: field, Condition: wsv1alpha1.ConditionAccepted, Reason: reason, Message: fmt.Sprintf(format, args...),
	})
}
