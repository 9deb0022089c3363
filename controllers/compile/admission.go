// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// candidate is a WebSocketRoute that wants to attach.
type candidate struct {
	route  *wsv1alpha1.WebSocketRoute
	result AttachedRoute
	// listeners are those that it names and that allow its namespace.
	listeners []*wsv1alpha1.Listener
}

// key is NAMESPACE/NAME of the route.
func (one *candidate) key() string { return one.route.Namespace + "/" + one.route.Name }

// candidates are the routes that name the gateway, oldest first. Each is judged by
// the gateway and its own namespace alone.
func candidates(gw *wsv1alpha1.WebSocketGateway, refs *Refs) []*candidate {
	list := make([]*candidate, 0, len(refs.Routes))
	for i := range refs.Routes {
		route := &refs.Routes[i]
		if route.DeletionTimestamp == nil {
			list = append(list, &candidate{route: route, result: AttachedRoute{
				Namespace: route.Namespace, Name: route.Name,
				Edition: Edition{UID: route.UID, Generation: route.Generation},
			}})
		}
	}
	slices.SortFunc(list, func(a, b *candidate) int {
		return cmp.Or(a.route.CreationTimestamp.Compare(b.route.CreationTimestamp.Time),
			cmp.Compare(a.route.Namespace, b.route.Namespace), cmp.Compare(a.route.Name, b.route.Name))
	})
	p := &porter{gw: gw, refs: refs, all: pointers(gw.Spec.Listeners), open: map[string][]*wsv1alpha1.Listener{}, inside: map[string]int{}}
	for _, one := range list {
		p.meet(one)
	}
	return list
}

// porter lets no more than the oldest routes of each namespace in: every one takes
// time in each pass over the gateway, which the others wait for. So does asking, and
// anybody may write thousands of routes that ask: it must cost next to nothing for
// namespaces that are not allowed, and for routes that are too many.
type porter struct {
	gw   *wsv1alpha1.WebSocketGateway
	refs *Refs
	// all are the listeners, open those that allow a namespace, and inside is how many
	// of its routes were let in.
	all    []*wsv1alpha1.Listener
	open   map[string][]*wsv1alpha1.Listener
	inside map[string]int
}

// meet fills in the listeners of a route, and what it is told.
func (p *porter) meet(one *candidate) {
	namespace := one.route.Namespace
	if _, known := p.open[namespace]; !known {
		p.open[namespace] = slices.DeleteFunc(slices.Clone(p.all), func(l *wsv1alpha1.Listener) bool { return !allows(p.gw, p.refs, l, namespace) })
	}
	full := p.inside[namespace] >= maxNamespaceRoutes
	for i := range one.route.Spec.ParentRefs {
		if ref := &one.route.Spec.ParentRefs[i]; names(one.route, ref, p.gw) {
			p.knock(one, i, full)
		}
	}
	switch {
	case len(one.listeners) == 0:
	case full:
		one.turnAway()
	default:
		p.inside[namespace]++
	}
}

// turnAway tells a route that it is one too many.
func (one *candidate) turnAway() {
	one.listeners = nil
	for i := range one.result.Parents {
		if parent := &one.result.Parents[i]; len(parent.Problems) == 0 {
			parent.refuse(fmt.Sprintf("spec.parentRefs[%d]", parent.Index), wsv1alpha1.ReasonTooManyRoutes, fmt.Sprintf(
				"namespace %q has %d older routes at the gateway, and no more are looked at: put rules together into fewer routes, or remove some",
				one.route.Namespace, maxNamespaceRoutes))
		}
	}
}

// names tells whether a parent reference of a route is to the gateway.
func names(route *wsv1alpha1.WebSocketRoute, ref *wsv1alpha1.ParentReference, gw *wsv1alpha1.WebSocketGateway) bool {
	return ref.Name == gw.Name && cmp.Or(ref.Namespace, route.Namespace) == gw.Namespace
}

