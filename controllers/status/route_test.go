// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"strings"
	"testing"
	"time"

	kstatus "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

func newRoute(parents ...wsv1alpha1.ParentReference) *wsv1alpha1.WebSocketRoute {
	return &wsv1alpha1.WebSocketRoute{
		TypeMeta:   metav1.TypeMeta{APIVersion: "wsgateway.dev/v1alpha1", Kind: wsv1alpha1.KindWebSocketRoute},
		ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "chat", Generation: 4},
		Spec:       wsv1alpha1.WebSocketRouteSpec{ParentRefs: parents},
		Status:     wsv1alpha1.WebSocketRouteStatus{ObservedGeneration: -1},
	}
}

// judge asks kstatus what it thinks of a route.
func judge(t *testing.T, route *wsv1alpha1.WebSocketRoute) string {
	t.Helper()
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(route)
	if err != nil {
		t.Fatal(err)
	}
	result, err := kstatus.Compute(&unstructured.Unstructured{Object: object})
	if err != nil {
		t.Fatal(err)
	}
	return result.Status.String()
}

func TestStatusOfARoute(t *testing.T) {
	t.Parallel()
	problem := func(condition, reason string) status.Problem {
		return status.Problem{Field: "spec.hostnames[0]", Condition: condition, Reason: reason, Message: "words"}
	}
	served := status.RouteAtParent{Exists: true, Known: true, Served: true, Written: true, Pods: 2, Serving: 2}
	with := func(change func(*status.RouteAtParent)) status.RouteAtParent {
		changed := served
		change(&changed)
		return changed
	}
	tests := map[string]struct {
		at status.RouteAtParent
		// want are the reasons of Accepted, ResolvedRefs, Programmed and Ready.
		want    []string
		kstatus string
	}{
		"served by every pod":      {served, []string{"Accepted", "ResolvedRefs", "Programmed", "Ready"}, "Current"},
		"of a gateway that is not": {status.RouteAtParent{}, []string{"GatewayNotFound", "Pending", "Pending", "GatewayNotFound"}, "InProgress"},
		"not looked at yet":        {status.RouteAtParent{Exists: true}, []string{"Pending", "Pending", "Pending", "Pending"}, "InProgress"},
		"of a namespace that may not": {
			status.RouteAtParent{Exists: true, Known: true, Problems: []status.Problem{problem("Accepted", "NotAllowedByListeners")}},
			[]string{"NotAllowedByListeners", "Pending", "Pending", "NotAllowedByListeners"},
			"InProgress",
		},
		"whose name somebody else holds": {
			status.RouteAtParent{Exists: true, Known: true, Problems: []status.Problem{problem("Accepted", "HostnameConflict")}},
			[]string{"HostnameConflict", "Pending", "Pending", "HostnameConflict"},
			"Failed",
		},
		"that lets the gateway's messages not pass": {
			with(func(at *status.RouteAtParent) {
				at.Problems = []status.Problem{problem("Accepted", "MessageTypesConflict")}
			}),
			[]string{"MessageTypesConflict", "ResolvedRefs", "Programmed", "MessageTypesConflict"},
			"Failed",
		},
		"one of whose names somebody else holds": {
			with(func(at *status.RouteAtParent) {
				at.Problems = []status.Problem{problem("Accepted", "HostnameConflict")}
			}),
			[]string{"HostnameConflict", "ResolvedRefs", "Programmed", "HostnameConflict"},
			"Failed",
		},
		"whose Service is missing": {
			with(func(at *status.RouteAtParent) {
				at.Problems = []status.Problem{problem("ResolvedRefs", "ServiceNotFound")}
			}),
			[]string{"Accepted", "ServiceNotFound", "Programmed", "ServiceNotFound"},
			"InProgress",
		},
		"on its way": {
			with(func(at *status.RouteAtParent) { at.Serving = 1 }),
			[]string{"Accepted", "ResolvedRefs", "StaleConfig", "StaleConfig"},
			"InProgress",
		},
		"not yet written": {
			with(func(at *status.RouteAtParent) { at.Written, at.Serving = false, 0 }),
			[]string{"Accepted", "ResolvedRefs", "StaleConfig", "StaleConfig"},
			"InProgress",
		},
		"of a gateway that is not in order": {
			with(func(at *status.RouteAtParent) { at.Written, at.Serving, at.Held = false, 0, true }),
			[]string{"Accepted", "ResolvedRefs", "Pending", "Pending"},
			"InProgress",
		},
		"of a gateway that was in order when it was written": {
			with(func(at *status.RouteAtParent) { at.Held = true }),
			[]string{"Accepted", "ResolvedRefs", "Programmed", "Ready"},
			"Current",
		},
		"of a gateway without pods": {
			with(func(at *status.RouteAtParent) { at.Pods, at.Serving = 0, 0 }),
			[]string{"Accepted", "ResolvedRefs", "NoReadyPods", "NoReadyPods"},
			"InProgress",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
			route := newRoute(wsv1alpha1.ParentReference{Name: "edge", Namespace: "wss"})
			if got := judge(t, route); got != "InProgress" {
				t.Errorf("before the first pass kstatus says %s", got)
			}
			computed, after := status.Route(route, []status.RouteAtParent{test.at}, now)
			var got []string
			for _, name := range []string{"Accepted", "ResolvedRefs", "Programmed", "Ready"} {
				got = append(got, meta.FindStatusCondition(computed.Conditions, name).Reason)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
			route.Status = computed
			if got := judge(t, route); got != test.kstatus {
				t.Errorf("kstatus says %s, want %s", got, test.kstatus)
			}
			again, _ := status.Route(route, []status.RouteAtParent{test.at}, now.Add(time.Minute))
			if diff := cmp.Diff(computed, again); diff != "" {
				t.Errorf("the status moves on its own (-before +after):\n%s", diff)
			}
			if test.kstatus != "InProgress" {
				return
			}
			late, _ := status.Route(route, []status.RouteAtParent{test.at}, now.Add(after))
			route.Status = late
			if got := judge(t, route); got != "Failed" || after != 5*time.Minute {
				t.Errorf("after %v kstatus says %s", after, got)
			}
			healed, _ := status.Route(route, []status.RouteAtParent{served}, now.Add(time.Hour))
			route.Status = healed
			if got := judge(t, route); got != "Current" {
				t.Errorf("a route that is served at last is %s", got)
			}
		})
	}
}

