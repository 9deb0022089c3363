// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/metrics"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// countsPause is the least time between two writes of a revocation's status of
// which only counts differ: pods acknowledge one by one.
const countsPause = 3 * time.Second

// Revocations says on each revocation what has come of it. Bringing it into force
// is the business of the passes over its gateways.
type Revocations struct {
	client client.Client
	now    func() time.Time
	board  *revocationBoard
	// metrics count what is pending.
	metrics *metrics.Set

	patience patience
	own      ownWrites[wsv1alpha1.WebSocketRevocationStatus]
}

// Reconcile implements reconcile.Reconciler.
func (r *Revocations) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	var object wsv1alpha1.WebSocketRevocation
	if err := r.client.Get(ctx, request.NamespacedName, &object); err != nil {
		r.forget(request.NamespacedName)
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if object.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	last, wrote, stale := r.own.recall(&object)
	if stale {
		object.Status = *wrote.DeepCopy()
	}
	now := r.now()
	facts, complete, err := r.facts(ctx, &object, now)
	if err != nil {
		return reconcile.Result{}, err
	}
	if wait := r.patience.wait(&object, object.Status.ObservedGeneration, complete, now); wait > 0 && now.Before(facts.End) {
		return reconcile.Result{RequeueAfter: min(wait, facts.End.Sub(now))}, nil
	}
	r.metrics.Revoking(request.NamespacedName, pending(&facts, now)...)
	computed, after := status.Revocation(&object, &facts, now)
	if equality.Semantic.DeepEqual(object.Status, computed) {
		return reconcile.Result{RequeueAfter: after}, nil
	}
	if wait := last.Add(countsPause).Sub(now); wait > 0 && sameConditions(object.Status.Conditions, computed.Conditions) &&
		object.Status.ObservedGeneration == computed.ObservedGeneration {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	return reconcile.Result{RequeueAfter: after}, r.write(ctx, &object, &computed, now)
}

// facts collects what is known. It is not complete while an existing gateway has
// not been looked at with this generation of the revocation.
func (r *Revocations) facts(
	ctx context.Context, object *wsv1alpha1.WebSocketRevocation, now time.Time,
) (facts status.RevocationFacts, complete bool, err error) {
	facts.Gateways = map[string]status.RevocationAtGateway{}
	facts.End, facts.TooFar = compile.RevocationEnd(object, now)
	complete = true
	edition := compile.Edition{UID: object.UID, Generation: object.Generation}
	for _, ref := range object.Spec.GatewayRefs {
		key := client.ObjectKey{Namespace: object.Namespace, Name: ref.Name}
		exists, err := passes(ctx, r.client, key)
		if err != nil {
			return facts, false, err
		}
		if !exists {
			continue
		}
		at, known := revocationAt(r.board, key, object.Name, edition)
		complete = complete && known
		facts.Gateways[ref.Name] = at
	}
	return facts, complete, nil
}

func (r *Revocations) write(
	ctx context.Context, object *wsv1alpha1.WebSocketRevocation, computed *wsv1alpha1.WebSocketRevocationStatus, now time.Time,
) error {
	changed := object.DeepCopy()
	changed.Status = *computed
	written, err := writeStatus(ctx, r.client, object, changed)
	if written {
		r.own.remember(changed, changed.Status, now)
	}
	return err
}

func (r *Revocations) forget(key client.ObjectKey) {
	r.own.forget(key)
	r.patience.forget(key)
	r.metrics.Revoking(key)
}

// pending lists the gateways that may still let in whom the revocation names.
func pending(facts *status.RevocationFacts, now time.Time) []string {
	if !now.Before(facts.End) {
		return nil
	}
	var names []string
	for name, at := range facts.Gateways {
		if at.Pending() {
			names = append(names, name)
		}
	}
	return names
}

func sameConditions(before, after []metav1.Condition) bool {
	return slices.EqualFunc(before, after, func(a, b metav1.Condition) bool {
		return a.Type == b.Type && a.Status == b.Status && a.Reason == b.Reason
	})
}
