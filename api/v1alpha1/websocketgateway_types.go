// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// WebSocketGateway describes a set of gateway pods that terminate wss://,
// decide who may connect and relay admitted connections to Services.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=wsgw,categories=networking
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Hostnames",type=string,JSONPath=`.status.hostnames`
// +kubebuilder:printcolumn:name="Address",type=string,JSONPath=`.status.addresses[0].value`
// +kubebuilder:printcolumn:name="Certificate expiry",type=string,JSONPath=`.status.certificateExpiry`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be a DNS label of at most 40 characters: it becomes part of the names of the Deployment, Service and Certificates"
type WebSocketGateway struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the gateway shall do.
	// +required
	Spec WebSocketGatewaySpec `json:"spec"`

	// status is what the operator has seen the gateway do.
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status WebSocketGatewayStatus `json:"status,omitempty"`
}

// WebSocketGatewayList is a list of gateways.
//
// +kubebuilder:object:root=true
type WebSocketGatewayList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []WebSocketGateway `json:"items"`
}

// WebSocketGatewaySpec is the desired state of a gateway.
//
// +kubebuilder:validation:XValidation:rule="!has(self.limits) || !has(self.limits.messageTypes) || self.limits.messageTypes == 'All' || !has(self.routes) || self.routes.all(r, !has(r.limits) || !has(r.limits.messageTypes) || r.limits.messageTypes == 'All' || r.limits.messageTypes == self.limits.messageTypes)",message="messageTypes of a route and of the gateway have no type in common: no message could pass"
type WebSocketGatewaySpec struct {
	// listeners are the ports and hostnames that clients connect to. Listeners
	// with the same port share one socket; the certificate follows from the
	// server name (SNI) that the client sends.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, b.name == a.name))",message="the name of a listener must be unique in the gateway"
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.all(b, a.name == b.name || a.port != b.port || !a.hostnames.exists(h, h in b.hostnames)))",message="a hostname may appear only once per port"
	Listeners []Listener `json:"listeners"`

	// authPolicies are the named rules by which routes decide who may connect.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, b.name == a.name))",message="the name of a policy must be unique in the gateway"
	AuthPolicies []AuthPolicy `json:"authPolicies,omitempty"`

	// backendTLS are the named ways to speak TLS to backends.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, b.name == a.name))",message="the name of a profile must be unique in the gateway"
	BackendTLS []BackendTLS `json:"backendTLS,omitempty"`

	// routes map hostnames and paths to backends. The most specific hostname,
	// then the most specific path wins; the order of the list has no meaning.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, b.name == a.name))",message="the name of a route must be unique in the gateway"
	Routes []Route `json:"routes,omitempty"`

	// limits bound what clients may use. All limits are per pod.
	// +optional
	Limits *Limits `json:"limits,omitempty"`

	// lifecycle says how connections end when a pod has to go.
	// +optional
	Lifecycle *Lifecycle `json:"lifecycle,omitempty"`

	// infrastructure describes the gateway's Deployment and Service.
	// +optional
	Infrastructure *Infrastructure `json:"infrastructure,omitempty"`

	// audit says what is recorded of connections, and where the records go.
	// +optional
	Audit *Audit `json:"audit,omitempty"`

	// tracing sends spans to an OpenTelemetry collector. Absent means no traces.
	// +optional
	Tracing *Tracing `json:"tracing,omitempty"`
}

// Lifecycle says how connections end.
type Lifecycle struct {
	// drain says how a pod that is about to stop closes its connections.
	// +optional
	Drain *Drain `json:"drain,omitempty"`

	// onPolicyChange says what happens to open connections when a policy, its
	// keys or its origins change, or another route serves them now. Reevaluate,
	// the default, closes those that would be refused now with code 3003; Keep
	// applies a change to new connections only.
	// +optional
	OnPolicyChange PolicyChange `json:"onPolicyChange,omitempty"`
}

// PolicyChange says what a changed policy means to open connections.
//
// +kubebuilder:validation:Enum=Reevaluate;Keep
type PolicyChange string

// What a changed policy may mean to open connections.
const (
	PolicyChangeReevaluate PolicyChange = "Reevaluate"
	PolicyChangeKeep       PolicyChange = "Keep"
)

// Drain is the paced end of the connections of a stopping pod.
type Drain struct {
	// window is the time over which a stopping pod spreads its Close frames
	// (code 1012, RFC 6455 section 7.4.2 registry). The pod's termination grace
	// period is the window plus 20 seconds. Default 60s, 1s to 1h. Changing it
	// rolls the pods.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('1h')",message="drain.window must be between 1s and 1h"
	Window *metav1.Duration `json:"window,omitempty"`
}

// Infrastructure describes the objects that the operator creates.
type Infrastructure struct {
	// replicas is the number of gateway pods. Default 2. With 1 the status
	// warns: a node drain then ends all connections at once.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Replicas *int32 `json:"replicas,omitempty"`

	// resources of the gateway container. Without a memory limit the container
	// has none. Changing them rolls the pods.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// service describes the Service in front of the pods.
	// +optional
	Service *Service `json:"service,omitempty"`

	// scheduling says on which nodes the pods run. Changing it rolls the pods.
	// +optional
	Scheduling *Scheduling `json:"scheduling,omitempty"`

	// podMetadata are labels and annotations of the pods. Changing them rolls the
	// pods.
	// +optional
	PodMetadata *PodMetadata `json:"podMetadata,omitempty"`
}

// ServiceType is the type of the gateway's Service.
//
// +kubebuilder:validation:Enum=LoadBalancer;NodePort;ClusterIP
type ServiceType string

// The types of Service that a gateway may have.
const (
	ServiceTypeLoadBalancer ServiceType = "LoadBalancer"
	ServiceTypeNodePort     ServiceType = "NodePort"
	ServiceTypeClusterIP    ServiceType = "ClusterIP"
)

// ExternalTrafficPolicy says whether nodes without a gateway pod pass traffic on.
//
// +kubebuilder:validation:Enum=Local;Cluster
type ExternalTrafficPolicy string

// The external traffic policies, with the meaning they have on a Service.
const (
	ExternalTrafficPolicyLocal   ExternalTrafficPolicy = "Local"
	ExternalTrafficPolicyCluster ExternalTrafficPolicy = "Cluster"
)

// Service describes the Service in front of the gateway pods.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.externalTrafficPolicy) && has(self.type) && self.type == 'ClusterIP')",message="externalTrafficPolicy has no meaning for a ClusterIP Service: remove it or choose NodePort or LoadBalancer"
type Service struct {
	// type of the Service. Default LoadBalancer; only this type makes the
	// gateway wait for an address.
	// +optional
	Type ServiceType `json:"type,omitempty"`

	// annotations are set on the Service, for load balancers that are
	// configured by them.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.contains('wsgateway.dev/') && !k.startsWith('argocd.argoproj.io/') && !k.startsWith('kubectl.kubernetes.io/'))",message="annotations of wsgateway.dev, argocd.argoproj.io and kubectl.kubernetes.io belong to those tools"
	Annotations map[string]AnnotationValue `json:"annotations,omitempty"`

	// externalTrafficPolicy of the Service. Default Local, which keeps the
	// client's address; Cluster spreads over all nodes and hides it.
	// +optional
	ExternalTrafficPolicy ExternalTrafficPolicy `json:"externalTrafficPolicy,omitempty"`
}

// AnnotationValue is the value of one annotation.
//
// +kubebuilder:validation:MaxLength=1024
type AnnotationValue string
