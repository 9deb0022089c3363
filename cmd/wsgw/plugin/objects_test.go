// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package plugin_test

import (
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmetav1 "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

const digest = "sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"

// condition is one that has been so for an hour.
func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(now.Add(-time.Hour)),
		ObservedGeneration: 1,
	}
}

func allTrue() []metav1.Condition {
	var all []metav1.Condition
	for _, kind := range []string{"Accepted", "ResolvedRefs", "CertificatesReady", "Programmed", "Ready"} {
		all = append(all, condition(kind, metav1.ConditionTrue, kind, "All is well."))
	}
	return all
}

// gateway has a listener, a policy and two routes, and all is well.
func gateway(name string) *wsv1alpha1.WebSocketGateway {
	gw := &wsv1alpha1.WebSocketGateway{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: wsv1alpha1.WebSocketGatewaySpec{
			Listeners: []wsv1alpha1.Listener{{
				Name: "public", Port: 443, Hostnames: []wsv1alpha1.Hostname{"ws.example.com"},
				TLS: wsv1alpha1.ListenerTLS{Certificate: wsv1alpha1.CertificateSource{
					IssuerRef: &wsv1alpha1.IssuerReference{Name: "letsencrypt", Kind: "ClusterIssuer"},
				}},
			}},
			AuthPolicies: []wsv1alpha1.AuthPolicy{{Name: "open", AnyOf: []wsv1alpha1.AuthMethod{{Anonymous: &wsv1alpha1.AnonymousMethod{}}}}},
			Routes: []wsv1alpha1.Route{
				{
					Name: "chat", AuthPolicy: "open", Path: &wsv1alpha1.PathMatch{Value: "/chat"},
					BackendRefs: []wsv1alpha1.BackendReference{{Name: "echo", Port: 8080, Weight: new(int32(90))}, {Name: "canary", Port: 8080, Weight: new(int32(10))}},
				},
				{
					Name: "feed", AuthPolicy: "open", Path: &wsv1alpha1.PathMatch{Type: "Exact", Value: "/feed"},
					BackendRefs: []wsv1alpha1.BackendReference{{Name: "echo", Port: 8080}},
				},
			},
		},
	}
	gw.Status = wsv1alpha1.WebSocketGatewayStatus{
		ObservedGeneration: 1, Conditions: allTrue(), ConfigDigest: digest,
		Addresses: []wsv1alpha1.GatewayAddress{{Type: "IPAddress", Value: "203.0.113.7"}},
		Pods:      &wsv1alpha1.PodCounts{Desired: 2, Ready: 2, Programmed: 2},
		Listeners: []wsv1alpha1.ListenerStatus{{
			Name: "public", AttachedRoutes: 2, TLSVersions: []string{"1.2", "1.3"},
			Certificate: &wsv1alpha1.ServedCertificate{
				SerialNumber: "3f9a0c1122334455", SHA256: "ab", NotAfter: metav1.NewTime(now.Add(61 * 24 * time.Hour)), ServedBy: 2,
			},
		}},
	}
	return gw
}

func labels(gateway string) map[string]string {
	return map[string]string{"wsgateway.dev/gateway": gateway, "app.kubernetes.io/component": "gateway"}
}

// pod is one of a gateway; ready if no reason says why it is not.
func pod(gateway, name, waiting string) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels(gateway)},
		Spec:       corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{{Name: "gateway", Image: "registry.example.com/gateway:0.1.0"}}},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: "10.0.0.7",
			Conditions:        []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{{Name: "gateway", Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}},
		},
	}
	if waiting != "" {
		p.Status.Phase = corev1.PodPending
		p.Status.Conditions[0].Status = corev1.ConditionFalse
		p.Status.ContainerStatuses[0] = corev1.ContainerStatus{
			Name: "gateway", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: waiting, Message: "no such image"}},
		}
	}
	return p
}

// owned makes object a part of owner, which exists.
func owned[T client.Object](object T, owner client.Object, kind schema.GroupVersionKind) T {
	object.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: kind.GroupVersion().String(), Kind: kind.Kind, Name: owner.GetName(), UID: owner.GetUID(), Controller: new(true),
	}})
	return object
}

