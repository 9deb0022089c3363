// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// OTLP says where an OpenTelemetry collector is.
type OTLP struct {
	// grpc is a collector that speaks OTLP over gRPC, usually at port 4317. What is
	// sent is not encrypted: it stays within the network of the cluster.
	// +required
	GRPC OTLPServer `json:"grpc"`
}

// OTLPServer says where a collector is.
type OTLPServer struct {
	// backendRef names a port of a Service in the gateway's namespace.
	// +required
	BackendRef ServiceReference `json:"backendRef"`
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
