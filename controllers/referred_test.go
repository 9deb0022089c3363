// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"testing"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmetav1 "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// newShared is a Certificate that nobody of us has made.
func (b *bench) newShared(names ...string) *cmv1.Certificate {
	return &cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "shared"},
		Spec: cmv1.CertificateSpec{
			SecretName: "shared-tls", DNSNames: names, IssuerRef: cmmetav1.IssuerReference{Name: "ca"},
		},
	}
}

// A Certificate that somebody else maintains is watched although it does not carry
// our label: what is wrong with it, what is issued for it and that it goes away
// reaches the gateway without anybody touching the gateway.
func TestACertificateOfSomebodyElseIsServed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.surroundings()
	gw := b.newGateway("edge")
	gw.Spec.Listeners[0].TLS.Certificate = wsv1alpha1.CertificateSource{CertificateRef: &wsv1alpha1.LocalReference{Name: "shared"}}
	b.create(gw)
	b.becomes("edge", wsv1alpha1.ConditionResolvedRefs, metav1.ConditionFalse, wsv1alpha1.ReasonCertificateNotFound)
	b.g.Expect(b.mounts("edge")).To(BeEmpty())

	shared := b.newShared("other.example.com")
	b.create(shared)
	b.becomes("edge", wsv1alpha1.ConditionResolvedRefs, metav1.ConditionFalse, wsv1alpha1.ReasonCertificateIncomplete)
	shared.Spec.DNSNames = []string{"ws.example.com"}
	b.g.Expect(b.admin.Update(b.ctx, shared)).To(Succeed())
	b.becomes("edge", wsv1alpha1.ConditionResolvedRefs, metav1.ConditionTrue, wsv1alpha1.ReasonResolvedRefs)
	b.g.Eventually(func() []string { return b.mounts("edge") }).Should(ConsistOf("shared-tls"))
	b.g.Expect(b.config("edge").Listeners[0].CertificateSecret).To(Equal("shared-tls"))

	b.issueCertificate("shared", "public", 1)
	b.rollOut("edge")
	b.becomesReady("edge")
	second := b.issueCertificate("shared", "public", 2)
	b.g.Eventually(func() string { return b.gateway("edge").Status.Listeners[0].Certificate.SerialNumber }).
		Should(Equal(second.report.SerialNumber), "the pods are not told of a renewal")

	wish := soon()
	b.annotate("edge", wsv1alpha1.AnnotationRotateAt, wish)
	b.handled("edge", wish)
	b.g.Expect(b.requests.writesOf("/certificates/shared/status")).To(BeZero(), "it is not ours to renew")

	b.g.Expect(b.admin.Delete(b.ctx, shared)).To(Succeed())
	b.becomes("edge", wsv1alpha1.ConditionResolvedRefs, metav1.ConditionFalse, wsv1alpha1.ReasonCertificateNotFound)
	b.quiet()
	b.g.Expect(b.mounts("edge")).To(ConsistOf("shared-tls"), "what it has is taken away from the listener")
	b.g.Expect(b.config("edge").Listeners[0].CertificateSecret).To(Equal("shared-tls"))
}
