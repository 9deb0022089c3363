// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// OTLP says where an OpenTelemetry collector is, and which form of the protocol
// it speaks.
//
// +kubebuilder:validation:XValidation:rule="has(self.grpc) != has(self.http)",message="exactly one of grpc and http must be set"
type OTLP struct {
	// grpc is a collector that speaks OTLP over gRPC, usually at port 4317.
	// +optional
	GRPC *OTLPServer `json:"grpc,omitempty"`

	// http is a collector that speaks OTLP over HTTP with protobuf, usually at port
	// 4318.
	// +optional
	HTTP *OTLPServer `json:"http,omitempty"`
}

// OTLPServer says where a collector is, how it is trusted, and what it asks for.
//
// +kubebuilder:validation:XValidation:rule="has(self.backendRef) != has(self.uri)",message="exactly one of backendRef and uri must be set"
// +kubebuilder:validation:XValidation:rule="!has(self.headersSecretRef) || has(self.uri) || has(self.caRef)",message="headersSecretRef needs TLS, so that its values are not sent in the clear: add caRef, or use uri"
type OTLPServer struct {
	// backendRef names a port of a Service in the gateway's namespace. Without
	// caRef, what is sent there is not encrypted: it stays within the network of the
	// cluster.
	// +optional
	BackendRef *ServiceReference `json:"backendRef,omitempty"`

	// uri is the https address of a collector anywhere. With http it may have a path,
	// which /v1/logs or /v1/traces is appended to.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^https://[^\s/?#@]+(/[^\s?#]*)?$`
	URI string `json:"uri,omitempty"`

	// caRef is a ConfigMap with the CA bundle that the server's certificate is
	// checked against. Default: the public CAs for uri; no TLS for backendRef. The
	// name in the certificate of a backendRef has to be NAME.NAMESPACE.svc.
	// +optional
	CARef *LocalKeyReference `json:"caRef,omitempty"`

	// headersSecretRef names a Secret whose keys are names of headers that are sent
	// with each request, such as a token in Authorization.
	// +optional
	HeadersSecretRef *LocalReference `json:"headersSecretRef,omitempty"`
}

// ServiceReference names a port of a Service in the gateway's namespace.
type ServiceReference struct {
	// name of the Service.
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