func certificate(gateway string, ready bool) *cmv1.Certificate {
	c := &cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Name: "wsgw-" + gateway + ".public", Labels: labels(gateway)},
		Spec: cmv1.CertificateSpec{
			SecretName: "wsgw-" + gateway + ".public", DNSNames: []string{"ws.example.com"},
			IssuerRef: cmmetav1.IssuerReference{Name: "letsencrypt", Kind: "ClusterIssuer"},
		},
	}
	if ready {
		c.Status.Revision = new(1)
		c.Status.RenewalTime = new(metav1.NewTime(now.Add(31 * 24 * time.Hour)))
		c.Status.Conditions = []cmv1.CertificateCondition{{Type: "Ready", Status: "True", Reason: "Ready", Message: "Certificate is up to date"}}
		return c
	}
	c.Status.Conditions = []cmv1.CertificateCondition{
		{Type: "Ready", Status: "False", Reason: "DoesNotExist", Message: "Issuing certificate as Secret does not exist"},
		{Type: "Issuing", Status: "True", Reason: "DoesNotExist", Message: "Issuing certificate as Secret does not exist"},
	}
	return c
}

func request(gateway string, ready bool) *cmv1.CertificateRequest {
	r := &cmv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Name: "wsgw-" + gateway + ".public-1", Labels: labels(gateway),
			Annotations: map[string]string{cmv1.CertificateRequestRevisionAnnotationKey: "1"},
		},
		Spec: cmv1.CertificateRequestSpec{Request: []byte("request"), IssuerRef: cmmetav1.IssuerReference{Name: "letsencrypt", Kind: "ClusterIssuer"}},
	}
	condition := cmv1.CertificateRequestCondition{Type: "Ready", Status: "True", Reason: "Issued"}
	if !ready {
		condition = cmv1.CertificateRequestCondition{Type: "Ready", Status: "False", Reason: "Pending", Message: "Waiting on certificate issuance from order"}
	}
	r.Status.Conditions = []cmv1.CertificateRequestCondition{condition}
	return r
}

func order(gateway string) *acmev1.Order {
	return &acmev1.Order{
		ObjectMeta: metav1.ObjectMeta{Name: "wsgw-" + gateway + ".public-1-42", Labels: labels(gateway)},
		Spec: acmev1.OrderSpec{
			Request: []byte("request"), DNSNames: []string{"ws.example.com"},
			IssuerRef: cmmetav1.IssuerReference{Name: "letsencrypt", Kind: "ClusterIssuer"},
		},
		Status: acmev1.OrderStatus{State: acmev1.Pending},
	}
}

func challenge(gateway string) *acmev1.Challenge {
	return &acmev1.Challenge{
		ObjectMeta: metav1.ObjectMeta{Name: "wsgw-" + gateway + ".public-1-42-7"},
		Spec: acmev1.ChallengeSpec{
			Type: acmev1.ACMEChallengeTypeHTTP01, DNSName: "ws.example.com", URL: "https://acme.example.com/c", AuthorizationURL: "https://acme.example.com/a",
			Token: "planted-challenge-token", Key: "planted-challenge-key",
			IssuerRef: cmmetav1.IssuerReference{Name: "letsencrypt", Kind: "ClusterIssuer"},
			Solver:    acmev1.ACMEChallengeSolver{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}}},
		},
		Status: acmev1.ChallengeStatus{State: acmev1.Pending, Processing: true, Reason: "Waiting for HTTP-01 challenge propagation: wrong status code '404'"},
	}
}

// service has this many endpoints that are ready, and one that is not.
func service(name string, ready int) []client.Object {
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: name + "-1", Labels: map[string]string{discoveryv1.LabelServiceName: name}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"10.0.1.99"}, Conditions: discoveryv1.EndpointConditions{Ready: new(false)}}},
	}
	for i := range ready {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{"10.0.1." + string(rune('1'+i))}, Conditions: discoveryv1.EndpointConditions{Ready: new(true)},
		})
	}
	return []client.Object{
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 8080}}}},
		slice,
	}
}

// order makes the certificate of a gateway with all that is under way for it, down
// to the challenge.
func (b *bench) order(gw *wsv1alpha1.WebSocketGateway) {
	b.t.Helper()
	c, r, o := certificate(gw.Name, false), request(gw.Name, false), order(gw.Name)
	b.create(owned(c, gw, wsv1alpha1.SchemeGroupVersion.WithKind("WebSocketGateway")))
	b.create(owned(r, c, cmv1.SchemeGroupVersion.WithKind("Certificate")))
	b.create(owned(o, r, cmv1.SchemeGroupVersion.WithKind("CertificateRequest")))
	b.create(owned(challenge(gw.Name), o, acmev1.SchemeGroupVersion.WithKind("Order")))
}
