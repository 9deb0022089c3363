// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

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

// share is so much of those bounds.
type share struct{ rules, bytes int }

func (s share) plus(other share) share { return share{s.rules + other.rules, s.bytes + other.bytes} }

func (s share) minus(other share) share { return share{s.rules - other.rules, s.bytes - other.bytes} }

func (s share) within(other share) bool { return s.rules <= other.rules && s.bytes <= other.bytes }

// room is what WebSocketRoutes have of a gateway, taken or kept for them.
type room struct {
	// bounds of a namespace and of all together.
	each, together share
	// taken by namespace and by all.
	taken map[string]share
	all   share
}

func (r *room) fits(namespace string, size share) bool {
	return r.taken[namespace].plus(size).within(r.each) && r.all.plus(size).within(r.together)
}

func (r *room) take(namespace string, size share) {
	r.taken[namespace], r.all = r.taken[namespace].plus(size), r.all.plus(size)
}

func (r *room) give(namespace string, size share) {
	r.taken[namespace], r.all = r.taken[namespace].minus(size), r.all.minus(size)
}

// lacks says why a size does not fit, empty if it does. Of the room of all nobody
// learns how much others have.
func (r *room) lacks(namespace string, size share) string {
	mine := r.taken[namespace].plus(size)
	switch {
	case !mine.within(r.each):
		return fmt.Sprintf("with this route, namespace %q would have %d rules of %d bytes at the gateway, more than %d rules or %d bytes: remove rules, or shorten hostnames and lists",
			namespace, mine.rules, mine.bytes, r.each.rules, r.each.bytes)
	case !r.all.plus(size).within(r.together):
		return fmt.Sprintf("the gateway has no room for the %d rules of this route: ask whoever runs it for another gateway", size.rules)
	}
	return ""
}

// holding is what a configuration has of one WebSocketRoute.
type holding struct {
	size share
	// rules are how many bytes each has, by its name, broken those of which something
	// was missing: they had more before.
	rules             map[string]int
	broken, hostnames map[string]bool
}

// holdings are those of a configuration, by NAMESPACE/NAME of the route.
func holdings(config *contract.Config) map[string]*holding {
	routes := map[string][]contract.Route{}
	for i := range config.Routes {
		name := config.Routes[i].Name
		if _, attached := AttachedFrom(name); attached {
			key := name[:strings.LastIndex(name, "/")]
			routes[key] = append(routes[key], config.Routes[i])
		}
	}
	found := make(map[string]*holding, len(routes))
	for key, rules := range routes {
		held := &holding{size: share{rules: len(rules), bytes: encoded(rules)}, rules: map[string]int{}, broken: map[string]bool{}, hostnames: map[string]bool{}}
		for i := range rules {
			name := strings.TrimPrefix(rules[i].Name, key+"/")
			held.rules[name] = encoded(rules[i : i+1])
			held.broken[name] = rules[i].Fault != "" && rules[i].Fault != contract.FaultNoRoom
			for _, hostname := range rules[i].Hostnames {
				held.hostnames[hostname] = true
			}
		}
		found[key] = held
	}
	return found
}

// encoded is how many bytes rules take. Each that is in a configuration was written
// before; one that could not be would be refused by CheckRoute.
func encoded(rules []contract.Route) int {
	file, err := contract.Encode(rules)
	if err != nil {
		return maxAttachedBytes + 1
	}
	return len(file)
}

// remainder is what of a route that has no room can be served in the room of what was
// in force, nil for nothing, and what its owner is told of it.
func (a *attaching) remainder(one *candidate, before *holding) (*made, string) {
	less := a.make(one, before)
	note := ". Until then what is in force of it stays, without what is new"
	var names []string
	for _, broken := range []bool{false, true} {
		if len(less.rules) > 0 && !a.room.fits(one.route.Namespace, less.size) {
			names = append(names, less.narrow(before, broken)...)
		}
	}
	if len(names) > 0 {
		note += ", and rules that have become larger answer 503: " + strings.Join(names, ", ")
	}
	if len(less.rules) == 0 || !a.room.fits(one.route.Namespace, less.size) {
		return nil, ""
	}
	return less, note
}

// narrow empties the rules that need more than they had in force, and names them. They
// keep their places and answer 503: without one, its path would be another rule's,
// whose policy may let in more. What was in force of them is not served either: its
// owner has replaced it, perhaps by something stricter. Those that were broken come by
// themselves: a Service that is back makes its rules larger, and nobody has changed them.
func (m *made) narrow(before *holding, broken bool) []string {
	var names []string
	for i := range m.rules {
		rule := &m.rules[i]
		name := rule.Name[strings.LastIndex(rule.Name, "/")+1:]
		if before.broken[name] == broken && encoded(m.rules[i:i+1]) > before.rules[name] {
			names = append(names, fmt.Sprintf("%q", name))
			*rule = contract.Route{Name: rule.Name, Hostnames: rule.Hostnames, Path: rule.Path, Fault: contract.FaultNoRoom}
		}
	}
	m.weigh()
	return names
}

// weigh notes the size of the rules as they are, and what identifies them.
func (m *made) weigh() {
	file, err := contract.Encode(m.rules)
	if err != nil {
		m.rules = nil // what could be written before cannot fail
		return
	}
	m.size, m.content = share{rules: len(m.rules), bytes: len(file)}, contract.Digest(file)
}

// keep sets room aside for what is in force of the candidates, so that a route that
// grows, or comes, takes it from none of them. Where the gateway has less room than
// before it goes to the oldest.
func (a *attaching) keep(list []*candidate, inForce map[string]*holding) {
	a.inForce, a.kept = inForce, map[string]bool{}
	for _, one := range list {
		held := inForce[one.key()]
		if held != nil && len(one.listeners) > 0 && a.room.fits(one.route.Namespace, held.size) {
			a.room.take(one.route.Namespace, held.size)
			a.kept[one.key()] = true
		}
	}
}

// release gives back what is kept for a route whose turn it is.
func (a *attaching) release(one *candidate) {
	if a.kept[one.key()] {
		a.room.give(one.route.Namespace, a.inForce[one.key()].size)
	}
}

// complete is a rule as if everything that it refers to could be used. The rule is
// charged for that: newer routes must not get the room of a Service that is gone for
// a minute.
func (c *compiler) complete(route contract.Route, rule *wsv1alpha1.WebSocketRouteRule) contract.Route {
	route.Policy, route.Fault, route.Backends = rule.AuthPolicy, "", nil
	for i := range rule.BackendRefs {
		ref := &rule.BackendRefs[i]
		service := ServiceName(c.gw.Namespace, cmp.Or(ref.Namespace, c.from.namespace), ref.Name)
		backend := contract.Backend{Name: BackendName(service, ref.Port), TLS: ref.TLS}
		if ref.TLS != "" {
			backend.ServerName = c.serverName(service, ref.TLS)
		}
		same := func(b contract.Backend) bool { return b.Name == backend.Name && b.TLS == backend.TLS }
		if slices.ContainsFunc(route.Backends, same) {
			continue
		}
		backend.Weight = unlessDefault(ref.Weight, 1)
		route.Backends = append(route.Backends, backend)
	}
	return route
}
