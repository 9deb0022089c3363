// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AllowedRoutes says which WebSocketRoutes may attach to a listener.
type AllowedRoutes struct {
	// namespaces whose routes may attach. Default: the gateway's own.
	// +optional
	Namespaces *RouteNamespaces `json:"namespaces,omitempty"`

	// authPolicies are the names of the policies that routes may choose from. A
	// route answers 503 until its policy is one of them, so none at all makes every
	// route wait.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.all(one, self.indexOf(one) == self.lastIndexOf(one))",message="each policy may be listed only once"
	AuthPolicies []string `json:"authPolicies,omitempty"`

	// backendTLSProfiles are the names of the profiles of spec.backendTLS that
	// backends of routes may be spoken to with. A backend whose profile is none of
	// them gets no connections. Absent: none; routes of the gateway itself may use
	// every profile.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.all(one, self.indexOf(one) == self.lastIndexOf(one))",message="each profile may be listed only once"
	BackendTLSProfiles []string `json:"backendTLSProfiles,omitempty"`
}

// NamespacesFrom is a way to say which namespaces are meant.
//
// +kubebuilder:validation:Enum=Same;All;Selector
type NamespacesFrom string

// The ways to choose namespaces.
const (
	// NamespacesFromSame is the gateway's own namespace.
	NamespacesFromSame NamespacesFrom = "Same"
	// NamespacesFromAll is every namespace that the operator watches.
	NamespacesFromAll NamespacesFrom = "All"
	// NamespacesFromSelector are those whose labels match a selector.
	NamespacesFromSelector NamespacesFrom = "Selector"
)

// RouteNamespaces chooses namespaces.
//
// +kubebuilder:validation:XValidation:rule="(has(self.from) && self.from == 'Selector') == has(self.selector)",message="from: Selector and selector belong together: set both or neither"
type RouteNamespaces struct {
	// from is Same for the gateway's own namespace, All for every one, or Selector.
	// Default Same.
	// +optional
	From NamespacesFrom `json:"from,omitempty"`

	// selector for the labels of namespaces. Whoever may label a namespace can let
	// it in.
	// +optional
	Selector *NamespaceSelector `json:"selector,omitempty"`
}

// NamespaceSelector selects namespaces by their labels. Everything in it must
// match.
//
// +kubebuilder:validation:XValidation:rule="(has(self.matchLabels) && self.matchLabels.size() > 0) || has(self.matchExpressions)",message="an empty selector would select every namespace: write from: All for that"
type NamespaceSelector struct {
	// matchLabels are labels that a namespace must have.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	MatchLabels map[string]LabelValue `json:"matchLabels,omitempty"`

	// matchExpressions are conditions on labels.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	MatchExpressions []NamespaceExpression `json:"matchExpressions,omitempty"`
}

// LabelValue is the value of a label.
//
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$`
type LabelValue string

// NamespaceExpression is a condition on one label.
//
// +kubebuilder:validation:XValidation:rule="(self.operator in ['In', 'NotIn']) == has(self.values)",message="values belong to the operators In and NotIn, and to no other"
type NamespaceExpression struct {
	// key of the label.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	Key string `json:"key"`

	// operator is In, NotIn, Exists or DoesNotExist.
	// +required
	// +kubebuilder:validation:Enum=In;NotIn;Exists;DoesNotExist
	Operator metav1.LabelSelectorOperator `json:"operator"`

	// values of the label, for In and NotIn.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Values []LabelValue `json:"values,omitempty"`
}