func TestALooserLimitThanTheGatewaysIsToldAndHarmsNothing(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	route := newRoute(wsv1alpha1.ParentReference{Name: "edge"})
	at := status.RouteAtParent{Exists: true, Known: true, Served: true, Written: true, Pods: 1, Serving: 1}
	for range 100 {
		at.Overruled = append(at.Overruled, "spec.rules[rooms].limits (in force: maxMessageBytes 1048576)")
	}
	route.Status, _ = status.Route(route, []status.RouteAtParent{at}, now)
	accepted := meta.FindStatusCondition(route.Status.Parents[0].Conditions, "Accepted")
	if accepted.Status != metav1.ConditionTrue || !strings.Contains(accepted.Message, "spec.rules[rooms].limits (in force: maxMessageBytes 1048576)") || len(accepted.Message) > 1024 {
		t.Errorf("Accepted: %+v", accepted)
	}
	if ready := meta.FindStatusCondition(route.Status.Conditions, "Ready"); ready.Status != metav1.ConditionTrue {
		t.Errorf("Ready: %+v", ready)
	}
}

func TestARouteHasAStatusForEachParent(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	good := wsv1alpha1.ParentReference{Name: "edge"}
	bad := wsv1alpha1.ParentReference{Name: "edge", Namespace: "wss", SectionName: "public"}
	route := newRoute(good, bad)
	served := status.RouteAtParent{Exists: true, Known: true, Served: true, Written: true, Pods: 1, Serving: 1}
	route.Status, _ = status.Route(route, []status.RouteAtParent{served, {}}, now)
	if len(route.Status.Parents) != 2 || route.Status.Parents[0].ParentRef != good || route.Status.Parents[1].ParentRef != bad {
		t.Fatalf("parents: %+v", route.Status.Parents)
	}
	ready := meta.FindStatusCondition(route.Status.Conditions, "Ready")
	if ready.Status != metav1.ConditionFalse || !strings.Contains(ready.Message, "wss/edge, listener public") {
		t.Errorf("Ready does not say which parent: %+v", ready)
	}
	// The times of transition go with the reference, not with its place in the list.
	route.Spec.ParentRefs = []wsv1alpha1.ParentReference{bad, good}
	turned, _ := status.Route(route, []status.RouteAtParent{{}, served}, now.Add(time.Hour))
	if diff := cmp.Diff(route.Status.Parents[0], turned.Parents[1]); diff != "" {
		t.Errorf("a parent that stayed the same has another status (-before +after):\n%s", diff)
	}
}
