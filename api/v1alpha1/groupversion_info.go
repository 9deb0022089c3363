// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the kinds that users write: what a WebSocket gateway
// listens on, who may connect, where connections go and which limits hold.
//
// The types are the first stage of the pipeline: controllers resolves,
// compiles and renders them. They carry no behaviour; every rule that a single
// object can be checked against is CEL in the CRD, so that a bad spec is
// refused at admission.
//
// +kubebuilder:object:generate=true
// +kubebuilder:ac:generate=true
// +kubebuilder:ac:output:package="../applyconfiguration"
// +groupName=wsgateway.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// SchemeGroupVersion is the API group and version of the kinds in this package.
var SchemeGroupVersion = schema.GroupVersion{Group: "wsgateway.dev", Version: "v1alpha1"}

// Kind names, as they appear in manifests.
const (
	KindWebSocketGateway    = "WebSocketGateway"
	KindWebSocketRoute      = "WebSocketRoute"
	KindWebSocketRevocation = "WebSocketRevocation"
)

// AddToScheme registers the kinds of this package.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(SchemeGroupVersion, &WebSocketGateway{}, &WebSocketGatewayList{},
		&WebSocketRoute{}, &WebSocketRouteList{}, &WebSocketRevocation{}, &WebSocketRevocationList{})
	metav1.AddToGroupVersion(scheme, SchemeGroupVersion)
	return nil
}
