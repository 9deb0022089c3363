// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile_test

import (
	"fmt"
	"slices"
	"testing"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
)

// selective is a gateway with many listeners, each for the namespaces of a label.
func selective() *wsv1alpha1.WebSocketGateway {
	gw := &wsv1alpha1.WebSocketGateway{}
	gw.Namespace, gw.Name = "wss", "edge"
	for i := range 16 {
		listener := wsv1alpha1.Listener{Name: fmt.Sprintf("l%d", i), Port: 443, AllowedRoutes: &wsv1alpha1.AllowedRoutes{
			Namespaces: &wsv1alpha1.RouteNamespaces{From: wsv1alpha1.NamespacesFromSelector, Selector: &wsv1alpha1.NamespaceSelector{
				MatchLabels: map[string]wsv1alpha1.LabelValue{"websockets": "true"},
			}},
		}}
		for j := range 16 {
			listener.Hostnames = append(listener.Hostnames, wsv1alpha1.Hostname(fmt.Sprintf("*.l%d-%d.example.com", i, j)))
		}
		gw.Spec.Listeners = append(gw.Spec.Listeners, listener)
	}
	return gw
}

// swarm are routes as large as the CRD lets them be, which ask for Services of as
// many namespaces as they can.
func swarm(namespace string, count int) []wsv1alpha1.WebSocketRoute {
	routes := make([]wsv1alpha1.WebSocketRoute, 0, count)
	for i := range count {
		var hostnames, paths []string
		for j := range 16 {
			hostnames = append(hostnames, fmt.Sprintf("h%d-%d.example.com", i, j))
			paths = append(paths, fmt.Sprintf("/%d", j))
		}
		route := attached(namespace, fmt.Sprintf("r%d", i), count-i, hostnames, paths...)
		for range 7 {
			route.Spec.ParentRefs = append(route.Spec.ParentRefs, route.Spec.ParentRefs[0])
		}
		for j := range route.Spec.Rules {
			rule := &route.Spec.Rules[j]
			rule.BackendRefs = nil
			for k := range 8 {
				rule.BackendRefs = append(rule.BackendRefs, wsv1alpha1.BackendReference{Name: "x", Namespace: fmt.Sprintf("ns-%d-%d-%d", i, j, k), Port: 80})
			}
		}
		routes = append(routes, route)
	}
	return routes
}

// Anybody who may write routes can write thousands that no listener lets in, or that
// are too many. Each pass over the gateway meets them, and the other tenants wait
// for it: what they cost must not grow with what is written in them.
func TestRoutesThatAreNotLetInCostNextToNothing(t *testing.T) {
	const count = 528 // of which 128 may be looked at
	gw := selective()
	labels := map[string]map[string]string{"team-a": {"websockets": "true"}, "stranger": {"websockets": "false"}}
	for namespace, letIn := range map[string]int{"stranger": 0, "team-a": 128} {
		t.Run(namespace, func(t *testing.T) {
			routes := swarm(namespace, count)
			refs, few := compile.Refs{Routes: routes, Namespaces: labels}, compile.Refs{Routes: routes[:letIn], Namespaces: labels}
			if want, got := compile.GrantNamespaces(gw, &few), compile.GrantNamespaces(gw, &refs); !slices.Equal(want, got) {
				t.Errorf("ReferenceGrants of %d namespaces are looked up, want %d", len(got), len(want))
			}
			asked := func(refs *compile.Refs) float64 {
				return testing.AllocsPerRun(1, func() { compile.UsableServices(gw, refs) })
			}
			// Of each of their eight references a few words are told. The race detector has
			// allocations of its own, and each look that must not be would cost hundreds.
			if each := (asked(&refs) - asked(&few)) / float64(count-letIn); each > 8*25 {
				t.Errorf("a route that is not let in costs %.0f allocations", each)
			}
		})
	}
}

// A Service may have thousands of ports, and each reference of a namespace may name
// one that is not there: what that says must not be a book.
func TestAServiceWithPortsWithoutEndIsToldOfInAFewWords(t *testing.T) {
	t.Parallel()
	route := attached("team-a", "chat", 1, []string{"a.example.com"}, "/")
	route.Spec.Rules[0].BackendRefs[0].Port = 1
	refs := refsOf(route)
	service := compile.Service{}
	for port := range int32(20_000) {
		service.Ports = append(service.Ports, compile.ServicePort{Name: fmt.Sprintf("p%d", port), Port: 2 + port})
	}
	refs.Services["team-a/chat"] = service
	result := compile.Config(sharedGateway(t), refs, nil)
	if told := reasonsOf(t, &result, "team-a", "chat"); !slices.Equal(told, []string{wsv1alpha1.ReasonPortNotFound}) {
		t.Fatalf("it is told %v", told)
	}
	if message := result.Attached[0].Problems[0].Message; len(message) > 300 {
		t.Errorf("the message has %d bytes", len(message))
	}
}
