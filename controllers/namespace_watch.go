// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
)

type gatewayQueue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// selecting wakes the gateways that let a namespace in, or no more, because of its
// labels: those that routes of the namespace name and whose selectors judge it
// otherwise than before. A cluster has controllers that label namespaces all day.
func selecting(reader client.Reader, watches func(namespace string) bool) handler.Funcs {
	wake := func(ctx context.Context, namespace string, before, after labels.Set, queue gatewayQueue) {
		if !watches(namespace) {
			return
		}
		for _, request := range reselected(ctx, reader, namespace, before, after) {
			queue.Add(request)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, queue gatewayQueue) {
			wake(ctx, e.Object.GetName(), nil, labelsOf(e.Object), queue)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue gatewayQueue) {
			wake(ctx, e.ObjectNew.GetName(), labelsOf(e.ObjectOld), labelsOf(e.ObjectNew), queue)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue gatewayQueue) {
			wake(ctx, e.Object.GetName(), labelsOf(e.Object), nil, queue)
		},
	}
}

// labelsOf is never nil, which would mean that there is no such namespace.
func labelsOf(namespace client.Object) labels.Set {
	if found := namespace.GetLabels(); found != nil {
		return found
	}
	return labels.Set{}
}

// reselected answers the gateways of a namespace's routes that let it in with one set
// of labels and not with the other. A route that the cache does not have yet wakes
// its gateways when it comes, and they read the labels then.
func reselected(ctx context.Context, reader client.Reader, namespace string, before, after labels.Set) []reconcile.Request {
	var found wsv1alpha1.WebSocketRouteList
	if err := reader.List(ctx, &found, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		// Only a cache that has stopped answers with an error.
		log.FromContext(ctx).Error(err, "find routes of a namespace", "namespace", namespace)
		return nil
	}
	judged := map[client.ObjectKey]bool{}
	var requests []reconcile.Request
	for i := range found.Items {
		for _, request := range parents(ctx, &found.Items[i]) {
			if key := request.NamespacedName; !judged[key] {
				judged[key] = true
				if judgesOtherwise(ctx, reader, key, before, after) {
					requests = append(requests, request)
				}
			}
		}
	}
	return requests
}

// judgesOtherwise errs on the side of a pass too many.
func judgesOtherwise(ctx context.Context, reader client.Reader, gateway client.ObjectKey, before, after labels.Set) bool {
	var gw wsv1alpha1.WebSocketGateway
	err := reader.Get(ctx, gateway, &gw, client.UnsafeDisableDeepCopy)
	return !apierrors.IsNotFound(err) && (err != nil || compile.SelectsOtherwise(&gw, before, after))
}