// knock asks the listeners of one parent reference to let the route in. Where the
// namespace is full nobody looks at hostnames.
func (p *porter) knock(one *candidate, index int, full bool) {
	parent, ref := AttachedParent{Index: index}, &one.route.Spec.ParentRefs[index]
	field := fmt.Sprintf("spec.parentRefs[%d]", index)
	named := func(l *wsv1alpha1.Listener) bool { return ref.SectionName == "" || ref.SectionName == l.Name }
	open := slices.DeleteFunc(slices.Clone(p.open[one.route.Namespace]), func(l *wsv1alpha1.Listener) bool { return !named(l) })
	switch {
	case len(open) > 0 && (full || slices.ContainsFunc(open, one.covered)):
	case len(open) > 0:
		parent.refuse(field, wsv1alpha1.ReasonHostnameNotServed, fmt.Sprintf(
			"no listener that this names and that allows the route has a hostname of it: correct spec.hostnames, or ask whoever runs gateway %q for another listener", p.gw.Name))
	case slices.ContainsFunc(p.all, named):
		parent.refuse(field, wsv1alpha1.ReasonNotAllowedByListeners, fmt.Sprintf(
			"no listener that this names allows routes of namespace %q: ask whoever runs gateway %q for allowedRoutes", one.route.Namespace, p.gw.Name))
	default:
		parent.refuse(field+".sectionName", wsv1alpha1.ReasonListenerNotFound, fmt.Sprintf(
			"gateway %q has no listener %q: correct the name, or leave it out for every listener that allows the route", p.gw.Name, ref.SectionName))
	}
	for _, listener := range open {
		if !slices.Contains(one.listeners, listener) {
			one.listeners = append(one.listeners, listener)
		}
	}
	one.result.Parents = append(one.result.Parents, parent)
}

// covered tells whether a listener has any of the route's hostnames.
func (one *candidate) covered(listener *wsv1alpha1.Listener) bool {
	return slices.ContainsFunc(one.route.Spec.Hostnames, func(name wsv1alpha1.Hostname) bool { return covered(listener, string(name)) })
}

func (p *AttachedParent) refuse(field, reason, message string) {
	p.Problems = append(p.Problems, status.Problem{
		Field: field, Condition: wsv1alpha1.ConditionAccepted, Reason: reason, Message: message,
	})
}

// covered tells whether a listener has a hostname of a route, or a wildcard for it.
func covered(listener *wsv1alpha1.Listener, hostname string) bool {
	return slices.Contains(listener.Hostnames, wsv1alpha1.Hostname(hostname)) ||
		slices.Contains(listener.Hostnames, wsv1alpha1.Hostname(wildcard(hostname)))
}

func pointers(listeners []wsv1alpha1.Listener) []*wsv1alpha1.Listener {
	list := make([]*wsv1alpha1.Listener, len(listeners))
	for i := range listeners {
		list[i] = &listeners[i]
	}
	return list
}

// allows tells whether routes of a namespace may attach to a listener. A namespace
// that is not known, and a selector that cannot be read, let nobody in.
func allows(gw *wsv1alpha1.WebSocketGateway, refs *Refs, listener *wsv1alpha1.Listener, namespace string) bool {
	if listener.AllowedRoutes == nil {
		return false
	}
	spec := listener.AllowedRoutes.Namespaces
	if spec == nil {
		return namespace == gw.Namespace
	}
	switch spec.From {
	case wsv1alpha1.NamespacesFromAll:
		return true
	case wsv1alpha1.NamespacesFromSelector:
		found, known := refs.Namespaces[namespace]
		if !known && refs.Unchecked {
			return true
		}
		chosen, err := selectorOf(spec.Selector)
		return err == nil && known && (!refs.NamesOnly || namesOnly(chosen)) && chosen.Matches(labels.Set(found))
	case wsv1alpha1.NamespacesFromSame, "":
		return namespace == gw.Namespace
	}
	return false
}

// selectorOf refuses a selector of everybody: the CRD's rules let none through, and
// one that is there nevertheless must not open the door.
func selectorOf(spec *wsv1alpha1.NamespaceSelector) (labels.Selector, error) {
	if spec == nil || len(spec.MatchLabels)+len(spec.MatchExpressions) == 0 {
		return labels.Nothing(), nil
	}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{}}
	for key, value := range spec.MatchLabels {
		selector.MatchLabels[key] = string(value)
	}
	for i := range spec.MatchExpressions {
		from := &spec.MatchExpressions[i]
		expression := metav1.LabelSelectorRequirement{Key: from.Key, Operator: from.Operator}
		for _, value := range from.Values {
			expression.Values = append(expression.Values, string(value))
		}
		selector.MatchExpressions = append(selector.MatchExpressions, expression)
	}
	return metav1.LabelSelectorAsSelector(selector)
}

