// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"testing"

	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// told answers the events of a gateway: how often each reason was told.
func (b *bench) told(gateway string) map[string]int {
	b.t.Helper()
	var list eventsv1.EventList
	b.g.Expect(b.admin.List(b.ctx, &list, client.InNamespace(b.namespace))).To(Succeed())
	told := map[string]int{}
	for i := range list.Items {
		event := &list.Items[i]
		if event.Regarding.Kind != wsv1alpha1.KindWebSocketGateway || event.Regarding.Name != gateway {
			continue
		}
		b.g.Expect(event.Note).NotTo(BeEmpty())
		told[event.Type+" "+event.Reason]++
		if event.Series != nil {
			told[event.Type+" "+event.Reason] += int(event.Series.Count) - 1
		}
	}
	return told
}

func TestEachTurnIsToldOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.create(b.newIssuer("ca"))
	b.create(b.newGateway("edge"))
	b.g.Eventually(func() map[string]int { return b.told("edge") }).Should(HaveKeyWithValue("Warning ServiceNotFound", 1))
	b.create(b.newService("echo"))
	b.setEndpoints("echo", "192.0.2.10")
	b.issue("edge", "public", 1)
	b.rollOut("edge")
	b.becomesReady("edge")
	b.g.Eventually(func() map[string]int { return b.told("edge") }).Should(HaveKeyWithValue("Normal Ready", 1))
	// The way to Ready leads through states that are no reason to worry.
	b.g.Expect(b.told("edge")).NotTo(Or(HaveKey("Warning Issuing"), HaveKey("Warning NoReadyPods"), HaveKey("Warning StaleConfig")))

	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) { gw.Spec.Infrastructure.Replicas = new(int32(2)) })
	b.restart()
	b.quiet()
	b.g.Expect(b.told("edge")).To(And(
		HaveKeyWithValue("Normal Ready", 1), HaveKeyWithValue("Warning ServiceNotFound", 1)))
}
