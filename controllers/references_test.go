// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

func TestAMissingIssuerIsReportedAndFoundWhenItComes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.create(b.newService("echo"))
	b.create(b.newGateway("edge"))
	condition := b.becomes("edge", wsv1alpha1.ConditionResolvedRefs, metav1.ConditionFalse, wsv1alpha1.ReasonIssuerNotFound)
	b.g.Expect(condition.Message).To(ContainSubstring(`"ca"`))

	b.create(b.newIssuer("ca"))
	b.g.Eventually(func() string {
		return reason(b.gateway("edge"), wsv1alpha1.ConditionResolvedRefs)
	}).ShouldNot(Equal(wsv1alpha1.ReasonIssuerNotFound))
}

func TestAMissingServiceStopsOnlyItsRoute(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.surroundings()
	gw := b.newGateway("edge")
	gw.Spec.Routes = append(gw.Spec.Routes, newRoute("later", "/later", "absent"))
	b.create(gw)
	b.becomes("edge", wsv1alpha1.ConditionResolvedRefs, metav1.ConditionFalse, wsv1alpha1.ReasonServiceNotFound)
	faults := func() map[string]contract.Fault {
		found := map[string]contract.Fault{}
		for _, route := range b.config("edge").Routes {
			found[route.Name] = route.Fault
		}
		return found
	}
	b.g.Expect(faults()).To(Equal(map[string]contract.Fault{"chat": "", "later": contract.FaultBackendNotFound}))

	b.create(b.newService("absent"))
	b.g.Eventually(faults).Should(Equal(map[string]contract.Fault{"chat": "", "later": ""}))
}

const keySet = `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`

func (b *bench) withKeySet(gw *wsv1alpha1.WebSocketGateway) *wsv1alpha1.WebSocketGateway {
	gw.Spec.AuthPolicies = append(gw.Spec.AuthPolicies, wsv1alpha1.AuthPolicy{
		Name: "users", AnyOf: []wsv1alpha1.AuthMethod{{JWT: &wsv1alpha1.JWTMethod{
			Issuer: "https://id.example.com", Audiences: []string{"chat"}, Algorithms: []wsv1alpha1.JWTAlgorithm{"EdDSA"},
			JWKS: wsv1alpha1.KeySetSource{ConfigMapRef: &wsv1alpha1.LocalKeyReference{Name: "keys"}},
		}}},
	})
	gw.Spec.Routes[0].AuthPolicy = "users"
	return gw
}

func (b *bench) inlineKeys(gateway string) string {
	for _, policy := range b.config(gateway).Policies {
		if policy.Name == "users" && len(policy.Methods) == 1 && policy.Methods[0].JWT != nil {
			return policy.Methods[0].JWT.KeySet.Inline
		}
	}
	return ""
}

// A slip in a ConfigMap must not lock everybody out, not even when the operator
// restarts meanwhile; taking the ConfigMap away must.
func TestAMalformedConfigMapKeepsItsLastGoodContent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.surroundings()
	b.create(b.withKeySet(b.newGateway("edge")))
	b.becomes("edge", wsv1alpha1.ConditionResolvedRefs, metav1.ConditionFalse, wsv1alpha1.ReasonConfigMapNotFound)
	b.g.Expect(b.inlineKeys("edge")).To(BeEmpty())

	keys := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "keys"},
		Data:       map[string]string{contract.DefaultKeySetKey: keySet},
	}
	b.create(keys)
	b.g.Eventually(func() string { return b.inlineKeys("edge") }).ShouldNot(BeEmpty())
	good := b.inlineKeys("edge")

	keys.Data[contract.DefaultKeySetKey] = "{"
	b.g.Expect(b.admin.Update(b.ctx, keys)).To(Succeed())
	b.becomes("edge", wsv1alpha1.ConditionResolvedRefs, metav1.ConditionFalse, wsv1alpha1.ReasonConfigMapInvalid)
	b.g.Expect(b.inlineKeys("edge")).To(Equal(good))
	b.restart()
	b.g.Consistently(func() string { return b.inlineKeys("edge") }, 2*time.Second, 50*time.Millisecond).Should(Equal(good))

	b.g.Expect(b.admin.Delete(b.ctx, keys)).To(Succeed())
	b.g.Eventually(func() string { return b.inlineKeys("edge") }).Should(BeEmpty())
}

// newCA answers the certificate of a new CA in PEM.
func newCA(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// Nobody withdraws trust in partners by deleting a ConfigMap: a deployment that
// deletes and creates it must not lock them all out.
func TestADeletedCABundleKeepsItsLastGoodContent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.surroundings()
	bundle := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "partners"},
		Data:       map[string]string{contract.DefaultCAKey: newCA(t)},
	}
	b.create(bundle)
	gw := b.newGateway("edge")
	gw.Spec.Listeners[0].TLS.ClientCertificates = &wsv1alpha1.ClientCertificates{
		Mode: wsv1alpha1.ClientCertificatesRequire, CARefs: []wsv1alpha1.CAReference{{Kind: "ConfigMap", Name: "partners"}},
	}
	b.create(gw)
	asked := func() *contract.ClientCertificates { return b.config("edge").Listeners[0].ClientCertificates }
	b.becomes("edge", wsv1alpha1.ConditionAccepted, metav1.ConditionTrue, wsv1alpha1.ReasonAccepted)
	b.g.Eventually(asked).ShouldNot(BeNil())
	good := asked()
	b.g.Expect(good.Bundles).To(HaveLen(1))
	b.g.Expect(good.Fault).To(BeEmpty())

	b.g.Expect(b.admin.Delete(b.ctx, bundle)).To(Succeed())
	condition := b.becomes("edge", wsv1alpha1.ConditionResolvedRefs, metav1.ConditionFalse, wsv1alpha1.ReasonConfigMapNotFound)
	b.g.Expect(condition.Message).To(ContainSubstring("its last good content stays in force"))
	b.g.Expect(asked()).To(Equal(good))
	b.restart()
	b.g.Consistently(asked, 2*time.Second, 50*time.Millisecond).Should(Equal(good))
}

