// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Limits bound what clients may use. Each limit holds per gateway pod. A
// changed limit applies to new connections.
type Limits struct {
	// maxConnections is the number of connections that one pod holds at the
	// same time. Default 10000, or half of the pod's limit of open files if
	// that is less.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	MaxConnections *int32 `json:"maxConnections,omitempty"`

	// maxConnectionsPerIdentity is the number of connections that one identity
	// (policy, issuer and subject) has with one pod at the same time; a further
	// one is answered 429. Anonymous callers have no identity. Default: no limit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	MaxConnectionsPerIdentity *int32 `json:"maxConnectionsPerIdentity,omitempty"`

	// maxConnectionsPerAddress is the number of connections that one client
	// address, or /64 network of IPv6, has with one pod at the same time; a
	// further one is closed before TLS. Clients behind one NAT share an address,
	// and behind a proxy or with externalTrafficPolicy Cluster all clients may.
	// Default: no limit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	MaxConnectionsPerAddress *int32 `json:"maxConnectionsPerAddress,omitempty"`

	// handshakesPerSecond is the number of handshakes that one pod looks at; one
	// more is answered 503 with Retry-After. A second's worth may come at once,
	// and ten at least. Default: no limit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	HandshakesPerSecond *int32 `json:"handshakesPerSecond,omitempty"`

	// handshakesPerSecondPerAddress is the same for one client address, or /64
	// network of IPv6: one more is closed before TLS, or answered 429 where the
	// address is told by a header only. With it, an address that shows bad
	// credentials five times in a row has to wait, up to a minute. Clients
	// behind one NAT share an address. Default: no limit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	HandshakesPerSecondPerAddress *int32 `json:"handshakesPerSecondPerAddress,omitempty"`

	// maxMessageBytes is the size of the largest message in either direction; a
	// larger one closes the connection with code 1009. Default 1048576.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1073741824
	MaxMessageBytes *int64 `json:"maxMessageBytes,omitempty"`

	// maxFrameBytes is the size of the largest data frame in either direction,
	// one part of a message; a larger one closes the connection with code 1009.
	// Default: only maxMessageBytes counts.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1073741824
	MaxFrameBytes *int64 `json:"maxFrameBytes,omitempty"`

	// maxFragments is the number of data frames that one message may come in, in
	// either direction; one more closes the connection with code 1008. Default:
	// maxMessageBytes and 10000 more, so that a message of single bytes passes
	// and an endless row of empty frames does not.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	MaxFragments *int32 `json:"maxFragments,omitempty"`

	// messageTypes are the types of messages that may pass, in either direction:
	// All, or only Text or Binary. A message of the other type closes the
	// connection with code 1003. Default All.
	// +optional
	MessageTypes MessageTypes `json:"messageTypes,omitempty"`

	// messagesPerSecond is the number of messages that one client sends; one more
	// closes its connection with code 1008. A second's worth may come at once, and
	// ten at least. Default: no limit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	MessagesPerSecond *int32 `json:"messagesPerSecond,omitempty"`

	// controlFramesPerSecond is the same for its pings and pongs. Default 100.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	ControlFramesPerSecond *int32 `json:"controlFramesPerSecond,omitempty"`

	// bytesPerSecond is how much is read from one client, frame headers included:
	// what it sends beyond that has to wait in its own connection, and nothing is
	// closed. A second's worth may come at once, and 64 KiB at least. Default: no
	// limit.
	// +optional
	// +kubebuilder:validation:Minimum=4096
	// +kubebuilder:validation:Maximum=1073741824
	BytesPerSecond *int32 `json:"bytesPerSecond,omitempty"`

	// frameTimeout is the time in which a frame that has begun must be complete,
	// and one second more for each 4 KiB of it, in either direction; else the
	// connection is closed with code 1008. Time in which the gateway does not read,
	// because the other side does not, does not count. Default 1m, 1s to 1h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('1h')",message="limits.frameTimeout must be between 1s and 1h"
	FrameTimeout *metav1.Duration `json:"frameTimeout,omitempty"`

	// handshakeTimeout is the time from the accepted TCP connection to the
	// complete request. Default 10s, 1s to 60s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('60s')",message="limits.handshakeTimeout must be between 1s and 60s"
	HandshakeTimeout *metav1.Duration `json:"handshakeTimeout,omitempty"`

	// requestHeaderBytes is the size of the largest handshake request, request
	// line and headers together. Default 16384.
	// +optional
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=1048576
	RequestHeaderBytes *int32 `json:"requestHeaderBytes,omitempty"`

	// idleTimeout closes a connection (code 1001) on which no data message was
	// seen in either direction for this time. Pings do not count. Default 10m,
	// 1s to 24h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="limits.idleTimeout must be between 1s and 24h"
	IdleTimeout *metav1.Duration `json:"idleTimeout,omitempty"`

	// pingInterval is the time between two pings to the client, and to the
	// backend. Default 30s, 1s to 1h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('1h')",message="limits.pingInterval must be between 1s and 1h"
	PingInterval *metav1.Duration `json:"pingInterval,omitempty"`

	// pongTimeout is the time in which a ping must be answered; else the client
	// counts as lost. Default 10s, 1s to 5m.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('5m')",message="limits.pongTimeout must be between 1s and 5m"
	PongTimeout *metav1.Duration `json:"pongTimeout,omitempty"`

	// backendPongTimeout is the same for the backend: a backend that reads nothing
	// while it works on a message needs more time than that takes. Default 2m, 1s
	// to 24h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="limits.backendPongTimeout must be between 1s and 24h"
	BackendPongTimeout *metav1.Duration `json:"backendPongTimeout,omitempty"`

	// writeTimeout is for how long client or backend may take nothing of what is
	// sent to it; then the connection ends. Nothing more is read from the other
	// side meanwhile. Default 10s, 1s to 5m.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('5m')",message="limits.writeTimeout must be between 1s and 5m"
	WriteTimeout *metav1.Duration `json:"writeTimeout,omitempty"`

	// maxConnectionAge closes a connection (code 1001) that is this old, or up to a
	// tenth less, by chance: those that were opened together do not come back
	// together. Default: no limit, 1m to 720h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m') && duration(self) <= duration('720h')",message="limits.maxConnectionAge must be between 1m and 720h"
	MaxConnectionAge *metav1.Duration `json:"maxConnectionAge,omitempty"`
}

// MessageTypes are the types of messages that may pass.
// +kubebuilder:validation:Enum=All;Text;Binary
type MessageTypes string

// The message types.
const (
	// MessageTypesAll lets messages of every type pass.
	MessageTypesAll MessageTypes = "All"
	// MessageTypesText lets text messages pass only.
	MessageTypesText MessageTypes = "Text"
	// MessageTypesBinary lets binary messages pass only.
	MessageTypesBinary MessageTypes = "Binary"
)
