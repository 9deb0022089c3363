// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"testing"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/test/apiserver"
)

// The order in which a cluster is filled is nobody's business: the operator
// starts without cert-manager, says so, and goes on by itself.
func TestCertManagerMayComeLater(t *testing.T) {
	t.Parallel()
	bare, err := newWorld(false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bare.environment.Stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	b := newBenchIn(t, bare)
	b.start()
	b.create(b.newService("echo"))
	b.setEndpoints("echo", "192.0.2.10")
	b.create(b.newGateway("edge"))
	b.becomes("edge", wsv1alpha1.ConditionResolvedRefs, metav1.ConditionFalse, wsv1alpha1.ReasonCertManagerNotInstalled)
	b.g.Expect(b.exists(&appsv1.Deployment{}, compile.ObjectName("edge"))).To(BeTrue(), "nothing else has to wait")

	dir, err := certManagerCRDs()
	b.g.Expect(err).NotTo(HaveOccurred())
	_, err = envtest.InstallCRDs(bare.environment.Config, envtest.CRDInstallOptions{
		Paths: []string{dir}, MaxTime: apiserver.Patience,
	})
	b.g.Expect(err).NotTo(HaveOccurred())
	b.becomes("edge", wsv1alpha1.ConditionResolvedRefs, metav1.ConditionFalse, wsv1alpha1.ReasonIssuerNotFound)
	b.create(b.newIssuer("ca"))
	b.g.Eventually(func() bool {
		return b.exists(&cmv1.Certificate{}, compile.CertificateSecretName("edge", "public"))
	}).Should(BeTrue())
	b.issue("edge", "public", 1)
	b.rollOut("edge")
	b.becomesReady("edge")
}
