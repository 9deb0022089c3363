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
	// Overruled are limits of the route of which the gateway has tighter ones, and
	// those.
	Overruled []string
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

// attaching is the state of attach.
type attaching struct {
	*compiler

	// owners are the namespaces that hold a hostname, places what has a hostname
	// and a path.
	owners map[string]string
	places map[place]string
	room   room
	// inForce is what there was of each route, kept tells of which the room is set
	// aside; full is true when a route found none.
	inForce map[string]*holding
	kept    map[string]bool
	full    bool
}

// attach adds the WebSocketRoutes, oldest first. Whether one is taken depends on
// nothing but the gateway, what is in force, and those before it: what comes later,
// or is broken, changes nothing for others. Where not all have room, what is in
// force keeps its own; where they have, nothing depends on that.
func (c *compiler) attach() {
	if len(c.refs.Routes) == 0 {
		return
	}
	list, inline := candidates(c.gw, &c.refs), slices.Clone(c.result.Config.Routes)
	a := c.attaching(list)
	a.all(list)
	if a.full && c.previous != nil {
		c.result.Config.Routes = inline
		a = c.attaching(list)
		a.keep(list, holdings(c.previous))
		a.all(list)
	}
	for _, one := range list {
		c.result.Attached = append(c.result.Attached, one.result)
	}
	slices.SortFunc(c.result.Config.Routes, compareRoutes)
}

// attaching begins with the routes of the gateway itself.
func (c *compiler) attaching(list []*candidate) *attaching {
	a := &attaching{
		compiler: c, owners: c.holders(list), places: c.inlinePlaces(),
		room: room{
			each:     share{rules: maxNamespaceRules, bytes: maxNamespaceBytes},
			together: share{rules: maxAttachedRules, bytes: maxAttachedBytes},
			taken:    map[string]share{},
		},
	}
	if file, err := contract.Encode(c.result.Config); err == nil {
		a.room.together.bytes = min(a.room.together.bytes, contract.MaxFileBytes-len(file))
	}
	return a
}

func (a *attaching) all(list []*candidate) {
	for _, one := range list {
		if len(one.listeners) > 0 {
			a.one(one)
		}
	}
}

// made is what one route comes to.
type made struct {
	// own has the problems of the route, which are nobody else's.
	own       *compiler
	hostnames []string
	rules     []contract.Route
	// size to charge, and what the configuration would have.
	size    share
	content string
}

// one decides about one route. Of one that has no room, what was in force stays as far
// as that still has.
func (a *attaching) one(one *candidate) {
	a.release(one)
	namespace := one.route.Namespace
	found := a.make(one, nil)
	why := ""
	if len(found.rules) > 0 {
		why = a.room.lacks(namespace, found.size)
	}
	if why != "" {
		a.full = true
		found.rules = nil
		if before := a.inForce[one.key()]; before != nil {
			if less, note := a.remainder(one, before); less != nil {
				found, why = less, why+note
			}
		}
		found.own.refused("spec.rules", wsv1alpha1.ReasonTooManyRoutes, "%s", why)
	}
	one.result.Content = ""
	if len(found.rules) > 0 {
		a.commit(one, found)
		one.result.Content = found.content
	}
	own := &found.own.result
	one.result.Problems, one.result.Unchecked, one.result.Overruled = own.Problems, own.Unchecked, own.Overruled
	slices.SortFunc(one.result.Problems, compareProblems)
	slices.SortFunc(one.result.Unchecked, compareReferences)
}

// make makes the rules of a route, or of the part of it that was in force before.
func (a *attaching) make(one *candidate, before *holding) *made {
	own := &compiler{gw: a.gw, refs: a.refs, previous: a.previous}
	own.result.Config = a.result.Config
	own.from = source{kind: wsv1alpha1.KindWebSocketRoute, namespace: one.route.Namespace, field: ruleField}
	found := &made{own: own, hostnames: a.claim(own, one)}
	rules := byName(one.route.Spec.Rules)
	if before != nil {
		found.hostnames = slices.DeleteFunc(found.hostnames, func(name string) bool { return !before.hostnames[name] })
		rules = slices.DeleteFunc(rules, func(rule wsv1alpha1.WebSocketRouteRule) bool { return before.rules[rule.Name] == 0 })
	}
	charged := a.rules(found, one, rules)
	a.measure(found, charged)
	if before != nil {
		found.size.bytes = encoded(found.rules) // which is what is kept
	}
	return found
}

// rules adds the routes of the contract. A rule of which another one of the
// namespace has the place is left out. It answers them complete.
func (a *attaching) rules(found *made, one *candidate, rules []wsv1alpha1.WebSocketRouteRule) []contract.Route {
	own := found.own
	own.from.doors = a.doors(found.hostnames)
	var charged []contract.Route
	taken := map[place]string{}
	for i := range rules {
		rule := &rules[i]
		var free []string
		for _, hostname := range found.hostnames {
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
		route := own.route(asRoute(rule), free)
		route.Name = AttachedName(one.route.Namespace, one.route.Name, rule.Name)
		found.rules = append(found.rules, route)
		charged = append(charged, own.complete(route, rule))
	}
	return charged
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
		Relay: rule.Relay, Extensions: rule.Extensions, Limits: rule.Limits,
		BackendRefs: rule.BackendRefs, LoadBalancing: rule.LoadBalancing,
	}
}

// measure also looks whether pods would take the rules: one that they refuse would
// keep every other change from them too.
func (a *attaching) measure(found *made, charged []contract.Route) {
	for i := range found.rules {
		if err := a.result.Config.CheckRoute(&found.rules[i]); err != nil {
			found.own.refused("spec.rules", wsv1alpha1.ReasonInvalid, "pods would refuse it (%v): correct the rule", err)
			found.rules = nil
			return
		}
	}
	file, err := contract.Encode(found.rules)
	if err != nil {
		found.own.refused("spec.rules", wsv1alpha1.ReasonInvalid, "the rules cannot be written: %v", err)
		found.rules = nil
		return
	}
	found.size = share{rules: len(found.rules), bytes: max(len(file), encoded(charged))}
	found.content = contract.Digest(file)
}

// commit puts a route into the configuration. A route of the gateway without
// hostnames, which is for what is left, gives way.
func (a *attaching) commit(one *candidate, found *made) {
	rules := found.rules
	for _, hostname := range found.hostnames {
		a.owners[hostname] = one.route.Namespace
	}
	for i := range rules {
		for _, hostname := range rules[i].Hostnames {
			at := place{hostname: hostname, path: rules[i].Path}
			a.places[at] = fmt.Sprintf("WebSocketRoute %q", one.route.Name)
			a.giveWay(at)
		}
	}
	a.room.take(one.route.Namespace, found.size)
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
