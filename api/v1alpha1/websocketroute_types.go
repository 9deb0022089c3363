// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// WebSocketRoute sends connections of some hostnames of a gateway to Services of
// its own namespace. It attaches to listeners that allow its namespace, and can
// only choose from what they offer: it never loosens what the gateway says.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=wsroute,categories=networking
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Hostnames",type=string,JSONPath=`.spec.hostnames`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be a DNS label of at most 63 characters: it is written into audit records and metrics"
type WebSocketRoute struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the route shall do.
	// +required
	Spec WebSocketRouteSpec `json:"spec"`

	// status is what the operator has seen come of it.
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status WebSocketRouteStatus `json:"status,omitempty"`
}

// WebSocketRouteList is a list of routes.
//
// +kubebuilder:object:root=true
type WebSocketRouteList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []WebSocketRoute `json:"items"`
}

// WebSocketRouteSpec is the desired state of a route.
type WebSocketRouteSpec struct {
	// parentRefs are the gateways, or single listeners of them, that the route
	// attaches to.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	ParentRefs []ParentReference `json:"parentRefs"`

	// hostnames that the route serves; each must be covered by the hostnames of the
	// listeners that it attaches to. On a gateway a hostname belongs to the first
	// namespace that has claimed it, and a wildcard with it whatever nobody held
	// below it by then.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(one, self.indexOf(one) == self.lastIndexOf(one))",message="each hostname may be listed only once"
	Hostnames []Hostname `json:"hostnames"`

	// rules say where connections go, by their path. The most specific path wins;
	// the order of the list has no meaning.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, b.name == a.name))",message="the name of a rule must be unique in the route"
	Rules []WebSocketRouteRule `json:"rules"`
}

// ParentReference names a gateway, or one listener of it.
type ParentReference struct {
	// name of the WebSocketGateway.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// namespace of the gateway. Default: the route's own.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace,omitempty"`

	// sectionName is the name of the listener. Default: every listener that allows
	// the route.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	SectionName string `json:"sectionName,omitempty"`
}

// WebSocketRouteRule sends connections for one path to backends. Its fields mean
// what they mean in a gateway's own routes.
//
// +kubebuilder:validation:XValidation:rule="!has(self.extensions) || self.extensions != 'PassThrough' || !has(self.relay) || self.relay != 'Messages'",message="extensions: PassThrough needs relay: Frames, since Messages reads and writes messages itself"
type WebSocketRouteRule struct {
	// name of the rule, unique in the route. Audit records and metrics call it
	// NAMESPACE/ROUTE/RULE.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// path that the rule serves. Default: every path.
	// +optional
	Path *PathMatch `json:"path,omitempty"`

	// authPolicy names the policy of the gateway that decides who may connect: one
	// that each listener which leads to the route offers in
	// allowedRoutes.authPolicies.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	AuthPolicy string `json:"authPolicy"`

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

	// relay says how messages are carried, as in a gateway's own routes. Default
	// Frames.
	// +optional
	Relay Relay `json:"relay,omitempty"`

	// extensions says what becomes of the WebSocket extensions that a client offers,
	// as in a gateway's own routes. Default Strip.
	// +optional
	Extensions Extensions `json:"extensions,omitempty"`

	// limits of each connection of this rule, where they are tighter than those of
	// the gateway.
	// +optional
	Limits *RouteLimits `json:"limits,omitempty"`

	// backendRefs are the Services that connections are relayed to, each in
	// proportion to its weight. A Service that does not exist is reported and gets
	// nothing; the rule answers 503 when no other one remains.
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

// WebSocketRouteStatus is what has come of a route. Nothing in it changes by the
// passing of time alone, and nothing in it tells of other namespaces.
type WebSocketRouteStatus struct {
	// observedGeneration is the generation that this status describes; -1 until
	// the operator has seen the route for the first time.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions sum up those of the parents: Accepted, ResolvedRefs, Programmed and
	// Ready are always present; Reconciling and Stalled only while True.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// parents holds what is true at each of spec.parentRefs, in their order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Parents []RouteParentStatus `json:"parents,omitempty"`
}

// RouteParentStatus is what has come of a route at one parent.
type RouteParentStatus struct {
	// parentRef as it is in the spec.
	// +required
	ParentRef ParentReference `json:"parentRef"`

	// conditions: Accepted, ResolvedRefs and Programmed, always present.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
