// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"testing"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

func TestANameThatIsTakenIsNeverTakenOver(t *testing.T) {
	t.Parallel()
	tests := map[string]map[string]string{
		"an object without our label": nil,
		"an object with our label":    {render.GatewayLabel: "edge"},
	}
	for name, labels := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.surroundings()
			foreign := &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: compile.ObjectName("edge"), Labels: labels},
				Data:       map[string]string{"theirs": "untouched"},
			}
			b.create(foreign)
			b.create(b.newGateway("edge"))

			condition := b.becomes("edge", wsv1alpha1.ConditionAccepted, metav1.ConditionFalse, wsv1alpha1.ReasonNameConflict)
			b.g.Expect(condition.Message).To(ContainSubstring("ConfigMap " + compile.ObjectName("edge")))
			var found corev1.ConfigMap
			b.owned("edge", &found)
			b.g.Expect(found.UID).To(Equal(foreign.UID))
			b.g.Expect(found.Data).To(Equal(foreign.Data))
			b.g.Expect(b.exists(&appsv1.Deployment{}, compile.ObjectName("edge"))).To(BeFalse(),
				"pods would mount a foreign ConfigMap")

			b.g.Expect(b.admin.Delete(b.ctx, foreign)).To(Succeed())
			b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) { gw.Spec.Infrastructure.Replicas = new(int32(1)) })
			b.becomes("edge", wsv1alpha1.ConditionAccepted, metav1.ConditionTrue, wsv1alpha1.ReasonAccepted)
			b.g.Eventually(func() bool {
				return b.exists(&appsv1.Deployment{}, compile.ObjectName("edge"))
			}).Should(BeTrue())
		})
	}
}

func TestAForeignCertificateStopsOnlyItsListener(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.surroundings()
	foreign := &cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: compile.CertificateSecretName("edge", "public")},
		Spec:       cmv1.CertificateSpec{SecretName: "theirs", DNSNames: []string{"theirs.example.com"}},
	}
	foreign.Spec.IssuerRef.Name = "ca"
	b.create(foreign)
	b.create(b.newGateway("edge"))
	b.becomes("edge", wsv1alpha1.ConditionAccepted, metav1.ConditionFalse, wsv1alpha1.ReasonNameConflict)
	b.g.Expect(b.exists(&appsv1.Deployment{}, compile.ObjectName("edge"))).To(BeTrue())
}

func TestObjectsOfADeletedGatewayOfTheSameNameAreWaitedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.surroundings()
	left := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: b.namespace, Name: compile.ObjectName("edge"), Labels: map[string]string{render.GatewayLabel: "edge"},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: wsv1alpha1.SchemeGroupVersion.String(), Kind: wsv1alpha1.KindWebSocketGateway,
				Name: "edge", UID: "11111111-1111-1111-1111-111111111111", Controller: new(true),
			}},
		},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}},
	}
	b.create(left)
	b.create(b.newGateway("edge"))
	b.becomes("edge", wsv1alpha1.ConditionAccepted, metav1.ConditionUnknown, wsv1alpha1.ReasonWaitingForDeletion)

	// The garbage collector gets to it, and nothing else has to happen.
	b.g.Expect(b.admin.Delete(b.ctx, left)).To(Succeed())
	b.becomes("edge", wsv1alpha1.ConditionAccepted, metav1.ConditionTrue, wsv1alpha1.ReasonAccepted)
	var service corev1.Service
	b.owned("edge", &service)
	b.g.Expect(metav1.IsControlledBy(&service, b.gateway("edge"))).To(BeTrue())
}

// A gateway that is deleted and created again faster than the garbage collector
// works must not write into the objects of its predecessor.
func TestARecreatedGatewayDoesNotTouchItsPredecessorsObjects(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	gw := b.running("edge")
	var before corev1.Service
	b.owned("edge", &before)
	b.g.Expect(b.admin.Delete(b.ctx, gw)).To(Succeed())
	again := b.newGateway("edge")
	again.Spec.Listeners[0].Port = 8443
	b.create(again)

	b.becomes("edge", wsv1alpha1.ConditionAccepted, metav1.ConditionUnknown, wsv1alpha1.ReasonWaitingForDeletion)
	var after corev1.Service
	b.owned("edge", &after)
	b.g.Expect(after.ResourceVersion).To(Equal(before.ResourceVersion))

	for _, kind := range []client.Object{
		&corev1.ServiceAccount{}, &corev1.Service{}, &corev1.ConfigMap{}, &appsv1.Deployment{},
	} {
		b.owned("edge", kind)
	}
	b.collectGarbage(string(gw.UID))
	b.g.Eventually(func() []int32 { return b.ports("edge") }).Should(ConsistOf(int32(8443)))
}
