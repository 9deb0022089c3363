// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package observe_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"math/big"
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmetav1 "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/observe"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

func gateway() *wsv1alpha1.WebSocketGateway {
	gw := &wsv1alpha1.WebSocketGateway{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "edge", UID: "gateway"}}
	gw.Spec.Listeners = []wsv1alpha1.Listener{{Name: "public", Port: 443, TLS: wsv1alpha1.ListenerTLS{
		Certificate: wsv1alpha1.CertificateSource{IssuerRef: &wsv1alpha1.IssuerReference{Name: "ca"}},
	}}}
	return gw
}

func certificateOf(change func(*cmv1.Certificate)) *cmv1.Certificate {
	certificate := &cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ns", Name: "wsgw-edge.public", UID: "certificate", Labels: map[string]string{render.GatewayLabel: "edge"},
		OwnerReferences: []metav1.OwnerReference{{Kind: "WebSocketGateway", Name: "edge", UID: "gateway", Controller: new(true)}},
	}}
	if change != nil {
		change(certificate)
	}
	return certificate
}

func requestOf(revision string, chain []byte, conditions ...cmv1.CertificateRequestCondition) *cmv1.CertificateRequest {
	return &cmv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", Name: "request-" + revision, Labels: map[string]string{render.GatewayLabel: "edge"},
			Annotations: map[string]string{cmv1.CertificateRequestRevisionAnnotationKey: revision},
			OwnerReferences: []metav1.OwnerReference{{
				Kind: "Certificate", Name: "wsgw-edge.public", UID: "certificate", Controller: new(true),
			}},
		},
		Status: cmv1.CertificateRequestStatus{Certificate: chain, Conditions: conditions},
	}
}

// chain is a leaf of the serial number, and one more certificate behind it.
func chain(t *testing.T, serial int64) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	for _, number := range []int64{serial, 7} {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(number), NotBefore: time.Unix(1_000_000, 0), NotAfter: time.Unix(2_000_000, 0),
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return text
}

func ready(reason, message string) cmv1.CertificateRequestCondition {
	return cmv1.CertificateRequestCondition{
		Type: cmv1.CertificateRequestConditionReady, Status: cmmetav1.ConditionFalse, Reason: reason, Message: message,
	}
}

func issued(revision int) func(*cmv1.Certificate) {
	return func(c *cmv1.Certificate) { c.Status.Revision = new(revision) }
}

