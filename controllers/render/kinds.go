// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// ServiceAccountKind is the kind of the account that the pods run under.
func ServiceAccountKind() schema.GroupVersionKind {
	return corev1.SchemeGroupVersion.WithKind("ServiceAccount")
}

// NetworkPolicyKind is the kind of the rule that says who may reach the pods.
func NetworkPolicyKind() schema.GroupVersionKind {
	return networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy")
}

// CertificateKind is cert-manager's kind; a cluster need not have it.
func CertificateKind() schema.GroupVersionKind {
	return cmv1.SchemeGroupVersion.WithKind(cmv1.CertificateKind)
}

// ConfigMapKind is the kind of the object that carries the contract.
func ConfigMapKind() schema.GroupVersionKind {
	return corev1.SchemeGroupVersion.WithKind("ConfigMap")
}

// DeploymentKind is the kind of the object that makes the pods.
func DeploymentKind() schema.GroupVersionKind {
	return appsv1.SchemeGroupVersion.WithKind("Deployment")
}

// ServiceKind is the kind of the object that clients connect to.
func ServiceKind() schema.GroupVersionKind {
	return corev1.SchemeGroupVersion.WithKind("Service")
}

// PodDisruptionBudgetKind is the kind of the object that paces node drains.
func PodDisruptionBudgetKind() schema.GroupVersionKind {
	return policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget")
}
