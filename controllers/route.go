// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// Routes says on each WebSocketRoute what has come of it. Serving it is the
// business of the passes over its gateways.
type Routes struct {
	client client.Client
	now    func() time.Time
	board  *routeBoard
	// watches tells whether a namespace is watched.
	watches func(namespace string) bool

	patience patience
	own      ownWrites[wsv1alpha1.WebSocketRouteStatus]
}

func newRoutes(mgr ctrl.Manager, options *Options, attached *routeBoard) *Routes {
	return &Routes{client: mgr.GetClient(), now: options.Now, board: attached, watches: options.watches}
}

// Reconcile implements reconcile.Reconciler.
func (r *Routes) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	var route wsv1alpha1.WebSocketRoute
	if err := r.client.Get(ctx, request.NamespacedName, &route); err != nil {
		r.own.forget(request.NamespacedName)
		r.patience.forget(request.NamespacedName)
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if route.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	if _, last, stale := r.own.recall(&route); stale {
		route.Status = *last.DeepCopy()
	}
	now := r.now()
	parents, complete, err := r.parents(ctx, &route)
	if err != nil {
		return reconcile.Result{}, err
	}
	if wait := r.patience.wait(&route, route.Status.ObservedGeneration, complete, now); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	computed, after := status.Route(&route, parents, now)
	if equality.Semantic.DeepEqual(route.Status, computed) {
		return reconcile.Result{RequeueAfter: after}, nil
	}
	return reconcile.Result{RequeueAfter: after}, r.write(ctx, &route, &computed, now)
}

// parents collects what is known at each parent. It is not complete while an
// existing gateway has not been looked at with this generation of the route.
func (r *Routes) parents(ctx context.Context, route *wsv1alpha1.WebSocketRoute) (found []status.RouteAtParent, complete bool, err error) {
	complete = true
	edition := compile.Edition{UID: route.UID, Generation: route.Generation}
	for i := range route.Spec.ParentRefs {
		ref := &route.Spec.ParentRefs[i]
		key := client.ObjectKey{Namespace: cmp.Or(ref.Namespace, route.Namespace), Name: ref.Name}
		exists, err := r.exists(ctx, key)
		if err != nil {
			return nil, false, err
		}
		if !exists {
			found = append(found, status.RouteAtParent{})
			continue
		}
		at := routeAt(r.board, key, client.ObjectKeyFromObject(route), edition, i)
		complete = complete && at.Known
		found = append(found, at)
	}
	return found, complete, nil
}

// exists tells whether there is a gateway that will be looked at.
func (r *Routes) exists(ctx context.Context, gateway client.ObjectKey) (bool, error) {
	if !r.watches(gateway.Namespace) {
		return false, nil
	}
	return passes(ctx, r.client, gateway)
}

func (r *Routes) write(
	ctx context.Context, route *wsv1alpha1.WebSocketRoute, computed *wsv1alpha1.WebSocketRouteStatus, now time.Time,
) error {
	changed := route.DeepCopy()
	changed.Status = *computed
	written, err := writeStatus(ctx, r.client, route, changed)
	if written {
		r.own.remember(changed, changed.Status, now)
	}
	return err
}
