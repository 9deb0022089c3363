// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

// referenceIndex finds the gateways that refer to an object.
const referenceIndex = "reference"

// wakeups carries gateways to reconcile for reasons that no watch sees.
type wakeups chan event.TypedGenericEvent[types.NamespacedName]

func (w wakeups) wake(ctx context.Context, gateway types.NamespacedName) {
	select {
	case w <- event.TypedGenericEvent[types.NamespacedName]{Object: gateway}:
	case <-ctx.Done():
	}
}

// source feeds the wake-ups into a controller's queue.
func (w wakeups) source() source.Source {
	return source.Channel(
		(<-chan event.TypedGenericEvent[types.NamespacedName])(w),
		handler.TypedFuncs[types.NamespacedName, reconcile.Request]{
			GenericFunc: func(
				_ context.Context, e event.TypedGenericEvent[types.NamespacedName],
				queue workqueue.TypedRateLimitingInterface[reconcile.Request],
			) {
				queue.Add(reconcile.Request{NamespacedName: e.Object})
			},
		})
}

// referencesOf answers the values of referenceIndex for a gateway.
func referencesOf(object client.Object) []string {
	gw, ok := object.(*wsv1alpha1.WebSocketGateway)
	if !ok {
		return nil
	}
	var values []string
	for _, name := range compile.ConfigMaps(gw) {
		values = append(values, referenceValue(compile.KindConfigMap, name))
	}
	for _, name := range compile.Services(gw) {
		namespace, service := compile.ServiceKey(gw.Namespace, name)
		values = append(values, referenceValue(compile.KindService, namespace+"/"+service))
	}
	for _, namespace := range compile.GrantNamespaces(gw, &compile.Refs{}) {
		values = append(values, referenceValue(compile.KindGrant, namespace))
	}
	for _, name := range compile.Certificates(gw) {
		values = append(values, referenceValue(compile.KindCertificate, name))
	}
	for _, issuer := range compile.Issuers(gw) {
		if issuer.Group == cmv1.SchemeGroupVersion.Group {
			values = append(values, referenceValue(issuer.Kind, issuer.Name))
		}
	}
	return values
}

func referenceValue(kind, name string) string { return kind + "/" + name }

// referring answers the gateways to reconcile when an object of the kind
// changes. Of a ClusterIssuer, Service or ReferenceGrant these are in any namespace.
func referring(reader client.Reader, kind string) func(context.Context, client.Object) []reconcile.Request {
	return func(ctx context.Context, object client.Object) []reconcile.Request {
		name, within := object.GetName(), object.GetNamespace()
		switch kind {
		case compile.KindService:
			name, within = serviceKeyOf(object), ""
		case compile.KindGrant:
			name, within = object.GetNamespace(), ""
		}
		var found wsv1alpha1.WebSocketGatewayList
		if err := reader.List(ctx, &found, client.InNamespace(within),
			client.MatchingFields{referenceIndex: referenceValue(kind, name)},
			client.UnsafeDisableDeepCopy); err != nil {
			// Only a cache that has stopped answers with an error.
			log.FromContext(ctx).Error(err, "find gateways by reference", "kind", kind, "name", name)
			return nil
		}
		requests := make([]reconcile.Request, 0, len(found.Items))
		for i := range found.Items {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&found.Items[i])})
		}
		return requests
	}
}

// labelled answers the gateway that an object's label names.
func labelled(_ context.Context, object client.Object) []reconcile.Request {
	name := object.GetLabels()[render.GatewayLabel]
	if name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: object.GetNamespace(), Name: name}}}
}
