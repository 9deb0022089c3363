// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"

	"k8s.io/apimachinery/pkg/util/sets"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/resolve"
)

// serviceIndex finds the WebSocketRoutes that name a Service, NAMESPACE/NAME;
// grantIndex those that name one in a namespace which is not their own.
const (
	serviceIndex = "service"
	grantIndex   = "grant"
)

// servicesOf answers the values of serviceIndex for a WebSocketRoute.
func servicesOf(object client.Object) []string {
	route, ok := object.(*wsv1alpha1.WebSocketRoute)
	if !ok {
		return nil
	}
	found := sets.New[string]()
	for i := range route.Spec.Rules {
		for _, ref := range route.Spec.Rules[i].BackendRefs {
			found.Insert(cmp.Or(ref.Namespace, route.Namespace) + "/" + ref.Name)
		}
	}
	return sets.List(found)
}

// grantsOf answers the values of grantIndex for a WebSocketRoute.
func grantsOf(object client.Object) []string {
	route, ok := object.(*wsv1alpha1.WebSocketRoute)
	if !ok {
		return nil
	}
	return compile.ForeignNamespaces(route)
}

// serviceKeyOf is NAMESPACE/NAME of a Service, or of the Service of an
// EndpointSlice.
func serviceKeyOf(object client.Object) string {
	name := object.GetName()
	if services := resolve.ServiceOf(object); len(services) > 0 {
		name = services[0]
	}
	return object.GetNamespace() + "/" + name
}

// parents answers the gateways to reconcile when a WebSocketRoute changes.
func parents(_ context.Context, object client.Object) []reconcile.Request {
	route, ok := object.(*wsv1alpha1.WebSocketRoute)
	if !ok {
		return nil
	}
	found := sets.New[client.ObjectKey]()
	for i := range route.Spec.ParentRefs {
		ref := &route.Spec.ParentRefs[i]
		found.Insert(client.ObjectKey{Namespace: cmp.Or(ref.Namespace, route.Namespace), Name: ref.Name})
	}
	requests := make([]reconcile.Request, 0, len(found))
	for key := range found {
		requests = append(requests, reconcile.Request{NamespacedName: key})
	}
	return requests
}

// routed answers the gateways of the WebSocketRoutes that an index finds by the
// value of a changed object.
func routed(reader client.Reader, index string, value func(client.Object) string) handler.MapFunc {
	return func(ctx context.Context, object client.Object) []reconcile.Request {
		var found wsv1alpha1.WebSocketRouteList
		if err := reader.List(ctx, &found, client.MatchingFields{index: value(object)}, client.UnsafeDisableDeepCopy); err != nil {
			// Only a cache that has stopped answers with an error.
			log.FromContext(ctx).Error(err, "find routes", "index", index, "value", value(object))
			return nil
		}
		var requests []reconcile.Request
		for i := range found.Items {
			requests = append(requests, parents(ctx, &found.Items[i])...)
		}
		return requests
	}
}

// attachedTo answers the WebSocketRoutes that name a gateway.
func attachedTo(reader client.Reader) handler.MapFunc {
	return func(ctx context.Context, gateway client.Object) []reconcile.Request {
		var found wsv1alpha1.WebSocketRouteList
		if err := reader.List(ctx, &found, client.UnsafeDisableDeepCopy,
			client.MatchingFields{resolve.ParentIndex: client.ObjectKeyFromObject(gateway).String()}); err != nil {
			log.FromContext(ctx).Error(err, "find routes by gateway", "gateway", gateway.GetName())
			return nil
		}
		requests := make([]reconcile.Request, 0, len(found.Items))
		for i := range found.Items {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&found.Items[i])})
		}
		return requests
	}
}

// buildRoutes adds the controller that says on WebSocketRoutes what has come of
// them.
func buildRoutes(mgr ctrl.Manager, r reconcile.Reconciler, wake wakeups) error {
	return buildTeller(mgr, &wsv1alpha1.WebSocketRoute{}, r, attachedTo(mgr.GetCache()), wake)
}
