// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

func (s *Set) addNamespace(d Document) {
	labels := map[string]string{corev1.LabelMetadataName: d.Object.GetName()}
	maps.Copy(labels, d.Object.GetLabels())
	s.namespaces[d.Object.GetName()] = labels
}

func (s *Set) addGrant(d Document) error {
	var object struct {
		Spec compile.Grant `json:"spec"`
	}
	if err := convert(d, &object); err != nil {
		return err
	}
	object.Spec.Namespace = d.Namespace()
	s.grants = append(s.grants, object.Spec)
	return nil
}

// DecodeRoutes checks the WebSocketRoutes against the schema, which must be that of
// NewRouteSchema. What is in order is part of Refs from then on.
func (s *Set) DecodeRoutes(ctx context.Context, schema *Schema) []Problem {
	var problems []Problem
	s.routes = nil
	for _, document := range s.Routes {
		_, found := s.DecodeRoute(ctx, schema, document)
		problems = append(problems, found...)
	}
	return problems
}

// DecodeRoute does so with one of them; the route is nil if there are problems.
func (s *Set) DecodeRoute(ctx context.Context, schema *Schema, d Document) (*wsv1alpha1.WebSocketRoute, []Problem) {
	route := &wsv1alpha1.WebSocketRoute{}
	if problems := schema.decode(ctx, d, route, wsv1alpha1.KindWebSocketRoute); len(problems) > 0 {
		return nil, problems
	}
	s.routes = append(s.routes, *route)
	return route, nil
}

// attach adds to refs what the documents know of the routes of a gateway.
func (s *Set) attach(gw *wsv1alpha1.WebSocketGateway, refs *compile.Refs) {
	refs.Grants, refs.Namespaces = s.grants, maps.Clone(s.namespaces)
	for i := range s.routes {
		if route := &s.routes[i]; slices.ContainsFunc(route.Spec.ParentRefs, func(ref wsv1alpha1.ParentReference) bool {
			return ref.Name == gw.Name && cmp.Or(ref.Namespace, route.Namespace) == gw.Namespace
		}) {
			refs.Routes = append(refs.Routes, *route)
		}
	}
}

// AttachedProblems are those of a route, by its document, at the gateway of a
// result, parents first.
func (s *Set) AttachedProblems(d Document, result *compile.Result) []status.Problem {
	var list []status.Problem
	for i := range result.Attached {
		one := &result.Attached[i]
		if one.Namespace != d.Namespace() || one.Name != d.Object.GetName() {
			continue
		}
		for _, parent := range one.Parents {
			list = append(list, parent.Problems...)
		}
		list = append(list, one.Problems...)
	}
	return list
}

// CheckRoute compiles the gateways among the documents that a route names, and
// answers what there is to say of the route.
func (s *Set) CheckRoute(d Document, route *wsv1alpha1.WebSocketRoute, gateways []*wsv1alpha1.WebSocketGateway) Findings {
	var found Findings
	for i, ref := range route.Spec.ParentRefs {
		namespace := cmp.Or(ref.Namespace, route.Namespace)
		at := slices.IndexFunc(gateways, func(gw *wsv1alpha1.WebSocketGateway) bool { return gw.Namespace == namespace && gw.Name == ref.Name })
		if at < 0 {
			found.Unchecked = append(found.Unchecked, missing(d, compile.Reference{
				Field: fmt.Sprintf("spec.parentRefs[%d]", i), Kind: wsv1alpha1.KindWebSocketGateway, Name: ref.Name,
			}))
			continue
		}
		if !slices.ContainsFunc(route.Spec.ParentRefs[:i], func(other wsv1alpha1.ParentReference) bool {
			return other.Name == ref.Name && cmp.Or(other.Namespace, route.Namespace) == namespace
		}) {
			s.checkAt(d, route, gateways[at], &found)
		}
	}
	return found
}

// checkAt is CheckRoute at one gateway.
func (s *Set) checkAt(d Document, route *wsv1alpha1.WebSocketRoute, gw *wsv1alpha1.WebSocketGateway, found *Findings) {
	result := compile.Config(gw, s.Refs(gw), nil)
	for _, problem := range s.AttachedProblems(d, &result) {
		found.Problems = append(found.Problems, Problem{Position: d.Position(), Field: problem.Field, Message: problem.Message})
	}
	for i := range result.Attached {
		one := &result.Attached[i]
		if one.Namespace != route.Namespace || one.Name != route.Name {
			continue
		}
		for _, reference := range one.Unchecked {
			found.Unchecked = append(found.Unchecked, missing(d, reference))
		}
		found.overruled(d, gw.Name, one.Overruled)
	}
}
