// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// RouteAtParent is what is known of a WebSocketRoute at one of its parents.
type RouteAtParent struct {
	// Exists is true when the gateway does.
	Exists bool
	// Known is true when the gateway was looked at with this generation of the
	// route; until then nothing below is.
	Known bool
	// Problems of the route at this parent, sorted by Field.
	Problems []Problem
	// Overruled are limits of the route of which the gateway has tighter ones, and
	// those. They are no problem.
	Overruled []string
	// Served is true when the gateway's configuration has something of the route.
	Served bool
	// Held is true when the gateway keeps its last good configuration, since its own
	// spec cannot be served.
	Held bool
	// Written is true when the configuration in the cluster has the route as it is
	// wanted. Pods are ready, of which so many have that in force.
	Written       bool
	Pods, Serving int32
}

// Route turns what is known of a WebSocketRoute at its parents, in the order of
// spec.parentRefs, into its status, as Compute does for gateways. Nothing in it
// names anybody else's objects but the gateways and listeners that the route
// itself attaches to.
func Route(route *wsv1alpha1.WebSocketRoute, parents []RouteAtParent, now time.Time) (wsv1alpha1.WebSocketRouteStatus, time.Duration) {
	p := &routePass{
		subject: subject{generation: route.Generation, conditions: route.Status.Conditions, now: now},
		route:   route, parents: parents,
	}
	result := wsv1alpha1.WebSocketRouteStatus{ObservedGeneration: route.Generation}
	stages := []stage{
		{wsv1alpha1.ConditionAccepted, p.everywhere(p.accepted)},
		{wsv1alpha1.ConditionResolvedRefs, p.everywhere(p.resolvedRefs)},
		{wsv1alpha1.ConditionProgrammed, p.everywhere(p.programmed)},
	}
	ready := p.yes(wsv1alpha1.ReasonReady, "Every parent serves the route.")
	for _, s := range stages {
		if !s.finding.ok() {
			ready = s.finding
			break
		}
	}
	stages = append(stages, stage{wsv1alpha1.ConditionReady, ready})
	for _, s := range stages {
		result.Conditions = append(result.Conditions, p.condition(s.name, s.finding))
	}
	if !ready.ok() {
		result.Conditions = append(result.Conditions, p.work(stages[0].finding, ready))
	}
	for i := range route.Spec.ParentRefs {
		result.Parents = append(result.Parents, p.parent(i))
	}
	return result, p.timer
}

// routePass is one computation.
type routePass struct {
	subject

	route   *wsv1alpha1.WebSocketRoute
	parents []RouteAtParent
}

// parent is the status of one parent. Times of transition are those of the same
// reference before.
func (p *routePass) parent(index int) wsv1alpha1.RouteParentStatus {
	ref, at := p.route.Spec.ParentRefs[index], &p.parents[index]
	own := subject{generation: p.generation, now: p.now}
	for i := range p.route.Status.Parents {
		if p.route.Status.Parents[i].ParentRef == ref {
			own.conditions = p.route.Status.Parents[i].Conditions
		}
	}
	return wsv1alpha1.RouteParentStatus{ParentRef: ref, Conditions: []metav1.Condition{
		own.condition(wsv1alpha1.ConditionAccepted, p.accepted(&ref, at)),
		own.condition(wsv1alpha1.ConditionResolvedRefs, p.resolvedRefs(&ref, at)),
		own.condition(wsv1alpha1.ConditionProgrammed, p.programmed(&ref, at)),
	}}
}

// everywhere is the first finding that is not True, or that of the first parent.
func (p *routePass) everywhere(find func(*wsv1alpha1.ParentReference, *RouteAtParent) finding) finding {
	var first finding
	for i := range p.parents {
		ref := &p.route.Spec.ParentRefs[i]
		found := find(ref, &p.parents[i])
		if !found.ok() {
			if len(p.parents) > 1 {
				found.message = fmt.Sprintf("at %s: %s", parentName(p.route, ref), found.message)
			}
			return found
		}
		if i == 0 {
			first = found
		}
	}
	return first
}

