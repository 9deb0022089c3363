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
		if route.DeletionTimestamp != nil {
			continue
		}
		one := &candidate{route: route, result: AttachedRoute{
			Namespace: route.Namespace, Name: route.Name,
			Edition: Edition{UID: route.UID, Generation: route.Generation},
		}}
		for j := range route.Spec.ParentRefs {
			if ref := &route.Spec.ParentRefs[j]; names(route, ref, gw) {
				one.knock(gw, refs, j, ref)
			}
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b *candidate) int {
		return cmp.Or(a.route.CreationTimestamp.Compare(b.route.CreationTimestamp.Time),
			cmp.Compare(a.route.Namespace, b.route.Namespace), cmp.Compare(a.route.Name, b.route.Name))
	})
	turnAway(list)
	return list
}

// turnAway lets in no more than the oldest routes of each namespace: every one takes
// time in each pass over the gateway, which the others wait for.
func turnAway(list []*candidate) {
	seen := map[string]int{}
	for _, one := range list {
		namespace := one.route.Namespace
		if len(one.listeners) == 0 {
			continue
		}
		if seen[namespace]++; seen[namespace] <= maxNamespaceRoutes {
			continue
		}
		one.listeners = nil
		for i := range one.result.Parents {
			if parent := &one.result.Parents[i]; len(parent.Problems) == 0 {
				parent.refuse(fmt.Sprintf("spec.parentRefs[%d]", parent.Index), wsv1alpha1.ReasonTooManyRoutes, fmt.Sprintf(
					"namespace %q has %d older routes at the gateway, and no more are looked at: put rules together into fewer routes, or remove some",
					namespace, maxNamespaceRoutes))
			}
		}
	}
}

// names tells whether a parent reference of a route is to the gateway.
func names(route *wsv1alpha1.WebSocketRoute, ref *wsv1alpha1.ParentReference, gw *wsv1alpha1.WebSocketGateway) bool {
	return ref.Name == gw.Name && cmp.Or(ref.Namespace, route.Namespace) == gw.Namespace
}

// knock asks the listeners of one parent reference to let the route in.
func (one *candidate) knock(gw *wsv1alpha1.WebSocketGateway, refs *Refs, index int, ref *wsv1alpha1.ParentReference) {
	parent := AttachedParent{Index: index}
	field := fmt.Sprintf("spec.parentRefs[%d]", index)
	found, covers := false, false
	var open []*wsv1alpha1.Listener
	for i := range gw.Spec.Listeners {
		listener := &gw.Spec.Listeners[i]
		if ref.SectionName != "" && ref.SectionName != listener.Name {
			continue
		}
		found = true
		if allows(gw, refs, listener, one.route.Namespace) {
			open = append(open, listener)
			covers = covers || slices.ContainsFunc(one.route.Spec.Hostnames, func(name wsv1alpha1.Hostname) bool {
				return covered(listener, string(name))
			})
		}
	}
	switch {
	case !found:
		parent.refuse(field+".sectionName", wsv1alpha1.ReasonListenerNotFound, fmt.Sprintf(
			"gateway %q has no listener %q: correct the name, or leave it out for every listener that allows the route", gw.Name, ref.SectionName))
	case len(open) == 0:
		parent.refuse(field, wsv1alpha1.ReasonNotAllowedByListeners, fmt.Sprintf(
			"no listener that this names allows routes of namespace %q: ask whoever runs gateway %q for allowedRoutes", one.route.Namespace, gw.Name))
	case !covers:
		parent.refuse(field, wsv1alpha1.ReasonHostnameNotServed, fmt.Sprintf(
			"no listener that this names and that allows the route has a hostname of it: correct spec.hostnames, or ask whoever runs gateway %q for another listener", gw.Name))
	}
	for _, listener := range open {
		if !slices.Contains(one.listeners, listener) {
			one.listeners = append(one.listeners, listener)
		}
	}
	one.result.Parents = append(one.result.Parents, parent)
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
// Services of a gateway and of the routes that name it, sorted and once each.
func GrantNamespaces(gw *wsv1alpha1.WebSocketGateway, routes []wsv1alpha1.WebSocketRoute) []string {
	var list []string
	for _, ref := range ServiceReferences(gw) {
		if ref.Namespace != "" && ref.Namespace != gw.Namespace {
			list = append(list, ref.Namespace)
		}
	}
	for i := range routes {
		list = append(list, ForeignNamespaces(&routes[i])...)
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
