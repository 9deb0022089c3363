// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// serviceAccount has no permission and hands out no token: a gateway pod never
// talks to the API server. It exists so that whatever a cluster grants to its
// default account does not reach a pod that faces the Internet.
func serviceAccount(gw *wsv1alpha1.WebSocketGateway) *corev1ac.ServiceAccountApplyConfiguration {
	return corev1ac.ServiceAccount(compile.ObjectName(gw.Name), gw.Namespace).
		WithLabels(labels(gw, componentGateway)).
		WithOwnerReferences(owner(gw)).
		WithAutomountServiceAccountToken(false)
}

// networkPolicy lets anybody reach the listeners and next to nobody the admin
// port. Egress is not restricted: only the user knows where key servers and
// backends are.
func networkPolicy(gw *wsv1alpha1.WebSocketGateway, options Options) *networkingv1ac.NetworkPolicyApplyConfiguration {
	listeners := networkingv1ac.NetworkPolicyIngressRule()
	for _, port := range ports(gw) {
		listeners.WithPorts(tcp(contract.BindPort(port)))
	}
	spec := networkingv1ac.NetworkPolicySpec().
		WithPodSelector(selector(gw)).
		WithPolicyTypes(networkingv1.PolicyTypeIngress).
		WithIngress(listeners)

	// An ingress rule with an empty list of peers admits the whole world: the
	// admin port gets a rule only if somebody is in it.
	if peers := adminPeers(options); len(peers) > 0 {
		spec.WithIngress(networkingv1ac.NetworkPolicyIngressRule().
			WithPorts(tcp(contract.AdminPort)).
			WithFrom(peers...))
	}
	return networkingv1ac.NetworkPolicy(compile.ObjectName(gw.Name), gw.Namespace).
		WithLabels(labels(gw, componentGateway)).
		WithOwnerReferences(owner(gw)).
		WithSpec(spec)
}

func adminPeers(options Options) []*networkingv1ac.NetworkPolicyPeerApplyConfiguration {
	var peers []*networkingv1ac.NetworkPolicyPeerApplyConfiguration
	if options.OperatorNamespace != "" && len(options.OperatorPodLabels) > 0 {
		peers = append(peers, networkingv1ac.NetworkPolicyPeer().
			WithNamespaceSelector(metav1ac.LabelSelector().
				WithMatchLabels(map[string]string{corev1.LabelMetadataName: options.OperatorNamespace})).
			WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(options.OperatorPodLabels)))
	}
	return append(peers, options.MetricsFrom...)
}

func tcp(port int32) *networkingv1ac.NetworkPolicyPortApplyConfiguration {
	return networkingv1ac.NetworkPolicyPort().
		WithProtocol(corev1.ProtocolTCP).
		WithPort(intstr.FromInt32(port))
}
