// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

func TestANewGatewayGetsItsObjectsAndBecomesReady(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	gw := b.running("edge")

	for _, object := range []client.Object{
		&corev1.ServiceAccount{}, &networkingv1.NetworkPolicy{}, &corev1.ConfigMap{}, &appsv1.Deployment{},
		&corev1.Service{}, &policyv1.PodDisruptionBudget{},
	} {
		b.owned("edge", object)
		b.g.Expect(metav1.IsControlledBy(object, gw)).To(BeTrue(), "%T is not owned", object)
	}
	var certificate cmv1.Certificate
	b.g.Expect(b.exists(&certificate, compile.CertificateSecretName("edge", "public"))).To(BeTrue())
	b.g.Expect(certificate.Spec.IssuerRef.Name).To(Equal("ca"))

	files := b.files("edge")
	b.g.Expect(gw.Status.ConfigDigest).To(Equal(contract.Digest([]byte(files[contract.ConfigFile]))))
	b.g.Expect(files[contract.EndpointsFile]).To(ContainSubstring("192.0.2.10:9000"))
	b.g.Expect(gw.Status.Pods.Ready).To(Equal(int32(2)))
	b.g.Expect(gw.Status.Pods.Programmed).To(Equal(int32(2)))
	b.g.Expect(gw.Status.Listeners[0].Certificate.ServedBy).To(Equal(int32(2)))
	b.g.Expect(gw.Finalizers).To(BeEmpty())
}

func TestAGatewayCostsAHandfulOfWrites(t *testing.T) {
	b := newBench(t)
	b.surroundings()
	b.create(b.newGateway("edge"))
	b.issue("edge", "public", 1)
	b.quiet()
	// Seven objects, and the status once when it is seen and once or twice as
	// the facts come in.
	b.g.Expect(len(b.requests.written())).To(BeNumerically("<=", 10), "%v", b.requests.written())
	b.g.Expect(b.requests.writesOf("/status")).To(BeNumerically("<=", 3), "%v", b.requests.written())
}

func TestAGatewayAtRestCostsNoWrites(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.running("edge")
	b.writesNothing(5 * time.Second)
}

func TestARestartOfTheOperatorCostsNoWrites(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.running("edge")
	before := b.gateway("edge")
	b.stop()
	b.requests.reset()
	b.start()
	b.g.Eventually(func() int {
		b.pods.mu.Lock()
		defer b.pods.mu.Unlock()
		return b.pods.asked
	}).Should(BeNumerically(">=", 4))
	b.g.Consistently(b.requests.all, 3*time.Second, 50*time.Millisecond).Should(BeEmpty())
	b.g.Expect(b.gateway("edge").ResourceVersion).To(Equal(before.ResourceVersion))
}
