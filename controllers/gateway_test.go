// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"fmt"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// newGateway is a gateway that lacks nothing, once its issuer and its Service
// exist.
func (b *bench) newGateway(name string) *wsv1alpha1.WebSocketGateway {
	return &wsv1alpha1.WebSocketGateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: name},
		Spec: wsv1alpha1.WebSocketGatewaySpec{
			Listeners: []wsv1alpha1.Listener{newListener("public", 443, "ws.example.com")},
			AuthPolicies: []wsv1alpha1.AuthPolicy{{
				Name: "all", AnyOf: []wsv1alpha1.AuthMethod{{Anonymous: &wsv1alpha1.AnonymousMethod{}}},
			}},
			Routes: []wsv1alpha1.Route{newRoute("chat", "/chat", "echo")},
			Infrastructure: &wsv1alpha1.Infrastructure{
				Service: &wsv1alpha1.Service{Type: wsv1alpha1.ServiceTypeClusterIP},
			},
		},
	}
}

func newListener(name string, port int32, hostname string) wsv1alpha1.Listener {
	return wsv1alpha1.Listener{
		Name: name, Port: port, Hostnames: []wsv1alpha1.Hostname{wsv1alpha1.Hostname(hostname)},
		TLS: wsv1alpha1.ListenerTLS{Certificate: wsv1alpha1.CertificateSource{
			IssuerRef: &wsv1alpha1.IssuerReference{Name: "ca"},
		}},
	}
}

func newRoute(name, path, service string) wsv1alpha1.Route {
	return wsv1alpha1.Route{
		Name: name, Path: &wsv1alpha1.PathMatch{Value: path}, AuthPolicy: "all",
		BackendRefs: []wsv1alpha1.BackendReference{{Name: service, Port: 8080}},
	}
}

// surroundings creates what newGateway refers to.
func (b *bench) surroundings() {
	b.t.Helper()
	b.create(b.newIssuer("ca"))
	b.create(b.newService("echo"))
	b.setEndpoints("echo", "192.0.2.10")
}

func (b *bench) newIssuer(name string) *cmv1.Issuer {
	return &cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: name},
		Spec:       cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}}},
	}
}

func (b *bench) newService(name string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: name},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "ws", Port: 8080}}},
	}
}

// setEndpoints plays the EndpointSlice controller.
func (b *bench) setEndpoints(service string, addresses ...string) {
	b.t.Helper()
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: b.namespace, Name: service + "-1", Labels: map[string]string{discoveryv1.LabelServiceName: service},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: new("ws"), Port: new(int32(9000)), Protocol: new(corev1.ProtocolTCP)}},
	}
	for _, address := range addresses {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{address}, Conditions: discoveryv1.EndpointConditions{Ready: new(true)},
		})
	}
	existing := &discoveryv1.EndpointSlice{}
	err := b.admin.Get(b.ctx, client.ObjectKeyFromObject(slice), existing)
	if err == nil {
		existing.Endpoints = slice.Endpoints
		b.g.Expect(b.admin.Update(b.ctx, existing)).To(Succeed())
		return
	}
	b.create(slice)
}

func (b *bench) create(object client.Object) {
	b.t.Helper()
	b.g.Expect(b.admin.Create(b.ctx, object)).To(Succeed())
}

// change edits the spec of a gateway.
func (b *bench) change(name string, edit func(*wsv1alpha1.WebSocketGateway)) {
	b.t.Helper()
	b.g.Eventually(func() error {
		gw := b.gateway(name)
		edit(gw)
		return b.admin.Update(b.ctx, gw)
	}).Should(Succeed())
}

func (b *bench) gateway(name string) *wsv1alpha1.WebSocketGateway {
	b.t.Helper()
	gw := &wsv1alpha1.WebSocketGateway{}
	b.g.Expect(b.admin.Get(b.ctx, client.ObjectKey{Namespace: b.namespace, Name: name}, gw)).To(Succeed())
	return gw
}

// becomes waits until a condition of the gateway, found for its current spec,
// has the status and reason.
func (b *bench) becomes(gateway, condition string, status metav1.ConditionStatus, reason string) *metav1.Condition {
	b.t.Helper()
	var found *metav1.Condition
	b.g.Eventually(func() error {
		gw := b.gateway(gateway)
		found = meta.FindStatusCondition(gw.Status.Conditions, condition)
		if found == nil {
			return fmt.Errorf("no condition %s yet", condition)
		}
		if found.Status != status || found.Reason != reason || found.ObservedGeneration != gw.Generation {
			return fmt.Errorf("condition %s is %s/%s of generation %d, gateway has %d: %s",
				condition, found.Status, found.Reason, found.ObservedGeneration, gw.Generation, found.Message)
		}
		return nil
	}).Should(Succeed())
	return found
}

func (b *bench) becomesReady(gateway string) {
	b.t.Helper()
	b.becomes(gateway, wsv1alpha1.ConditionReady, metav1.ConditionTrue, wsv1alpha1.ReasonReady)
}

// running makes a gateway that is Ready with running pods and a certificate.
func (b *bench) running(name string) *wsv1alpha1.WebSocketGateway {
	b.t.Helper()
	b.surroundings()
	b.create(b.newGateway(name))
	b.issue(name, "public", 1)
	b.rollOut(name)
	b.becomesReady(name)
	b.quiet()
	return b.gateway(name)
}

// owned gets one of the objects that are named after the gateway.
func (b *bench) owned(gateway string, object client.Object) {
	b.t.Helper()
	key := client.ObjectKey{Namespace: b.namespace, Name: compile.ObjectName(gateway)}
	b.g.Eventually(func() error { return b.admin.Get(b.ctx, key, object) }).Should(Succeed())
}

// files answers the contract in the cluster.
func (b *bench) files(gateway string) map[string]string {
	b.t.Helper()
	var found corev1.ConfigMap
	b.owned(gateway, &found)
	return found.Data
}

func (b *bench) config(gateway string) contract.Config {
	b.t.Helper()
	parsed, err := contract.ParseConfig([]byte(b.files(gateway)[contract.ConfigFile]))
	b.g.Expect(err).NotTo(HaveOccurred())
	return parsed
}

func (b *bench) exists(object client.Object, name string) bool {
	b.t.Helper()
	err := b.admin.Get(b.ctx, client.ObjectKey{Namespace: b.namespace, Name: name}, object)
	b.g.Expect(client.IgnoreNotFound(err)).To(Succeed())
	return err == nil
}
