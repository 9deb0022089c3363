// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

func mustQuantity(text string) resource.Quantity { return resource.MustParse(text) }

// secondListener makes the gateway "edge" with two listeners and returns the name of
// the Certificate of the second, once it is there.
func (b *bench) secondListener() string {
	b.t.Helper()
	b.surroundings()
	gw := b.newGateway("edge")
	gw.Spec.Listeners = append(gw.Spec.Listeners, newListener("second", 443, "second.example.com"))
	b.create(gw)
	second := compile.CertificateSecretName("edge", "second")
	b.g.Eventually(func() bool { return b.exists(&cmv1.Certificate{}, second) }).Should(BeTrue())
	return second
}

func TestTheCertificateOfARemovedListenerIsRemoved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	second := b.secondListener()

	// One that looks like ours and is not: labels prove nothing.
	foreign := &cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: b.namespace, Name: "foreign", Labels: map[string]string{render.GatewayLabel: "edge"},
		},
		Spec: cmv1.CertificateSpec{SecretName: "foreign", DNSNames: []string{"foreign.example.com"}},
	}
	foreign.Spec.IssuerRef.Name = "ca"
	b.create(foreign)

	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) { gw.Spec.Listeners = gw.Spec.Listeners[:1] })
	b.g.Eventually(func() bool { return b.exists(&cmv1.Certificate{}, second) }).Should(BeFalse())
	b.g.Expect(b.exists(&cmv1.Certificate{}, compile.CertificateSecretName("edge", "public"))).To(BeTrue())
	b.g.Consistently(func() bool { return b.exists(&cmv1.Certificate{}, "foreign") }, time.Second).Should(BeTrue())
}

// Whoever pauses a gateway is told what happens once they let go of it.
func TestOfAPausedGatewayNothingIsRemoved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	second := b.secondListener()

	b.annotate("edge", wsv1alpha1.AnnotationPaused, "true")
	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) { gw.Spec.Listeners = gw.Spec.Listeners[:1] })
	b.g.Eventually(func() string {
		return b.becomes("edge", wsv1alpha1.ConditionProgrammed, metav1.ConditionFalse, wsv1alpha1.ReasonPaused).Message
	}).Should(ContainSubstring("Certificate " + second + " would be removed"))
	b.g.Expect(b.exists(&cmv1.Certificate{}, second)).To(BeTrue())
	b.annotate("edge", wsv1alpha1.AnnotationPaused, "")
	b.g.Eventually(func() bool { return b.exists(&cmv1.Certificate{}, second) }).Should(BeFalse())
}

func TestNothingIsWrittenForAGatewayThatIsGone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	gw := b.running("edge")
	b.requests.reset()
	b.g.Expect(b.admin.Delete(b.ctx, gw)).To(Succeed())
	b.g.Eventually(func() bool { return b.exists(&wsv1alpha1.WebSocketGateway{}, "edge") }).Should(BeFalse(),
		"somebody has put a finalizer on it")
	// No garbage collector runs here, so the objects stay, and their owner
	// references are what it would go by.
	var service corev1.Service
	b.owned("edge", &service)
	b.g.Expect(*metav1.GetControllerOf(&service).BlockOwnerDeletion).To(BeTrue())
	b.g.Expect(metav1.GetControllerOf(&service).UID).To(Equal(gw.UID))
	b.g.Expect(b.admin.Delete(b.ctx, &service)).To(Succeed())
	b.g.Consistently(b.requests.all, 2*time.Second, 50*time.Millisecond).Should(BeEmpty())

	b.pods.mu.Lock()
	asked := b.pods.asked
	b.pods.mu.Unlock()
	b.g.Expect(asked).To(BeNumerically(">", 0))
}
