// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/apply"
)

// patience knows since when objects have waited for the passes over gateways that
// their status tells of. The zero value is ready; safe for concurrent use.
type patience struct {
	mu sync.Mutex
	// since is when a generation of an object began to wait.
	since map[client.ObjectKey]waiting
}

type waiting struct {
	generation int64
	since      time.Time
}

// The passes over the gateways may take so long before a status says that they
// have not come to its object: a new one, and one of which the status told
// already, as after a start of the operator. Both end, since one gateway whose
// passes fail must not hide what has come of the object at the others.
const (
	passesPause  = time.Second
	restartPause = time.Minute
)

// wait answers how long to write nothing while a gateway has not been looked at.
// If the status is of this generation, the operator has just started, and what the
// status says is better than what could be said now.
func (p *patience) wait(object client.Object, observed int64, complete bool, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	key, generation := client.ObjectKeyFromObject(object), object.GetGeneration()
	if complete {
		delete(p.since, key)
		return 0
	}
	pause := passesPause
	if observed == generation {
		pause = restartPause
	}
	if p.since == nil {
		p.since = map[client.ObjectKey]waiting{}
	}
	if p.since[key].generation != generation {
		p.since[key] = waiting{generation: generation, since: now}
	}
	return p.since[key].since.Add(pause).Sub(now)
}

func (p *patience) forget(key client.ObjectKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.since, key)
}

// writeStatus writes the status that changed differs in from before, and leaves in
// changed what the API server has then. An object that was deleted meanwhile needs
// none: nothing is written.
func writeStatus(ctx context.Context, writer client.Client, before, changed client.Object) (written bool, err error) {
	err = writer.Status().Patch(ctx, changed, client.MergeFrom(before), client.FieldOwner(apply.FieldOwner))
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("write status: %w", err)
	}
	return true, nil
}

// ownWrites are our own last writes of statuses, which a late cache does not have.
// The zero value is ready; safe for concurrent use.
type ownWrites[S any] struct {
	mu    sync.Mutex
	wrote map[client.ObjectKey]written[S]
}

type written[S any] struct {
	at              time.Time
	uid             string
	resourceVersion string
	status          S
}

func (w *ownWrites[S]) remember(object client.Object, status S, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wrote == nil {
		w.wrote = map[client.ObjectKey]written[S]{}
	}
	w.wrote[client.ObjectKeyFromObject(object)] = written[S]{
		at: now, uid: string(object.GetUID()), resourceVersion: object.GetResourceVersion(), status: status,
	}
}

// recall answers when our last write of the object was, zero for never, and what
// it wrote; stale is true if the object is from before it. The status must not be
// changed.
func (w *ownWrites[S]) recall(object client.Object) (at time.Time, status S, stale bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known, ok := w.wrote[client.ObjectKeyFromObject(object)]
	if !ok || known.uid != string(object.GetUID()) {
		return time.Time{}, status, false
	}
	order, err := resourceversion.CompareResourceVersion(object.GetResourceVersion(), known.resourceVersion)
	return known.at, known.status, err == nil && order < 0
}

func (w *ownWrites[S]) forget(key client.ObjectKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.wrote, key)
}

// passes tells whether there is a gateway over which passes go: one that is being
// deleted has none any more.
func passes(ctx context.Context, reader client.Reader, gateway client.ObjectKey) (bool, error) {
	var gw wsv1alpha1.WebSocketGateway
	switch err := reader.Get(ctx, gateway, &gw); {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("get WebSocketGateway %s: %w", gateway, err)
	}
	return gw.DeletionTimestamp == nil, nil
}

// statusWriters is how many statuses of a kind are written at a time: one tenant with
// thousands of objects, or one write that hangs, must not keep the others from theirs.
const statusWriters = 8

// buildTeller adds a controller that says on each object of a kind what the passes
// over gateways have made of it. It follows changes of the object, wake-ups and, of
// gateways, only that they come and go: named answers the objects that name one.
func buildTeller(mgr ctrl.Manager, kind client.Object, r reconcile.Reconciler, named handler.MapFunc, wake wakeups) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(kind, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&wsv1alpha1.WebSocketGateway{}, handler.EnqueueRequestsFromMapFunc(named), builder.WithPredicates(existence())).
		WatchesRawSource(wake.source()).
		WithOptions(controller.Options{
			// Never two for one object: their writes would overtake each other.
			MaxConcurrentReconciles: statusWriters,
			EnableWarmup:            new(true),
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
		}).
		Complete(r)
}
