// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// WebSocketGatewayStatus is what the operator has seen. Nothing in it changes
// by the passing of time alone.
type WebSocketGatewayStatus struct {
	// observedGeneration is the generation that this status describes; -1 until
	// the operator has seen the gateway for the first time.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions: Accepted, ResolvedRefs, CertificatesReady, Programmed and
	// Ready are always present; Reconciling and Stalled only while True.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// addresses at which clients reach the gateway.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Addresses []GatewayAddress `json:"addresses,omitempty"`

	// hostnames of all listeners, joined for kubectl get.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Hostnames string `json:"hostnames,omitempty"`

	// certificateExpiry is the earliest expiry among the certificates that are
	// served now, in RFC 3339.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	CertificateExpiry string `json:"certificateExpiry,omitempty"`

	// configDigest identifies the configuration that every ready pod shall
	// report.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	ConfigDigest string `json:"configDigest,omitempty"`

	// pods counts the gateway's pods.
	// +optional
	Pods *PodCounts `json:"pods,omitempty"`

	// listeners holds what is true of each listener.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Listeners []ListenerStatus `json:"listeners,omitempty"`

	// limits are the effective limits, defaults included. maxConnections is the
	// smallest that a ready pod reports.
	// +optional
	Limits *EffectiveLimits `json:"limits,omitempty"`

	// lastHandledRotateAt is the value of the annotation wsgateway.dev/rotate-at
	// that was acted on last: cert-manager has been told to issue anew what is older.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	LastHandledRotateAt string `json:"lastHandledRotateAt,omitempty"`

	// warnings are things that work and that one should know about. Of more than
	// 16 the last one says how many are left out.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Warnings []string `json:"warnings,omitempty"`
}

// GatewayAddress is one address of the gateway.
type GatewayAddress struct {
	// type is IPAddress or Hostname.
	// +required
	// +kubebuilder:validation:Enum=IPAddress;Hostname
	Type string `json:"type"`
	// value is the address.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Value string `json:"value"`
}

// PodCounts counts the gateway's pods.
type PodCounts struct {
	// desired is the number of replicas asked for.
	// +optional
	Desired int32 `json:"desired"`
	// ready is the number of pods that accept connections.
	// +optional
	Ready int32 `json:"ready"`
	// programmed is the number of ready pods that report the wanted
	// configuration.
	// +optional
	Programmed int32 `json:"programmed"`
}

// ListenerStatus is what is true of one listener.
type ListenerStatus struct {
	// name of the listener.
	// +required
	Name string `json:"name"`
	// attachedRoutes is the number of routes that the listener's hostnames lead
	// to.
	// +optional
	AttachedRoutes int32 `json:"attachedRoutes"`
	// tlsVersions are the protocol versions that are offered.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=4
	TLSVersions []string `json:"tlsVersions,omitempty"`
	// certificate that ready pods were asked about and said they serve.
	// +optional
	Certificate *ServedCertificate `json:"certificate,omitempty"`
}

// ServedCertificate is a certificate that pods serve.
type ServedCertificate struct {
	// serialNumber in lower-case hexadecimal.
	// +required
	// +kubebuilder:validation:MaxLength=64
	SerialNumber string `json:"serialNumber"`
	// sha256 is the fingerprint of the leaf in lower-case hexadecimal.
	// +required
	// +kubebuilder:validation:MaxLength=64
	SHA256 string `json:"sha256"`
	// notAfter is the end of the leaf's validity.
	// +required
	NotAfter metav1.Time `json:"notAfter"`
	// servedBy is the number of ready pods that serve exactly this leaf.
	// +optional
	ServedBy int32 `json:"servedBy"`
}

// EffectiveLimits are the limits in force.
type EffectiveLimits struct {
	// +optional
	MaxConnections int32 `json:"maxConnections,omitempty"`
	// Absent: no limit.
	// +optional
	MaxConnectionsPerIdentity int32 `json:"maxConnectionsPerIdentity,omitempty"`
	// Absent: no limit.
	// +optional
	MaxConnectionsPerAddress int32 `json:"maxConnectionsPerAddress,omitempty"`
	// Absent: no limit.
	// +optional
	HandshakesPerSecond int32 `json:"handshakesPerSecond,omitempty"`
	// Absent: no limit.
	// +optional
	HandshakesPerSecondPerAddress int32 `json:"handshakesPerSecondPerAddress,omitempty"`
	// +optional
	MaxMessageBytes int64 `json:"maxMessageBytes,omitempty"`
	// Absent: only maxMessageBytes counts.
	// +optional
	MaxFrameBytes int64 `json:"maxFrameBytes,omitempty"`
	// +optional
	MaxFragments int32 `json:"maxFragments,omitempty"`
	// Absent: all.
	// +optional
	MessageTypes string `json:"messageTypes,omitempty"`
	// Absent: no limit.
	// +optional
	MessagesPerSecond int32 `json:"messagesPerSecond,omitempty"`
	// +optional
	ControlFramesPerSecond int32 `json:"controlFramesPerSecond,omitempty"`
	// Absent: no limit.
	// +optional
	BytesPerSecond int32 `json:"bytesPerSecond,omitempty"`
	// +optional
	FrameTimeout string `json:"frameTimeout,omitempty"`
	// +optional
	RequestHeaderBytes int32 `json:"requestHeaderBytes,omitempty"`
	// +optional
	HandshakeTimeout string `json:"handshakeTimeout,omitempty"`
	// +optional
	IdleTimeout string `json:"idleTimeout,omitempty"`
	// +optional
	PingInterval string `json:"pingInterval,omitempty"`
	// +optional
	PongTimeout string `json:"pongTimeout,omitempty"`
	// +optional
	BackendPongTimeout string `json:"backendPongTimeout,omitempty"`
	// +optional
	WriteTimeout string `json:"writeTimeout,omitempty"`
	// Absent: no limit.
	// +optional
	MaxConnectionAge string `json:"maxConnectionAge,omitempty"`
}
