// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RouteLimits bound what one connection of a route may use. They have the names,
// units and meaning of the gateway's limits, and of the two the tighter one is in
// force: a route tightens and never loosens. What a route does not set is the
// gateway's. A changed limit applies to new connections.
type RouteLimits struct {
	// maxMessageBytes is the size of the largest message in either direction; a
	// larger one closes the connection with code 1009.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1073741824
	MaxMessageBytes *int64 `json:"maxMessageBytes,omitempty"`

	// maxFrameBytes is the size of the largest data frame in either direction, one
	// part of a message; a larger one closes the connection with code 1009.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1073741824
	MaxFrameBytes *int64 `json:"maxFrameBytes,omitempty"`

	// messageTypes are the types of messages that may pass, in either direction:
	// those that both the gateway and the route let pass. A route that shares none
	// with its gateway is reported and answers 503. All is the gateway's.
	// +optional
	MessageTypes MessageTypes `json:"messageTypes,omitempty"`

	// messagesPerSecond is the number of messages that one client sends; one more
	// closes its connection with code 1008. A second's worth may come at once, and
	// ten at least.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	MessagesPerSecond *int32 `json:"messagesPerSecond,omitempty"`

	// bytesPerSecond is how much is read from one client, frame headers included:
	// what it sends beyond that has to wait in its own connection, and nothing is
	// closed. A second's worth may come at once, and 64 KiB at least.
	// +optional
	// +kubebuilder:validation:Minimum=4096
	// +kubebuilder:validation:Maximum=1073741824
	BytesPerSecond *int32 `json:"bytesPerSecond,omitempty"`

	// idleTimeout closes a connection (code 1001) on which no data message was
	// seen in either direction for this time, 1s to 24h. Pings do not count.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="limits.idleTimeout of a route must be between 1s and 24h"
	IdleTimeout *metav1.Duration `json:"idleTimeout,omitempty"`

	// maxConnectionAge closes a connection (code 1001) that is this old, 1m to 720h,
	// or up to a tenth less, by chance.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m') && duration(self) <= duration('720h')",message="limits.maxConnectionAge of a route must be between 1m and 720h"
	MaxConnectionAge *metav1.Duration `json:"maxConnectionAge,omitempty"`
}
