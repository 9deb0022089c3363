// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"maps"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
)

// A pass over a gateway that many share, for a change of one of its tenants, may write
// the whole contract anew, tell every pod, and have every connection looked at. What
// the objects of one namespace ask for beyond so many passes at once has to wait until
// the next one is due, where a hundred changes are as good as one. That is no longer
// than a tenant would wait who has asked for nothing yet.
const (
	passesAtOnce = 10
	passEvery    = time.Second
)

// tenantPace knows how often namespaces have asked for passes. It is safe for
// concurrent use.
type tenantPace struct {
	now func() time.Time

	mu      sync.Mutex
	buckets map[string]*rate.Limiter
	// crowd is how many buckets there are when those that are full again are dropped.
	crowd int
}

func newTenantPace(now func() time.Time) *tenantPace {
	return &tenantPace{now: now, buckets: map[string]*rate.Limiter{}, crowd: 1000}
}

// wait is how long a pass that an object of the namespace asks for has to wait.
func (t *tenantPace) wait(namespace string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	bucket := t.buckets[namespace]
	if bucket == nil {
		t.sweep(now)
		bucket = rate.NewLimiter(rate.Every(passEvery), passesAtOnce)
		t.buckets[namespace] = bucket
	}
	turn := bucket.ReserveN(now, 1)
	wait := turn.DelayFrom(now)
	if wait > 0 {
		// The pass at that time is for everybody who asks until then.
		turn.CancelAt(now)
	}
	return wait
}

// sweep forgets the namespaces that have been quiet, now and then.
func (t *tenantPace) sweep(now time.Time) {
	if len(t.buckets) < t.crowd {
		return
	}
	maps.DeleteFunc(t.buckets, func(_ string, b *rate.Limiter) bool { return b.TokensAt(now) >= passesAtOnce })
	t.crowd = max(1000, 2*len(t.buckets))
}

// paced asks for passes over the gateways that follow answers, at the pace of the
// object's namespace. Passes that somebody else asks for meanwhile do not wait, and
// bring everything along. Neither does what is there when the operator starts.
func paced(pace *tenantPace, follow handler.MapFunc) handler.Funcs {
	ask := func(ctx context.Context, queue gatewayQueue, wait time.Duration, objects ...client.Object) {
		for _, object := range objects {
			for _, request := range follow(ctx, object) {
				queue.AddAfter(request, wait)
			}
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, queue gatewayQueue) {
			wait := time.Duration(0)
			if !e.IsInInitialList {
				wait = pace.wait(e.Object.GetNamespace())
			}
			ask(ctx, queue, wait, e.Object)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue gatewayQueue) {
			ask(ctx, queue, pace.wait(e.ObjectNew.GetNamespace()), e.ObjectOld, e.ObjectNew)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue gatewayQueue) {
			ask(ctx, queue, pace.wait(e.Object.GetNamespace()), e.Object)
		},
	}
}
