// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// BackendTLS is how the gateway speaks TLS to backends: TLS 1.2 with AEAD or
// newer. The certificate of the backend, and the name in it, are always verified.
type BackendTLS struct {
	// name of the profile, unique in the gateway; backendRefs[].tls refers to it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// caRefs name the CAs that certify backends: bundles of certificates in PEM.
	// Default: the public CAs. A bundle that is missing is not trusted any more,
	// and one that is malformed keeps its last good content.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	CARefs []CAReference `json:"caRefs,omitempty"`

	// serverName that the backend is asked for in TLS, and that its certificate
	// has to be for. Default: NAME.NAMESPACE.svc of the Service.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	ServerName string `json:"serverName,omitempty"`

	// clientCertificate that the gateway shows to backends which ask for one.
	// Default: none.
	// +optional
	ClientCertificate *BackendClientCertificate `json:"clientCertificate,omitempty"`
}

// BackendClientCertificate is the certificate of the gateway as a client.
type BackendClientCertificate struct {
	// secretRef names a Secret of type kubernetes.io/tls in the gateway's
	// namespace. Its content may change at any time; another Secret rolls the pods.
	// +required
	SecretRef LocalReference `json:"secretRef"`
}