func parentName(route *wsv1alpha1.WebSocketRoute, ref *wsv1alpha1.ParentReference) string {
	name := fmt.Sprintf("gateway %s/%s", cmp.Or(ref.Namespace, route.Namespace), ref.Name)
	if ref.SectionName != "" {
		name += ", listener " + ref.SectionName
	}
	return name
}

const notLookedAt = "The operator has not come to this yet."

func (p *routePass) accepted(ref *wsv1alpha1.ParentReference, at *RouteAtParent) finding {
	if !at.Exists {
		return p.no(wsv1alpha1.ReasonGatewayNotFound, fmt.Sprintf("there is no WebSocketGateway %q in namespace %q: correct spec.parentRefs, create it, or ask whether its operator watches that namespace",
			ref.Name, cmp.Or(ref.Namespace, p.route.Namespace)))
	}
	if !at.Known {
		return p.unknown(wsv1alpha1.ReasonPending, notLookedAt)
	}
	if found := at.problems(wsv1alpha1.ConditionAccepted); len(found) > 0 {
		return p.no(found[0].Reason, describe(found))
	}
	message := "The route is attached."
	if len(at.Overruled) > 0 {
		message += " Limits that are looser than the gateway's change nothing: " + strings.Join(at.Overruled, ", ") + "."
	}
	return p.yes(wsv1alpha1.ReasonAccepted, message)
}

func (p *routePass) resolvedRefs(_ *wsv1alpha1.ParentReference, at *RouteAtParent) finding {
	if found := at.problems(wsv1alpha1.ConditionResolvedRefs); len(found) > 0 {
		return p.no(found[0].Reason, describe(found))
	}
	if !at.Served {
		return p.unknown(wsv1alpha1.ReasonPending, "Nothing was looked up: see Accepted.")
	}
	return p.yes(wsv1alpha1.ReasonResolvedRefs, "Everything that the route refers to can be used.")
}

// programmed names no pod and no digest: of the gateway's own affairs a tenant
// learns no more than that they take a while, and the text stays the same.
func (p *routePass) programmed(_ *wsv1alpha1.ParentReference, at *RouteAtParent) finding {
	switch {
	case !at.Served:
		return p.no(wsv1alpha1.ReasonPending, "The gateway has nothing of the route: see Accepted.")
	case !at.Written && at.Held:
		return p.no(wsv1alpha1.ReasonPending,
			"the gateway keeps the configuration that it has until its own spec is repaired: ask whoever runs it")
	case !at.Written:
		return p.no(wsv1alpha1.ReasonStaleConfig, "The route is not yet written to the gateway.")
	case at.Pods == 0:
		return p.no(wsv1alpha1.ReasonNoReadyPods, "The gateway has no ready pod; those that start begin with the route.")
	case at.Serving < at.Pods:
		return p.no(wsv1alpha1.ReasonStaleConfig, "Not every ready pod of the gateway has the route in force yet.")
	}
	return p.yes(wsv1alpha1.ReasonProgrammed, "Every ready pod of the gateway has the route in force.")
}

func (at *RouteAtParent) problems(condition string) []Problem {
	return slices.DeleteFunc(slices.Clone(at.Problems), func(problem Problem) bool { return problem.Condition != condition })
}

// work is Stalled at once where waiting will not help: the route itself, or another
// one, has to change.
func (p *routePass) work(accepted, ready finding) metav1.Condition {
	switch accepted.reason {
	case wsv1alpha1.ReasonHostnameConflict, wsv1alpha1.ReasonRouteConflict, wsv1alpha1.ReasonTooManyRoutes,
		wsv1alpha1.ReasonMessageTypesConflict, wsv1alpha1.ReasonInvalid:
		return p.condition(wsv1alpha1.ConditionStalled, p.yes(accepted.reason, accepted.message))
	}
	return p.progress(ready)
}
