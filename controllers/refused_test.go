// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
)

// Requests above limits pass the schema of our kind; only the API server can
// tell, and its words must reach the user and not only a log.
func TestWhatTheAPIServerRefusesReachesTheUser(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.surroundings()
	gw := b.newGateway("edge")
	gw.Spec.Infrastructure.Resources = &corev1.ResourceRequirements{
		Limits:   corev1.ResourceList{corev1.ResourceCPU: mustQuantity("1")},
		Requests: corev1.ResourceList{corev1.ResourceCPU: mustQuantity("2")},
	}
	b.create(gw)
	condition := b.becomes("edge", wsv1alpha1.ConditionAccepted, metav1.ConditionFalse, wsv1alpha1.ReasonInvalid)
	b.g.Expect(condition.Message).To(ContainSubstring("must be less than or equal to cpu limit"))
	b.quiet()

	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) { gw.Spec.Infrastructure.Resources = nil })
	b.becomes("edge", wsv1alpha1.ConditionAccepted, metav1.ConditionTrue, wsv1alpha1.ReasonAccepted)
	b.g.Expect(b.exists(&appsv1.Deployment{}, compile.ObjectName("edge"))).To(BeTrue())
}
