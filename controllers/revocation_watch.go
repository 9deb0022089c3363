// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// gatewayIndex finds the revocations of a gateway.
const gatewayIndex = "gateway"

// gatewaysOf answers the values of gatewayIndex for a revocation.
func gatewaysOf(object client.Object) []string {
	r, ok := object.(*wsv1alpha1.WebSocketRevocation)
	if !ok {
		return nil
	}
	names := make([]string, 0, len(r.Spec.GatewayRefs))
	for _, ref := range r.Spec.GatewayRefs {
		names = append(names, ref.Name)
	}
	return names
}

// revoked answers the gateways to reconcile when a revocation changes: those that
// it names and, since it is asked about the old object too, those that it named.
func revoked(_ context.Context, object client.Object) []reconcile.Request {
	names := gatewaysOf(object)
	requests := make([]reconcile.Request, 0, len(names))
	for _, name := range names {
		requests = append(requests, reconcile.Request{
			NamespacedName: client.ObjectKey{Namespace: object.GetNamespace(), Name: name},
		})
	}
	return requests
}

// revoking answers the revocations that name a gateway.
func revoking(reader client.Reader) handler.MapFunc {
	return func(ctx context.Context, gateway client.Object) []reconcile.Request {
		var found wsv1alpha1.WebSocketRevocationList
		if err := reader.List(ctx, &found, client.InNamespace(gateway.GetNamespace()),
			client.MatchingFields{gatewayIndex: gateway.GetName()}, client.UnsafeDisableDeepCopy); err != nil {
			// Only a cache that has stopped answers with an error.
			log.FromContext(ctx).Error(err, "find revocations by gateway", "gateway", gateway.GetName())
			return nil
		}
		requests := make([]reconcile.Request, 0, len(found.Items))
		for i := range found.Items {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&found.Items[i])})
		}
		return requests
	}
}

// buildRevocations adds the controller that says on revocations what has come of
// them.
func buildRevocations(mgr ctrl.Manager, r reconcile.Reconciler, wake wakeups) error {
	return buildTeller(mgr, &wsv1alpha1.WebSocketRevocation{}, r, revoking(mgr.GetCache()), wake)
}
