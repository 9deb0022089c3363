// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// ClientCIDRs restricts the networks that callers may come from. The address is
// the one that the gateway takes for the client's.
//
// +kubebuilder:validation:XValidation:rule="has(self.allow) || has(self.deny)",message="set allow, deny or both"
type ClientCIDRs struct {
	// allow lists the networks that callers may come from. Absent: all.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.all(one, self.indexOf(one) == self.lastIndexOf(one))",message="each network may be listed only once"
	Allow []CIDR `json:"allow,omitempty"`

	// deny lists the networks that callers must not come from, also where allow
	// has them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.all(one, self.indexOf(one) == self.lastIndexOf(one))",message="each network may be listed only once"
	Deny []CIDR `json:"deny,omitempty"`
}

// RuleAction says what happens to the callers whom a rule is about.
//
// +kubebuilder:validation:Enum=Allow;Deny
type RuleAction string

// The actions of a rule.
const (
	RuleActionAllow RuleAction = "Allow"
	RuleActionDeny  RuleAction = "Deny"
)

// Authorization lets authenticated callers in by rules. Whom no rule is about is
// refused.
type Authorization struct {
	// rules are asked in order, and the first one that matches decides. If no
	// rule matches, the caller is refused.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, b.name == a.name))",message="the name of a rule must be unique in its list: audit records name the rule that refused"
	Rules []AuthorizationRule `json:"rules"`
}

// AuthorizationRule says who may connect, or who may not.
type AuthorizationRule struct {
	// name of the rule, unique in the list. It is what the audit record of a
	// refusal says.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// action for the callers whom the rule matches.
	// +required
	Action RuleAction `json:"action"`

	// when is an expression of the Common Expression Language (CEL) that is true
	// for the callers whom the rule matches. It reads the variables identity
	// (policy, method, issuer, subject, keyID, claims), request (host, path,
	// origin, listener, route, clientIP) and certificate, which is what the client
	// showed in TLS (presented, subject, issuer, serial, fingerprint, notBefore,
	// notAfter, uris, dnsNames, emails). Where it cannot be evaluated, because a
	// claim is missing for example, an Allow rule does not match and a Deny rule
	// does: ask for a claim with has() first, and for certificate.presented.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	When string `json:"when"`
}
