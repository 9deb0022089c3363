// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"slices"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// GrantGroup and KindGrant name the objects by which a namespace lets others use
// its Services.
const (
	GrantGroup = "gateway.networking.k8s.io"
	KindGrant  = "ReferenceGrant"
)

// Grant is the part of a ReferenceGrant that is read. It allows every combination
// of From and To.
type Grant struct {
	// Namespace that it is in, whose Services it is about.
	Namespace string      `json:"namespace"`
	From      []GrantFrom `json:"from"`
	To        []GrantTo   `json:"to"`
}

// GrantFrom is who may refer.
type GrantFrom struct {
	Group     string `json:"group"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
}

// GrantTo is what may be referred to. An empty Name is every object of the kind.
type GrantTo struct {
	Group string `json:"group"`
	Kind  string `json:"kind"`
	Name  string `json:"name"`
}

func (g *Grant) allows(kind, from, namespace, service string) bool {
	return g.Namespace == namespace &&
		slices.ContainsFunc(g.From, func(f GrantFrom) bool {
			return f.Group == wsv1alpha1.SchemeGroupVersion.Group && f.Kind == kind && f.Namespace == from
		}) &&
		slices.ContainsFunc(g.To, func(t GrantTo) bool {
			return t.Group == "" && t.Kind == KindService && (t.Name == "" || t.Name == service)
		})
}

// grants tells whether an object of a kind in the namespace from may use a Service.
func (r *Refs) grants(kind, from, namespace, service string) bool {
	return from == namespace ||
		slices.ContainsFunc(r.Grants, func(g Grant) bool { return g.allows(kind, from, namespace, service) })
}

// permitted reports a Service of another namespace that is not granted.
func (c *compiler) permitted(field, namespace, service string) bool {
	switch {
	case c.refs.grants(c.from.kind, c.from.namespace, namespace, service):
		return true
	case c.refs.Unchecked:
		c.unchecked(Reference{Field: field + ".namespace", Group: GrantGroup, Kind: KindGrant, Namespace: namespace, Name: service})
		return true
	case c.refs.GrantsMissing:
		c.unresolved(field+".namespace", wsv1alpha1.ReasonRefNotPermitted,
			"Service %q is in another namespace, and the cluster has no ReferenceGrants to allow that: install the CRD of kind ReferenceGrant of Gateway API, or use a Service in namespace %q",
			service, c.from.namespace)
	default:
		c.unresolved(field+".namespace", wsv1alpha1.ReasonRefNotPermitted,
			"namespace %q grants no use of a Service %q: ask for a ReferenceGrant there from kind %s of group %s in namespace %q",
			namespace, service, c.from.kind, wsv1alpha1.SchemeGroupVersion.Group, c.from.namespace)
	}
	return false
}
