// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// GatewayLabel is on every object and pod of a gateway; its value is the
// gateway's name. The operator's caches select by it.
const GatewayLabel = "wsgateway.dev/gateway"

const (
	nameLabel      = "app.kubernetes.io/name"
	managedByLabel = "app.kubernetes.io/managed-by"
	componentLabel = "app.kubernetes.io/component"

	nameValue      = "websocket-gateway"
	managedByValue = "websocket-gateway-operator"

	componentGateway = "gateway"
	componentTLS     = "tls"
)

// labels are ours alone. Nothing is copied from the gateway's own labels: Argo
// CD in label mode takes an object that carries a copied
// app.kubernetes.io/instance for one of its own and prunes it.
func labels(gw *wsv1alpha1.WebSocketGateway, component string) map[string]string {
	return map[string]string{
		nameLabel:      nameValue,
		managedByLabel: managedByValue,
		componentLabel: component,
		GatewayLabel:   gw.Name,
	}
}

// PodLabels select the pods of one gateway. A Deployment's selector can never
// be changed, so this is the least that tells them apart.
func PodLabels(gateway string) map[string]string {
	return map[string]string{
		componentLabel: componentGateway,
		GatewayLabel:   gateway,
	}
}

func selector(gw *wsv1alpha1.WebSocketGateway) *metav1ac.LabelSelectorApplyConfiguration {
	return metav1ac.LabelSelector().WithMatchLabels(PodLabels(gw.Name))
}

func owner(gw *wsv1alpha1.WebSocketGateway) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().
		WithAPIVersion(wsv1alpha1.SchemeGroupVersion.String()).
		WithKind(wsv1alpha1.KindWebSocketGateway).
		WithName(gw.Name).
		WithUID(gw.UID).
		WithController(true).
		WithBlockOwnerDeletion(true)
}
