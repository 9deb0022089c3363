// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Scheduling says on which nodes gateway pods run. They are spread over hosts and
// zones in any case, as well as the nodes allow.
type Scheduling struct {
	// nodeSelector are labels that a node must have to run a gateway pod.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.indexOf('/') <= 253 && k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="a key of nodeSelector is a name of at most 63 characters, with or without a DNS name and a slash before it"
	NodeSelector map[string]LabelValue `json:"nodeSelector,omitempty"`

	// tolerations are the taints of nodes that gateway pods put up with.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Tolerations []Toleration `json:"tolerations,omitempty"`

	// priorityClassName names the PriorityClass of the pods: who is evicted first
	// where nodes are full. Absent means the cluster's default. The classes of
	// Kubernetes itself, system-node-critical and system-cluster-critical, are
	// refused. Until a class of that name exists no pod can be made.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('system-')",message="classes whose names begin with system- belong to the cluster's own pods: make a PriorityClass for gateways"
	PriorityClassName string `json:"priorityClassName,omitempty"`
}

// TolerationOperator says how a toleration is compared with a taint.
//
// +kubebuilder:validation:Enum=Exists;Equal
type TolerationOperator string

// The ways to compare a toleration with a taint.
const (
	TolerationExists TolerationOperator = "Exists"
	TolerationEqual  TolerationOperator = "Equal"
)

// TaintEffect is what a taint does to pods that do not tolerate it.
//
// +kubebuilder:validation:Enum=NoSchedule;PreferNoSchedule;NoExecute
type TaintEffect string

// The effects of taints.
const (
	TaintNoSchedule       TaintEffect = "NoSchedule"
	TaintPreferNoSchedule TaintEffect = "PreferNoSchedule"
	TaintNoExecute        TaintEffect = "NoExecute"
)

// Toleration lets gateway pods run on nodes with a taint. Its fields mean what they
// mean in a pod.
//
// +kubebuilder:validation:XValidation:rule="has(self.key) || (has(self.operator) && self.operator == 'Exists')",message="a toleration without a key is for every taint: it needs the operator Exists"
// +kubebuilder:validation:XValidation:rule="!has(self.value) || size(self.value) == 0 || !has(self.operator) || self.operator == 'Equal'",message="the operator Exists compares no value: remove it, or choose Equal"
// +kubebuilder:validation:XValidation:rule="!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",message="tolerationSeconds has a meaning for the effect NoExecute only"
type Toleration struct {
	// key of the taint. Absent, with the operator Exists: every taint.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`
	Key string `json:"key,omitempty"`

	// operator: Equal, the default, wants the taint to have the value; to Exists
	// any will do.
	// +optional
	Operator TolerationOperator `json:"operator,omitempty"`

	// value of the taint, for Equal.
	// +optional
	Value LabelValue `json:"value,omitempty"`

	// effect of the taint. Absent means each.
	// +optional
	Effect TaintEffect `json:"effect,omitempty"`

	// tolerationSeconds is how long a pod stays on a node that gets a taint with
	// the effect NoExecute: 0 to 604800. Absent means for ever.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=604800
	TolerationSeconds *int64 `json:"tolerationSeconds,omitempty"`
}

// PodMetadata are labels and annotations of the gateway pods, besides the
// operator's own.
type PodMetadata struct {
	// labels of the pods, for meshes, costs and policies of a cluster. A key needs a
	// prefix (example.com/team), and one that is nobody else's: what has none, or one
	// of kubernetes.io, is what Services and NetworkPolicies select pods by.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.indexOf('/') > 0)",message="a label of the pods needs a prefix, as in example.com/team: by labels without one, Services and NetworkPolicies of the namespace select other pods"
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.indexOf('/') <= 253 && k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="a key of a label is a DNS name, a slash and a name of at most 63 characters"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.matches('^(.*[.])?(wsgateway[.]dev|kubernetes[.]io|k8s[.]io|argocd[.]argoproj[.]io)/'))",message="labels of wsgateway.dev, kubernetes.io, k8s.io and argocd.argoproj.io belong to those tools"
	Labels map[string]LabelValue `json:"labels,omitempty"`

	// annotations of the pods, for meshes, agents and autoscalers.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.indexOf('/') <= 253 && k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="a key of an annotation is a name of at most 63 characters, with or without a DNS name and a slash before it"
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.startsWith('cluster-autoscaler.kubernetes.io/') || !k.matches('^(.*[.])?(wsgateway[.]dev|kubernetes[.]io|k8s[.]io|argocd[.]argoproj[.]io)/'))",message="annotations of wsgateway.dev, kubernetes.io, k8s.io and argocd.argoproj.io belong to those tools; of them only cluster-autoscaler.kubernetes.io may be set"
	Annotations map[string]AnnotationValue `json:"annotations,omitempty"`
}
