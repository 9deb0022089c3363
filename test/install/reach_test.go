// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/test/apiserver"
)

const (
	notItsPods   = "selects the pods of the gateway that owns it"
	outsideWorld = "no external address"
	alias        = "points no Service at a name elsewhere"
)

// What a gateway owns may do nothing to anybody else's pods: the policies refuse it
// to who has the operator's token, and an administrator may do it.
func TestThePoliciesBoundWhatAGatewaysObjectsReach(t *testing.T) {
	s := newStage(t)
	s.theOperatorMakesItsObjects(t)
	s.reachIsInForce(t)
	for name, row := range map[string]struct {
		object      client.Object
		patch, want string
	}{
		"a Service for the pods of somebody else":   {&corev1.Service{}, `{"spec":{"selector":{"app":"shop","wsgateway.dev/gateway":null}}}`, notItsPods},
		"a Service for the pods of another gateway": {&corev1.Service{}, `{"spec":{"selector":{"wsgateway.dev/gateway":"other"}}}`, notItsPods},
		"a Service for no pods at all":              {&corev1.Service{}, `{"spec":{"selector":null}}`, notItsPods},
		"a Service with an address of the cluster":  {&corev1.Service{}, `{"spec":{"externalIPs":["10.96.0.10"]}}`, outsideWorld},
		"a Service that is an alias":                {&corev1.Service{}, `{"spec":{"type":"ExternalName","externalName":"evil.example.com","clusterIP":null,"clusterIPs":null,"ipFamilies":null}}`, alias},
		"a Service with another port":               {&corev1.Service{}, `{"spec":{"ports":[{"port":8443,"name":"more"}]}}`, ""},
		"a NetworkPolicy for all pods": {
			&networkingv1.NetworkPolicy{}, `{"spec":{"podSelector":{"matchLabels":null}}}`, notItsPods,
		},
		"a NetworkPolicy for all pods but those of the gateway": {
			&networkingv1.NetworkPolicy{},
			`{"spec":{"podSelector":{"matchLabels":null,"matchExpressions":[{"key":"wsgateway.dev/gateway","operator":"DoesNotExist"}]}}}`, notItsPods,
		},
		"a NetworkPolicy that lets somebody in": {&networkingv1.NetworkPolicy{}, `{"spec":{"ingress":[{}]}}`, ""},
		"a disruption budget for all pods": {
			&policyv1.PodDisruptionBudget{}, `{"spec":{"selector":{"matchLabels":null}}}`, notItsPods,
		},
		"a disruption budget with another number": {&policyv1.PodDisruptionBudget{}, `{"spec":{"maxUnavailable":0}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			judge(t, s, row.want, func(by client.Client) error {
				row.object.SetNamespace("chat")
				row.object.SetName("wsgw-edge")
				patch := client.RawPatch(types.MergePatchType, []byte(row.patch))
				return by.Patch(t.Context(), row.object, patch, client.DryRunAll)
			})
		})
	}
	for name, row := range map[string]struct {
		object client.Object
		want   string
	}{
		"a new Service for anybody's pods": {
			&corev1.Service{Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "shop"}, Ports: []corev1.ServicePort{{Port: 1}}}}, notItsPods,
		},
		"a new NetworkPolicy for all pods":          {&networkingv1.NetworkPolicy{}, notItsPods},
		"a new disruption budget for nobody's pods": {&policyv1.PodDisruptionBudget{}, notItsPods},
		"a new Service for the gateway's pods": {
			&corev1.Service{Spec: corev1.ServiceSpec{Selector: render.PodLabels("edge"), Ports: []corev1.ServicePort{{Port: 1}}}}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			judge(t, s, row.want, func(by client.Client) error {
				object, isObject := row.object.DeepCopyObject().(client.Object)
				if !isObject {
					t.Fatalf("%T is no object", row.object)
				}
				s.owns(object)
				return by.Create(t.Context(), object, client.DryRunAll)
			})
		})
	}
	t.Run("what somebody else has done keeps the operator from nothing", func(t *testing.T) { s.mends(t) })
}

// reachIsInForce waits for the policy, which comes into force by itself.
func (s *stage) reachIsInForce(t *testing.T) {
	t.Helper()
	NewWithT(t).Eventually(func() error {
		service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "chat", Name: "wsgw-edge"}}
		patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"externalIPs":["192.0.2.1"]}}`))
		return s.operator.Patch(t.Context(), service, patch, client.DryRunAll)
	}).WithTimeout(apiserver.Patience).Should(MatchError(ContainSubstring(outsideWorld)))
}

// owns makes an object one that the gateway of the stage owns.
func (s *stage) owns(object client.Object) {
	object.SetNamespace("chat")
	object.SetName("another")
	object.SetLabels(map[string]string{render.GatewayLabel: "edge"})
	object.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: wsv1alpha1.SchemeGroupVersion.String(), Kind: wsv1alpha1.KindWebSocketGateway,
		Name: s.gateway.Name, UID: s.gateway.UID, Controller: new(true),
	}})
}

// mends shows that the operator can still write an object that an administrator has
// made one which the operator may not make, and can put it right.
func (s *stage) mends(t *testing.T) {
	t.Helper()
	service := func() *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "chat", Name: "wsgw-edge"}}
	}
	for _, step := range []struct {
		by    client.Client
		patch string
	}{
		{shared.admin, `{"spec":{"externalIPs":["192.0.2.1"],"selector":{"wsgateway.dev/gateway":"other"}}}`},
		{s.operator, `{"metadata":{"annotations":{"a":"b"}}}`},
		{s.operator, `{"spec":{"externalIPs":null,"selector":{"wsgateway.dev/gateway":"edge"}}}`},
	} {
		if err := step.by.Patch(t.Context(), service(), client.RawPatch(types.MergePatchType, []byte(step.patch))); err != nil {
			t.Fatalf("%s: %v", step.patch, err)
		}
	}
}