// namesOnly tells whether a selector asks for nothing but names of namespaces. Where
// nothing else can be read, "not this label" would let in those that have it.
func namesOnly(selector labels.Selector) bool {
	asked, _ := selector.Requirements()
	return !slices.ContainsFunc(asked, func(r labels.Requirement) bool { return r.Key() != corev1.LabelMetadataName })
}

// SelectsNamespaces tells whether the labels of namespaces decide which routes may
// attach to a gateway.
func SelectsNamespaces(gw *wsv1alpha1.WebSocketGateway) bool {
	return slices.ContainsFunc(gw.Spec.Listeners, func(l wsv1alpha1.Listener) bool {
		return l.AllowedRoutes != nil && l.AllowedRoutes.Namespaces != nil && l.AllowedRoutes.Namespaces.Selector != nil
	})
}

// SelectsOtherwise tells whether a listener of a gateway lets a namespace in with one
// set of labels and not with the other. nil stands for a namespace that there is not.
func SelectsOtherwise(gw *wsv1alpha1.WebSocketGateway, before, after labels.Set) bool {
	return slices.ContainsFunc(gw.Spec.Listeners, func(l wsv1alpha1.Listener) bool {
		if l.AllowedRoutes == nil || l.AllowedRoutes.Namespaces == nil {
			return false
		}
		chosen, err := selectorOf(l.AllowedRoutes.Namespaces.Selector)
		matches := func(found labels.Set) bool { return found != nil && chosen.Matches(found) }
		return err == nil && matches(before) != matches(after)
	})
}

// UsableReferences lists the ports of Services that a gateway and the routes of refs
// may use. Routes that no listener lets in, and references without a grant, add
// none.
func UsableReferences(gw *wsv1alpha1.WebSocketGateway, refs *Refs) []ServiceReference {
	list := slices.DeleteFunc(ServiceReferences(gw), func(ref ServiceReference) bool {
		return !refs.grants(wsv1alpha1.KindWebSocketGateway, gw.Namespace, cmp.Or(ref.Namespace, gw.Namespace), ref.Name)
	})
	for _, one := range candidates(gw, refs) {
		if len(one.listeners) == 0 {
			continue
		}
		for _, ref := range backendsOf(one.route) {
			namespace := cmp.Or(ref.Namespace, one.route.Namespace)
			if refs.grants(wsv1alpha1.KindWebSocketRoute, one.route.Namespace, namespace, ref.Name) {
				list = append(list, ServiceReference{Namespace: namespace, Name: ref.Name, Port: ref.Port})
			}
		}
	}
	return list
}

// UsableServices names the Services of UsableReferences, as ServiceName does,
// sorted and once each.
func UsableServices(gw *wsv1alpha1.WebSocketGateway, refs *Refs) []string {
	var list []string
	for _, ref := range UsableReferences(gw, refs) {
		list = append(list, ServiceName(gw.Namespace, ref.Namespace, ref.Name))
	}
	return sorted(list)
}

// GrantNamespaces names the namespaces whose ReferenceGrants decide about the
// Services of a gateway and of the routes of refs, sorted and once each. Routes that
// no listener lets in add none: whoever writes those could name a million.
func GrantNamespaces(gw *wsv1alpha1.WebSocketGateway, refs *Refs) []string {
	var list []string
	for _, ref := range ServiceReferences(gw) {
		if ref.Namespace != "" && ref.Namespace != gw.Namespace {
			list = append(list, ref.Namespace)
		}
	}
	for _, one := range candidates(gw, refs) {
		if len(one.listeners) > 0 {
			list = append(list, ForeignNamespaces(one.route)...)
		}
	}
	return sorted(list)
}

// ForeignNamespaces names the namespaces, other than its own, that a route asks for
// Services of.
func ForeignNamespaces(route *wsv1alpha1.WebSocketRoute) []string {
	var list []string
	for _, ref := range backendsOf(route) {
		if ref.Namespace != "" && ref.Namespace != route.Namespace {
			list = append(list, ref.Namespace)
		}
	}
	return sorted(list)
}

func backendsOf(route *wsv1alpha1.WebSocketRoute) []wsv1alpha1.BackendReference {
	var list []wsv1alpha1.BackendReference
	for i := range route.Spec.Rules {
		list = append(list, route.Spec.Rules[i].BackendRefs...)
	}
	return list
}
