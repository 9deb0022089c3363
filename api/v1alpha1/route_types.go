// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Route sends connections for some hostnames and a path to backends.
//
// +kubebuilder:validation:XValidation:rule="!has(self.extensions) || self.extensions != 'PassThrough' || !has(self.relay) || self.relay != 'Messages'",message="extensions: PassThrough needs relay: Frames, since Messages reads and writes messages itself"
type Route struct {
	// name of the route, unique in the gateway.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// hostnames that the route serves; each must be covered by a listener's
	// hostnames. Default: all hostnames of all listeners, except those that
	// another route names together with the same path. One that is listed twice
	// counts once.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Hostnames []Hostname `json:"hostnames,omitempty"`

	// path that the route serves. Default: every path.
	// +optional
	Path *PathMatch `json:"path,omitempty"`

	// authPolicy names the policy that decides who may connect. A route without
	// one is reported as a problem and answers 503; to admit everybody, name a
	// policy whose only method is anonymous.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	AuthPolicy string `json:"authPolicy,omitempty"`

	// subprotocols that may be negotiated. A client that offers subprotocols,
	// none of which is listed, is refused. Default: whatever client and backend
	// agree upon.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	// +kubebuilder:validation:items:Pattern="^[-!#$%&'*+.^_`|~0-9A-Za-z]+$"
	// +kubebuilder:validation:XValidation:rule="self.all(one, self.indexOf(one) == self.lastIndexOf(one))",message="each subprotocol may be listed only once"
	Subprotocols []string `json:"subprotocols,omitempty"`

	// relay says how messages are carried. Frames passes frames on as they came,
	// and reads only their headers: it needs less memory and less CPU, and pings of
	// one side reach the other. Messages reads and writes whole messages, so that
	// text which is not UTF-8 is refused. Everything else that breaks a rule of the
	// protocol or a limit ends the connection in both. Default Frames.
	// +optional
	Relay Relay `json:"relay,omitempty"`

	// extensions says what becomes of the WebSocket extensions that a client offers.
	// Strip offers the backend none. PassThrough offers it permessage-deflate, the
	// compression of RFC 7692, as the client does; where the backend agrees, messages
	// pass the gateway compressed, and maxMessageBytes counts them so. With relay
	// Messages it is refused. Other extensions are never passed on. Default Strip.
	// +optional
	Extensions Extensions `json:"extensions,omitempty"`

	// limits of each connection of this route, where they are tighter than those of
	// the gateway.
	// +optional
	Limits *RouteLimits `json:"limits,omitempty"`

	// backendRefs are the Services that connections are relayed to, each in
	// proportion to its weight; loadBalancing chooses among their endpoints. A Service that does not exist is reported and
	// gets nothing; the route answers 503 when no other one remains.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	BackendRefs []BackendReference `json:"backendRefs"`

	// loadBalancing says which endpoint of a Service a connection goes to. Default:
	// the one with the fewest open connections.
	// +optional
	LoadBalancing *LoadBalancing `json:"loadBalancing,omitempty"`
}

// Relay says how messages are carried between client and backend.
//
// +kubebuilder:validation:Enum=Frames;Messages
type Relay string

// The ways to carry messages.
const (
	// RelayFrames passes frames on as they came and reads only their headers.
	RelayFrames Relay = "Frames"
	// RelayMessages reads and writes whole messages.
	RelayMessages Relay = "Messages"
)

// Extensions says what becomes of the WebSocket extensions that a client offers.
//
// +kubebuilder:validation:Enum=PassThrough;Strip
type Extensions string

// What may become of extensions.
const (
	// ExtensionsPassThrough lets client and backend agree on permessage-deflate.
	ExtensionsPassThrough Extensions = "PassThrough"
	// ExtensionsStrip lets them agree on none.
	ExtensionsStrip Extensions = "Strip"
)

// PathMatchType says how a path is compared.
//
// +kubebuilder:validation:Enum=PathPrefix;Exact
type PathMatchType string

// The ways to compare a path, with the meaning they have in Gateway API.
const (
	// PathMatchPathPrefix compares element by element: /chat matches /chat and
	// /chat/room, not /chatter.
	PathMatchPathPrefix PathMatchType = "PathPrefix"
	// PathMatchExact compares the whole path.
	PathMatchExact PathMatchType = "Exact"
)

// PathMatch selects request paths.
type PathMatch struct {
	// type says how value is compared. Default PathPrefix.
	// +optional
	Type PathMatchType `json:"type,omitempty"`

	// value that the path is compared with.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^/[-._~!$&'()*+,;=:@/A-Za-z0-9]*$`
	// +kubebuilder:validation:XValidation:rule="!self.contains('//') && !self.contains('/./') && !self.contains('/../') && !self.endsWith('/.') && !self.endsWith('/..')",message="path must be normalised: no empty, . or .. elements"
	Value string `json:"value"`
}

// BackendReference names a port of a Service.
type BackendReference struct {
	// name of the Service.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// namespace of the Service. Default: that of the gateway or WebSocketRoute. A
	// Service elsewhere is used only if a ReferenceGrant in its namespace allows it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace,omitempty"`

	// port of the Service.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`

	// weight of this backend among the route's backends. Default 1; 0 sends no
	// new connections to it.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Weight *int32 `json:"weight,omitempty"`

	// tls names a profile of the gateway's spec.backendTLS. Absent means that the
	// backend is spoken to without TLS. A port of the Service whose appProtocol is
	// kubernetes.io/wss needs one, and one with kubernetes.io/ws must have none;
	// a backend whose profile is missing or broken gets no connections.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	TLS string `json:"tls,omitempty"`
}
