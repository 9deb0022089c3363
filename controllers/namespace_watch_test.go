// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers"
)

// Of all gateways, one with a selector that judges the namespace otherwise is woken,
// and only if a route of the namespace names it.
func TestANamespaceWakesWhoSelectsItOtherwise(t *testing.T) {
	t.Parallel()
	team := func(value string) *wsv1alpha1.NamespaceSelector {
		return &wsv1alpha1.NamespaceSelector{MatchLabels: map[string]wsv1alpha1.LabelValue{"team": wsv1alpha1.LabelValue(value)}}
	}
	without := &wsv1alpha1.NamespaceSelector{MatchExpressions: []wsv1alpha1.NamespaceExpression{{Key: "test", Operator: metav1.LabelSelectorOpDoesNotExist}}}
	objects := []client.Object{
		selectingGateway("chat", team("chat")), selectingGateway("shop", team("shop")), selectingGateway("stable", without),
		selectingGateway("everybody", nil), selectingGateway("no-routes", team("chat")),
	}
	for _, name := range []string{"chat", "shop", "stable", "everybody", "gone"} {
		for _, namespace := range []string{"a", "elsewhere"} {
			objects = append(objects, &wsv1alpha1.WebSocketRoute{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
				Spec:       wsv1alpha1.WebSocketRouteSpec{ParentRefs: []wsv1alpha1.ParentReference{{Namespace: "wss", Name: name}, {Namespace: "wss", Name: name, SectionName: "public"}}},
			})
		}
	}
	reader := fake.NewClientBuilder().WithScheme(shared.scheme).WithObjects(objects...).Build()
	handle := controllers.Selecting(reader, func(namespace string) bool { return namespace != "elsewhere" })
	type labels = map[string]string
	tests := map[string]struct {
		namespace     string
		before, after labels
		want          []string
	}{
		"a label that nobody asks for":           {"a", labels{"team": "chat"}, labels{"team": "chat", "cost": "low"}, nil},
		"a label that lets it in":                {"a", labels{"cost": "low"}, labels{"cost": "low", "team": "chat"}, []string{"chat"}},
		"another team":                           {"a", labels{"team": "chat"}, labels{"team": "shop"}, []string{"chat", "shop"}},
		"another team that nobody lets in":       {"a", labels{"team": "x"}, labels{"team": "y"}, nil},
		"a label that shuts it out":              {"a", labels{}, labels{"test": ""}, []string{"stable"}},
		"a namespace that comes":                 {"a", nil, labels{"team": "shop", "test": ""}, []string{"shop"}},
		"a namespace that goes":                  {"a", labels{"team": "shop"}, nil, []string{"shop", "stable"}},
		"a namespace without routes":             {"b", labels{}, labels{"team": "chat"}, nil},
		"a namespace that somebody else watches": {"elsewhere", labels{}, labels{"team": "chat"}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
			defer queue.ShutDown()
			object := func(found labels) client.Object {
				return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: test.namespace, Labels: found}}
			}
			switch {
			case test.before == nil:
				handle.Create(t.Context(), event.CreateEvent{Object: object(test.after)}, queue)
			case test.after == nil:
				handle.Delete(t.Context(), event.DeleteEvent{Object: object(test.before)}, queue)
			default:
				handle.Update(t.Context(), event.UpdateEvent{ObjectOld: object(test.before), ObjectNew: object(test.after)}, queue)
			}
			var woken []string
			for queue.Len() > 0 {
				request, _ := queue.Get()
				woken = append(woken, request.Name)
				queue.Done(request)
			}
			slices.Sort(woken)
			if diff := cmp.Diff(test.want, woken); diff != "" {
				t.Errorf("woken (-want +got):\n%s", diff)
			}
		})
	}
}

// selectingGateway lets in who is selected; without a selector everybody.
func selectingGateway(name string, selector *wsv1alpha1.NamespaceSelector) *wsv1alpha1.WebSocketGateway {
	allowed := &wsv1alpha1.RouteNamespaces{From: wsv1alpha1.NamespacesFromAll}
	if selector != nil {
		allowed = &wsv1alpha1.RouteNamespaces{From: wsv1alpha1.NamespacesFromSelector, Selector: selector}
	}
	return &wsv1alpha1.WebSocketGateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: "wss", Name: name},
		Spec: wsv1alpha1.WebSocketGatewaySpec{Listeners: []wsv1alpha1.Listener{
			{Name: "inner"}, {Name: "public", AllowedRoutes: &wsv1alpha1.AllowedRoutes{Namespaces: allowed}},
		}},
	}
}
