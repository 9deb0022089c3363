// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers"
)

// plan is a queue that notes when passes are due, by a clock of its own. Of several
// times for a pass the earliest counts, as in a real one.
type plan struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]

	now    time.Time
	due    time.Time
	passes int
}

func (p *plan) AddAfter(_ reconcile.Request, after time.Duration) {
	if at := p.now.Add(after); p.due.IsZero() || at.Before(p.due) {
		p.due = at
	}
}

// moveOn lets the time pass, and begins the pass that is due by then.
func (p *plan) moveOn(by time.Duration) {
	p.now = p.now.Add(by)
	if !p.due.IsZero() && !p.due.After(p.now) {
		p.due = time.Time{}
		p.passes++
	}
}

// change tells of another generation of a route.
func (p *plan) change(handle handler.Funcs, namespace string) {
	route := &wsv1alpha1.WebSocketRoute{}
	route.Namespace, route.Name = namespace, "chat"
	handle.Update(context.Background(), event.UpdateEvent{ObjectOld: route, ObjectNew: route}, p)
}

func pacedPlan() (*plan, handler.Funcs) {
	p := &plan{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	edge := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "wss", Name: "edge"}}
	return p, controllers.Paced(func() time.Time { return p.now }, func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{edge}
	})
}

func TestATenantThatKeepsChangingItsRoutesAsksForFewPasses(t *testing.T) {
	t.Parallel()
	p, handle := pacedPlan()
	const minute = 60 * 100
	for range minute {
		p.change(handle, "team-a")
		p.moveOn(10 * time.Millisecond)
	}
	if p.passes < 60 || p.passes > 10+2*60 {
		t.Errorf("6000 changes in a minute have begun %d passes", p.passes)
	}
	if p.moveOn(time.Second); !p.due.IsZero() {
		t.Error("the last change is not served after a second")
	}
}

func TestTheChangeOfAnotherTenantDoesNotWait(t *testing.T) {
	t.Parallel()
	p, handle := pacedPlan()
	for range 100 {
		p.change(handle, "team-a")
		p.moveOn(time.Millisecond)
	}
	before := p.passes
	p.change(handle, "team-b")
	if p.moveOn(0); p.passes != before+1 {
		t.Errorf("the pass for team-b is due in %v", p.due.Sub(p.now))
	}
}

func TestWhatIsThereAtTheStartDoesNotCount(t *testing.T) {
	t.Parallel()
	p, handle := pacedPlan()
	route := &wsv1alpha1.WebSocketRoute{}
	route.Namespace = "team-a"
	for range 100 {
		handle.Create(t.Context(), event.CreateEvent{Object: route, IsInInitialList: true}, p)
		p.moveOn(0)
	}
	p.change(handle, "team-a")
	if p.moveOn(0); p.passes != 101 {
		t.Errorf("%d passes have begun at once, want 101", p.passes)
	}
}

func TestNamespacesWithoutEndAreForgotten(t *testing.T) {
	t.Parallel()
	p, handle := pacedPlan()
	for i := range 5000 {
		p.change(handle, fmt.Sprintf("team-%d", i))
		p.moveOn(100 * time.Millisecond)
	}
	if p.passes != 5000 {
		t.Errorf("of 5000 namespaces that have asked once, %d did not wait", p.passes)
	}
}