func failedOnce(attempts int) func(*cmv1.Certificate) {
	return func(c *cmv1.Certificate) {
		c.Status.Revision = new(1)
		c.Status.LastFailureTime = new(metav1.NewTime(time.Unix(1_500_000, 0)))
		c.Status.FailedIssuanceAttempts = new(attempts)
		c.Status.Conditions = []cmv1.CertificateCondition{{
			Type: cmv1.CertificateConditionIssuing, Status: cmmetav1.ConditionFalse, Reason: "Failed", Message: "order failed",
		}}
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	first, second := chain(t, 0x11), chain(t, 0x22)
	tests := map[string]struct {
		objects []runtime.Object
		want    map[string]string // what matters, in words
	}{
		"the leaf of the current revision is wanted": {
			objects: []runtime.Object{certificateOf(issued(2)), requestOf("1", first), requestOf("2", second)},
			want:    map[string]string{"serial": "22"},
		},
		"a request whose revision is not yet current is not": {
			objects: []runtime.Object{certificateOf(issued(1)), requestOf("1", first), requestOf("2", second)},
			want:    map[string]string{"serial": "11"},
		},
		"a request that somebody else made does not count": {
			objects: []runtime.Object{certificateOf(issued(1)), func() runtime.Object {
				foreign := requestOf("1", first)
				foreign.OwnerReferences[0].UID = "another"
				return foreign
			}()},
			want: map[string]string{},
		},
		"a Certificate that somebody else made does not count": {
			objects: []runtime.Object{certificateOf(func(c *cmv1.Certificate) {
				issued(1)(c)
				c.OwnerReferences = nil
			}), requestOf("1", first)},
			want: nil,
		},
		"nothing is wanted before the first revision": {
			objects: []runtime.Object{certificateOf(nil), requestOf("0", first)},
			want:    map[string]string{},
		},
		"a chain that cannot be read is not wanted": {
			objects: []runtime.Object{certificateOf(issued(1)), requestOf("1", []byte("hello"))},
			want:    map[string]string{},
		},
		"a failed attempt says when the next one comes": {
			objects: []runtime.Object{certificateOf(failedOnce(1)), requestOf("1", first)},
			want:    map[string]string{"serial": "11", "failure": "Failed: order failed", "next": "1h0m0s"},
		},
		"it has failed until another attempt succeeds": {
			objects: []runtime.Object{certificateOf(func(c *cmv1.Certificate) {
				failedOnce(1)(c)
				c.Status.Conditions = []cmv1.CertificateCondition{{
					Type: cmv1.CertificateConditionIssuing, Status: cmmetav1.ConditionTrue, Reason: "Renewing", Message: "once more",
				}}
			}), requestOf("1", first), requestOf("2", nil, ready("Pending", "soon"))},
			want: map[string]string{"serial": "11", "failure": "Failed: the last attempt failed at 1970-01-18T08:40:00Z, another one is under way"},
		},
		"later attempts come later": {
			objects: []runtime.Object{certificateOf(failedOnce(4))},
			want:    map[string]string{"failure": "Failed: order failed", "next": "8h0m0s"},
		},
		"but not later than 32 hours": {
			objects: []runtime.Object{certificateOf(failedOnce(90))},
			want:    map[string]string{"failure": "Failed: order failed", "next": "32h0m0s"},
		},
		"a denied request is a failure": {
			objects: []runtime.Object{certificateOf(issued(1)), requestOf("2", nil, cmv1.CertificateRequestCondition{
				Type: cmv1.CertificateRequestConditionDenied, Status: cmmetav1.ConditionTrue, Reason: "Policy", Message: "no",
			})},
			want: map[string]string{"failure": "Denied: Policy: no"},
		},
		"a pending request is not": {
			objects: []runtime.Object{certificateOf(issued(1)), requestOf("2", nil, ready("Pending", "soon"))},
			want:    map[string]string{},
		},
		"a failed request is": {
			objects: []runtime.Object{certificateOf(issued(1)), requestOf("2", nil, ready("Failed", "refused by the CA"))},
			want:    map[string]string{"failure": "Failed: refused by the CA"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scheme := runtime.NewScheme()
			if err := cmv1.AddToScheme(scheme); err != nil {
				t.Fatal(err)
			}
			reader := fake.NewClientBuilder().WithScheme(scheme).WithRuntimeObjects(tt.objects...).Build()
			found, err := observe.Certificates(t.Context(), reader, nil, gateway())
			if err != nil {
				t.Fatal(err)
			}
			certificate, ok := found["public"]
			if ok != (tt.want != nil) {
				t.Fatalf("Certificates() = %+v, want the listener: %v", found, tt.want != nil)
			}
			if got := describe(certificate); ok && !maps.Equal(got, tt.want) {
				t.Errorf("Certificates() = %v, want %v", got, tt.want)
			}
		})
	}
}

func describe(certificate status.Certificate) map[string]string {
	words := map[string]string{}
	if certificate.Wanted != nil {
		words["serial"] = certificate.Wanted.SerialNumber
	}
	if certificate.FailureReason != "" {
		words["failure"] = certificate.FailureReason + ": " + certificate.FailureMessage
	}
	if !certificate.NextAttempt.IsZero() {
		words["next"] = certificate.NextAttempt.Sub(time.Unix(1_500_000, 0)).String()
	}
	return words
}
