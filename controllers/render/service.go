// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// configMap carries the contract. The pods see a changed file without a
// restart.
func configMap(gw *wsv1alpha1.WebSocketGateway, files Files) *corev1ac.ConfigMapApplyConfiguration {
	return corev1ac.ConfigMap(compile.ObjectName(gw.Name), gw.Namespace).
		WithLabels(labels(gw, componentGateway)).
		WithOwnerReferences(owner(gw)).
		WithData(map[string]string{
			contract.ConfigFile:      string(files.Config),
			contract.EndpointsFile:   string(files.Endpoints),
			contract.RevocationsFile: string(files.Revocations),
		})
}

// service renders what clients connect to. Target ports are numbers: a name
// would have to be declared in the pod template, and a new port would then
// restart the pods.
func service(gw *wsv1alpha1.WebSocketGateway) *corev1ac.ServiceApplyConfiguration {
	kind := ServiceType(gw)
	wanted := serviceSpec(gw)
	spec := corev1ac.ServiceSpec().
		WithType(corev1.ServiceType(kind)).
		WithSelector(PodLabels(gw.Name))
	for _, port := range ports(gw) {
		spec.WithPorts(corev1ac.ServicePort().
			WithName("wss-" + strconv.Itoa(int(port))).
			WithProtocol(corev1.ProtocolTCP).
			WithPort(port).
			WithTargetPort(intstr.FromInt32(contract.BindPort(port))))
	}
	if kind != wsv1alpha1.ServiceTypeClusterIP {
		spec.WithExternalTrafficPolicy(externalTrafficPolicy(wanted))
	}

	return corev1ac.Service(compile.ObjectName(gw.Name), gw.Namespace).
		WithLabels(labels(gw, componentGateway)).
		WithAnnotations(plain(wanted.Annotations)).
		WithOwnerReferences(owner(gw)).
		WithSpec(spec)
}

// externalTrafficPolicy keeps the client's address unless told otherwise: the
// audit log is worth little without it.
func externalTrafficPolicy(wanted wsv1alpha1.Service) corev1.ServiceExternalTrafficPolicy {
	if wanted.ExternalTrafficPolicy == wsv1alpha1.ExternalTrafficPolicyCluster {
		return corev1.ServiceExternalTrafficPolicyCluster
	}
	return corev1.ServiceExternalTrafficPolicyLocal
}

// podDisruptionBudget lets a node drain take one pod after the other, and never
// blocks it: not with a single replica, and not when the pods are broken.
func podDisruptionBudget(gw *wsv1alpha1.WebSocketGateway) *policyv1ac.PodDisruptionBudgetApplyConfiguration {
	return policyv1ac.PodDisruptionBudget(compile.ObjectName(gw.Name), gw.Namespace).
		WithLabels(labels(gw, componentGateway)).
		WithOwnerReferences(owner(gw)).
		WithSpec(policyv1ac.PodDisruptionBudgetSpec().
			WithMaxUnavailable(intstr.FromInt32(1)).
			WithUnhealthyPodEvictionPolicy(policyv1.AlwaysAllow).
			WithSelector(selector(gw)))
}
