// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
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
	if failure != nil {
		// The pass did not get through: it has not seen this generation in full.
		computed.ObservedGeneration = p.gw.Status.ObservedGeneration
	}
	if equality.Semantic.DeepEqual(p.gw.Status, computed) {
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
	r.memory.wrote(key, changed)
	r.announce(p.gw, computed.Conditions)
	return nil
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
			kind = corev1.EventTypeWarning
		}
		r.events.Eventf(before, nil, kind, condition.Reason, "Reconcile", "%s", shorten(condition.Message))
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

// memory is what the reconciler remembers of gateways between passes. All of
// it may be lost: it saves writes that a late cache would cause, and keeps the
// beginning of states that are tolerated for a while.
type memory struct {
	mu       sync.Mutex
	gateways map[client.ObjectKey]remembered
}

type remembered struct {
	since           status.Since
	resourceVersion string
	uid             string
	status          wsv1alpha1.WebSocketGatewayStatus
}

// recall puts our own last status into a gateway that the cache has from before
// that write.
func (m *memory) recall(gw *wsv1alpha1.WebSocketGateway) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.gateways[client.ObjectKeyFromObject(gw)]
	if !ok || known.uid != string(gw.UID) || known.resourceVersion == "" {
		return
	}
	order, err := resourceversion.CompareResourceVersion(gw.ResourceVersion, known.resourceVersion)
	if err == nil && order < 0 {
		gw.Status = *known.status.DeepCopy()
	}
}

func (m *memory) wrote(key client.ObjectKey, gw *wsv1alpha1.WebSocketGateway) {
	m.change(key, func(r *remembered) {
		r.resourceVersion, r.uid, r.status = gw.ResourceVersion, string(gw.UID), *gw.Status.DeepCopy()
	})
}

func (m *memory) since(key client.ObjectKey) status.Since {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gateways[key].since
}

func (m *memory) keepSince(key client.ObjectKey, since status.Since) {
	m.change(key, func(r *remembered) { r.since = since })
}

func (m *memory) change(key client.ObjectKey, change func(*remembered)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gateways == nil {
		m.gateways = map[client.ObjectKey]remembered{}
	}
	known := m.gateways[key]
	change(&known)
	m.gateways[key] = known
}

func (m *memory) forget(key client.ObjectKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.gateways, key)
}
