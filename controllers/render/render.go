// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package render turns a gateway into the objects that run it. It is pure: the
// same gateway, files and options give the same objects in the same order.
//
// Only fields that the operator means to own are set; everything else belongs
// to the cluster or to whoever set it. Nothing of the contract's content is in
// the pod template: a changed configuration must never restart a pod.
package render

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
)

// Options are what an installation decides for all of its gateways, and what was
// asked for a single one besides its spec.
type Options struct {
	// GatewayImage runs in the pods; the operator brings the image of its own
	// release.
	GatewayImage string
	// ImagePullPolicy of the pods. Empty: the cluster's default.
	ImagePullPolicy corev1.PullPolicy
	// ImagePullSecrets are names of Secrets in the gateway's namespace.
	ImagePullSecrets []string
	// OperatorNamespace and OperatorPodLabels select the pods that may ask a
	// gateway pod for its report. If either is empty nobody is let in by it.
	OperatorNamespace string
	OperatorPodLabels map[string]string
	// CertificateSecrets of this one gateway, as compile.Result has them.
	CertificateSecrets map[string]string
	// RestartedAt is the time at which the pods of this one gateway were last
	// asked to be replaced; empty if they never were.
	RestartedAt string
	// MetricsFrom are further peers that may reach the admin port.
	MetricsFrom []*networkingv1ac.NetworkPolicyPeerApplyConfiguration
}

// Files are the encoded files of the contract.
type Files struct {
	Config      []byte
	Endpoints   []byte
	Revocations []byte
}

// Object is one object that a gateway owns, ready to be applied in the
// gateway's namespace.
type Object struct {
	Kind  schema.GroupVersionKind
	Name  string
	Apply runtime.ApplyConfiguration
}

// Objects renders everything that the gateway owns, in the order in which it
// has to be applied: who may connect before anything can be connected to, the
// files before the pods that read them, the pods before the Service that leads
// to them.
func Objects(gw *wsv1alpha1.WebSocketGateway, files Files, options Options) []Object {
	name := compile.ObjectName(gw.Name)
	objects := []Object{
		{Kind: ServiceAccountKind(), Name: name, Apply: serviceAccount(gw)},
		{Kind: NetworkPolicyKind(), Name: name, Apply: networkPolicy(gw, options)},
	}
	for i := range gw.Spec.Listeners {
		listener := &gw.Spec.Listeners[i]
		if listener.TLS.Certificate.IssuerRef == nil {
			continue
		}
		objects = append(objects, Object{
			Kind:  CertificateKind(),
			Name:  compile.CertificateSecretName(gw.Name, listener.Name),
			Apply: certificate(gw, listener),
		})
	}
	return append(
		objects,
		Contract(gw, files),
		Object{Kind: DeploymentKind(), Name: name, Apply: deployment(gw, options)},
		Object{Kind: ServiceKind(), Name: name, Apply: service(gw)},
		Object{Kind: PodDisruptionBudgetKind(), Name: name, Apply: podDisruptionBudget(gw)},
	)
}

// Contract is the one object of Objects that holds the files.
func Contract(gw *wsv1alpha1.WebSocketGateway, files Files) Object {
	return Object{Kind: ConfigMapKind(), Name: compile.ObjectName(gw.Name), Apply: configMap(gw, files)}
}
