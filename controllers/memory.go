// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// memory is what the reconciler remembers of gateways between passes. All of
// it may be lost: it saves writes that a late cache would cause, and keeps the
// beginning of states that are tolerated for a while.
type memory struct {
	mu       sync.Mutex
	gateways map[client.ObjectKey]remembered
}

type remembered struct {
	since status.Since
	// unsettledAt is when pods began to be on their way; zero when they are not.
	unsettledAt     time.Time
	wroteAt         time.Time
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

// settling answers how long a write that only moves counts should wait.
func (m *memory) settling(key client.ObjectKey, unsettled bool, now time.Time) time.Duration {
	var wait time.Duration
	m.change(key, func(r *remembered) {
		if !unsettled {
			r.unsettledAt = time.Time{}
			return
		}
		if r.unsettledAt.IsZero() {
			r.unsettledAt = now
		}
		latest := r.unsettledAt
		if r.wroteAt.After(latest) {
			latest = r.wroteAt
		}
		wait = latest.Add(settlingPause).Sub(now)
	})
	return wait
}

func (m *memory) wrote(key client.ObjectKey, gw *wsv1alpha1.WebSocketGateway, now time.Time) {
	m.change(key, func(r *remembered) {
		r.wroteAt = now
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