// Whether a contract fits its file is nothing that the API server can tell. The
// operator says so, and what runs goes on as it is.
func TestASpecThatCannotBeServedChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	before := b.running("edge")
	good := b.files("edge")
	b.requests.reset()

	huge := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "keys"},
		Data:       map[string]string{contract.DefaultKeySetKey: hugeKeySet(contract.MaxInlineBytes)},
	}
	b.create(huge)
	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) {
		b.withKeySet(gw)
		gw.Spec.Infrastructure.Replicas = new(int32(5))
	})
	b.becomes("edge", wsv1alpha1.ConditionAccepted, metav1.ConditionFalse, wsv1alpha1.ReasonInvalid)
	b.becomes("edge", wsv1alpha1.ConditionStalled, metav1.ConditionTrue, wsv1alpha1.ReasonInvalid)
	b.g.Expect(b.files("edge")).To(Equal(good))
	b.g.Expect(b.gateway("edge").Status.ConfigDigest).To(Equal(before.Status.ConfigDigest))
	b.quiet()
	for _, write := range b.requests.written() {
		b.g.Expect(write).To(HaveSuffix("/status"))
	}

	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) { gw.Spec = before.Spec })
	b.becomesReady("edge")
}

func hugeKeySet(size int) string {
	text := `{"keys":[` + keySet[len(`{"keys":[`):len(keySet)-len(`]}`)]
	for len(text) <= size {
		text += "," + keySet[len(`{"keys":[`):len(keySet)-len(`]}`)]
	}
	return text + "]}"
}

// Backends come and go all day long. Nobody shall take that for a change of the
// gateway.
func TestEndpointsAreNoChangeOfTheConfiguration(t *testing.T) {
	b := newBench(t)
	before := b.running("edge")
	b.requests.reset()
	for i, address := range []string{"192.0.2.20", "192.0.2.21", "192.0.2.22", "192.0.2.23", "192.0.2.24"} {
		b.setEndpoints("echo", address)
		if i == 0 {
			b.g.Eventually(func() string { return b.files("edge")[contract.EndpointsFile] }).Should(ContainSubstring(address))
		}
	}
	b.g.Eventually(func() string {
		return b.files("edge")[contract.EndpointsFile]
	}).Should(ContainSubstring("192.0.2.24:9000"))
	b.quiet()

	after := b.gateway("edge")
	b.g.Expect(after.ResourceVersion).To(Equal(before.ResourceVersion), "the status moved")
	b.g.Expect(contract.Digest([]byte(b.files("edge")[contract.ConfigFile]))).To(Equal(before.Status.ConfigDigest))
	// Five changes within moments: at most two writes of the contract (and one
	// that moves its fields to server-side apply), and for each one touch per pod.
	b.g.Expect(b.requests.writesOf("/configmaps/wsgw-edge")).To(BeNumerically("<=", 3), "%v", b.requests.written())
	b.g.Expect(len(b.requests.written())).To(BeNumerically("<=", 7), "%v", b.requests.written())
}

func TestAChangedRouteCostsAFewWrites(t *testing.T) {
	b := newBench(t)
	b.running("edge")
	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) {
		gw.Spec.Routes = append(gw.Spec.Routes, newRoute("first", "/first", "echo"))
	})
	b.becomesReady("edge")
	b.quiet()
	b.requests.reset()
	started := time.Now()
	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) {
		gw.Spec.Routes = append(gw.Spec.Routes, newRoute("more", "/more", "echo"))
	})
	b.becomesReady("edge")
	took := time.Since(started)
	b.quiet()
	// The contract, one touch for each of two pods, the status when the change
	// is seen and when every pod reports it.
	b.g.Expect(b.requests.writesOf("/configmaps/wsgw-edge")).To(Equal(1))
	b.g.Expect(len(b.requests.written())).To(BeNumerically("<=", 5+repeated(2, took)), "%v", b.requests.written())
}

// repeated is how many writes more there may be where so many pods took so long to
// report what they were told: each is told again, and the status may say that one
// has reported before the other. Where nothing has to wait it is zero.
func repeated(pods int, took time.Duration) int {
	attempts := 0
	for _, pause := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 30 * time.Second} {
		if took < pause {
			break
		}
		took -= pause
		attempts++
	}
	if attempts == 0 {
		return 0
	}
	return attempts*pods + pods - 1
}

func reason(gw *wsv1alpha1.WebSocketGateway, kind string) string {
	for _, condition := range gw.Status.Conditions {
		if condition.Type == kind {
			return condition.Reason
		}
	}
	return ""
}

func TestAnExternalIssuerIsTakenForGranted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.create(b.newService("echo"))
	gw := b.newGateway("edge")
	gw.Spec.Listeners[0].TLS.Certificate.IssuerRef = &wsv1alpha1.IssuerReference{
		Group: "issuers.example.com", Kind: "CloudIssuer", Name: "cloud",
	}
	b.create(gw)
	b.g.Eventually(func() string {
		return reason(b.gateway("edge"), wsv1alpha1.ConditionAccepted)
	}).Should(Equal(wsv1alpha1.ReasonAccepted))
	b.g.Expect(reason(b.gateway("edge"), wsv1alpha1.ConditionResolvedRefs)).NotTo(Equal(wsv1alpha1.ReasonIssuerNotFound))
}
