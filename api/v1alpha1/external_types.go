// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ExternalMethod asks an authorization server whether a request may connect, and
// who it is. Whatever is not a clear answer refuses the handshake with 503. The
// server gets to see all that the client sent; of it, Authorization, Cookie and
// tokens among the subprotocols never reach the backend.
type ExternalMethod struct {
	// grpc is a server that speaks the protocol of Envoy's ext_authz filter
	// (gRPC, envoy.service.auth.v3). Questions are not encrypted: they stay within
	// the network of the cluster.
	// +required
	GRPC ExternalServer `json:"grpc"`

	// timeout of a question. 10ms to 5s, default 500ms.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('10ms') && duration(self) <= duration('5s')",message="external.timeout must be between 10ms and 5s"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// revalidateEvery is how often the server is asked again about an open
	// connection, without its credential: by the session that it gave in its first
	// answer, which therefore must have one. Connections that it denies are closed
	// with code 3003; those about which it could not be asked for three intervals
	// with 3000. 10s to 24h; absent means never.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('10s') && duration(self) <= duration('24h')",message="external.revalidateEvery must be between 10s and 24h"
	RevalidateEvery *metav1.Duration `json:"revalidateEvery,omitempty"`
}

// ExternalServer says where an authorization server is.
type ExternalServer struct {
	// backendRef names a port of a Service in the gateway's namespace.
	// +required
	BackendRef ExternalBackendReference `json:"backendRef"`
}

// ExternalBackendReference names a port of a Service.
type ExternalBackendReference struct {
	// name of the Service. It becomes the issuer of the identities.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// port of the Service.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`
}
