// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/apply"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// report tells the user what the pass has found: one write of the status if it
// is not what it was, and an event for each condition that took another turn.
func (r *Reconciler) report(ctx context.Context, p *pass, failure error) error {
	if p.silent {
		return nil
	}
	key := client.ObjectKeyFromObject(p.gw)
	now := r.now()
	p.facts.Since = r.memory.since(key).Next(&p.facts, now)
	r.memory.keepSince(key, p.facts.Since)
	computed, after := status.Compute(p.gw, &p.facts, now)
	p.comeAgain(after)
	p.conditions = computed.Conditions
	r.measure(p, &computed, now)
	if failure != nil {
		// The pass did not get through: it has not seen this generation in full.
		computed.ObservedGeneration = p.gw.Status.ObservedGeneration
	}
	wait := r.memory.settling(key, p.unsettled, now)
	if equality.Semantic.DeepEqual(p.gw.Status, computed) {
		return nil
	}
	if wait > 0 && sameTurns(&p.gw.Status, &computed) {
		p.comeAgain(wait)
		return nil
	}
	changed := p.gw.DeepCopy()
	changed.Status = computed
	if err := r.client.Status().Patch(ctx, changed, client.MergeFrom(p.gw),
		client.FieldOwner(apply.FieldOwner)); err != nil {
		// A gateway that was deleted meanwhile needs no status.
		if client.IgnoreNotFound(err) == nil {
			return nil
		}
		return fmt.Errorf("write status: %w", err)
	}
	r.memory.wrote(key, changed, now)
	r.announce(p.gw, computed.Conditions)
	return nil
}

// settlingPause is the least time between two writes of a status of which only
// counts differ, while pods are still on their way: a change that reaches a
// hundred pods one by one must not cost a hundred writes. The last of them is
// written at once.
const settlingPause = time.Second

// sameTurns tells whether two statuses say the same, details apart.
func sameTurns(before, after *wsv1alpha1.WebSocketGatewayStatus) bool {
	return before.ObservedGeneration == after.ObservedGeneration &&
		sameConditions(before.Conditions, after.Conditions)
}

// maxNote is the longest text that an event may carry.
const maxNote = 1000

// announce records an event for each condition that has another status or
// reason than before. Ready repeats what the others say, so it only speaks when
// it turns.
func (r *Reconciler) announce(before *wsv1alpha1.WebSocketGateway, after []metav1.Condition) {
	for i := range after {
		condition := &after[i]
		state, reason := readyOf(before, condition.Type)
		if state == string(condition.Status) && reason == condition.Reason {
			continue
		}
		kind := corev1.EventTypeNormal
		switch condition.Type {
		case wsv1alpha1.ConditionReconciling:
			continue
		case wsv1alpha1.ConditionStalled:
			kind = corev1.EventTypeWarning
		case wsv1alpha1.ConditionReady:
			if condition.Status != metav1.ConditionTrue {
				continue
			}
		default:
			if condition.Status != metav1.ConditionFalse {
				continue
			}
			if !passing(condition.Reason) {
				kind = corev1.EventTypeWarning
			}
		}
		r.events.Eventf(before, nil, kind, condition.Reason, "Reconcile", "%s", shorten(condition.Message))
	}
}

// passing tells reasons that every change goes through on its way. An event of
// them is no warning: if they do not pass, Stalled comes and is one.
func passing(reason string) bool {
	switch reason {
	case wsv1alpha1.ReasonIssuing, wsv1alpha1.ReasonStaleConfig, wsv1alpha1.ReasonRollingOut,
		wsv1alpha1.ReasonNoReadyPods, wsv1alpha1.ReasonAddressNotAssigned, wsv1alpha1.ReasonPending,
		wsv1alpha1.ReasonPaused, wsv1alpha1.ReasonRolloutHeld:
		return true
	default:
		return false
	}
}

func shorten(text string) string {
	if len(text) <= maxNote {
		return text
	}
	end := maxNote
	for end > 0 && text[end]&0xC0 == 0x80 { // not inside a rune
		end--
	}
	return text[:end] + "…"
}
