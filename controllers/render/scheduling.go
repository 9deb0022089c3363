// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// withScheduling sets what is wanted and nothing else: an empty field would be
// ours, and would take away what somebody else has put there.
func withScheduling(spec *corev1ac.PodSpecApplyConfiguration, wanted wsv1alpha1.Scheduling) {
	spec.WithNodeSelector(plain(wanted.NodeSelector))
	for i := range wanted.Tolerations {
		spec.WithTolerations(toleration(&wanted.Tolerations[i]))
	}
	if wanted.PriorityClassName != "" {
		spec.WithPriorityClassName(wanted.PriorityClassName)
	}
}

// toleration names the operator always: to write the default down must not roll
// the pods.
func toleration(wanted *wsv1alpha1.Toleration) *corev1ac.TolerationApplyConfiguration {
	rendered := corev1ac.Toleration().WithOperator(corev1.TolerationOpEqual)
	if wanted.Operator != "" {
		rendered.WithOperator(corev1.TolerationOperator(wanted.Operator))
	}
	if wanted.Key != "" {
		rendered.WithKey(wanted.Key)
	}
	if wanted.Value != "" {
		rendered.WithValue(string(wanted.Value))
	}
	if wanted.Effect != "" {
		rendered.WithEffect(corev1.TaintEffect(wanted.Effect))
	}
	if wanted.TolerationSeconds != nil {
		rendered.WithTolerationSeconds(*wanted.TolerationSeconds)
	}
	return rendered
}

// plain are labels or annotations as Kubernetes' own types want them.
func plain[V ~string](values map[string]V) map[string]string {
	strings := make(map[string]string, len(values))
	for key, value := range values {
		strings[key] = string(value)
	}
	return strings
}
