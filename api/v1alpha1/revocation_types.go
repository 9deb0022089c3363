// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// WebSocketRevocation locks somebody out of gateways for a time: it closes their
// open connections with code 3000 and refuses new ones, whatever the policies
// say. It stops applying at its end by itself; deleting it ends it at once.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=wsrevoke,categories=networking
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Pods",type=string,JSONPath=`.status.pods`
// +kubebuilder:printcolumn:name="Closed",type=string,JSONPath=`.status.connectionsClosed`
// +kubebuilder:printcolumn:name="Until",type=string,JSONPath=`.spec.until`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must have at most 63 characters: it is written into audit records"
type WebSocketRevocation struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says who is locked out, of what, and until when.
	// +required
	Spec WebSocketRevocationSpec `json:"spec"`

	// status is what the operator has seen come of it.
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status WebSocketRevocationStatus `json:"status,omitempty"`
}

// WebSocketRevocationList is a list of revocations.
//
// +kubebuilder:object:root=true
type WebSocketRevocationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []WebSocketRevocation `json:"items"`
}

// WebSocketRevocationSpec says who is locked out. Whoever is matched by any entry
// of any list is.
//
// +kubebuilder:validation:XValidation:rule="(has(self.subjects) ? self.subjects.size() : 0) + (has(self.tokenIDs) ? self.tokenIDs.size() : 0) + (has(self.apiKeyIDs) ? self.apiKeyIDs.size() : 0) + (has(self.certificateSerials) ? self.certificateSerials.size() : 0) + (has(self.clientCIDRs) ? self.clientCIDRs.size() : 0) >= 1",message="a revocation must name somebody: add an entry to subjects, tokenIDs, apiKeyIDs, certificateSerials or clientCIDRs"
// +kubebuilder:validation:XValidation:rule="(has(self.subjects) ? self.subjects.size() : 0) + (has(self.tokenIDs) ? self.tokenIDs.size() : 0) + (has(self.apiKeyIDs) ? self.apiKeyIDs.size() : 0) + (has(self.certificateSerials) ? self.certificateSerials.size() : 0) + (has(self.clientCIDRs) ? self.clientCIDRs.size() : 0) <= 1000",message="a revocation may have at most 1000 entries in all its lists: use several revocations"
type WebSocketRevocationSpec struct {
	// gatewayRefs are the gateways, in the revocation's own namespace, that the
	// revocation is for.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, b.name == a.name))",message="each gateway may be named only once"
	GatewayRefs []GatewayReference `json:"gatewayRefs"`

	// until is when the revocation stops applying, in RFC 3339 without fractions
	// of a second. At most 30 days after the revocation was created: a list of
	// exceptions that nobody remembers is no access rule. What lies further is
	// applied for 30 days, and Accepted is False. It may be moved at any time.
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})$`
	Until metav1.Time `json:"until"`

	// reason is a note for people. It stays in this object: it is neither sent to
	// gateway pods nor told to anybody who is refused.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Reason string `json:"reason,omitempty"`

	// subjects are callers by the subject that audit records show.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	Subjects []RevokedSubject `json:"subjects,omitempty"`

	// tokenIDs are single tokens by their jti claim.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	TokenIDs []RevokedTokenID `json:"tokenIDs,omitempty"`

	// apiKeyIDs are single API keys by their names in their Secrets. To take a
	// key away for good, remove it from the Secret.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	APIKeyIDs []RevokedAPIKeyID `json:"apiKeyIDs,omitempty"`

	// certificateSerials are single client certificates by their serial numbers.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	CertificateSerials []RevokedCertificateSerial `json:"certificateSerials,omitempty"`

	// clientCIDRs are networks that clients come from, such as 203.0.113.0/24 or
	// 2001:db8::/32, no wider than /8 (IPv4) or /16 (IPv6). At most 16 of them are
	// wider than /16 (IPv4) or /32 (IPv6), so that they hold less than a
	// fifteenth of all addresses together.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:XValidation:rule="self.filter(c, isCIDR(c) && cidr(c).prefixLength() < (cidr(c).ip().family() == 4 ? 16 : 32)).size() <= 16",message="clientCIDRs may hold at most 16 networks wider than /16 (IPv4) or /32 (IPv6): many wide networks are everybody"
	ClientCIDRs []ClientCIDR `json:"clientCIDRs,omitempty"`
}

// ClientCIDR is a network that clients come from.
//
// +kubebuilder:validation:MaxLength=43
// +kubebuilder:validation:XValidation:rule="isCIDR(self) && cidr(self).prefixLength() >= (cidr(self).ip().family() == 4 ? 8 : 16)",message="clientCIDRs must be networks such as 203.0.113.0/24 or 2001:db8::/32, no wider than /8 (IPv4) or /16 (IPv6): a revocation is for somebody, a few wide networks are everybody"
type ClientCIDR string

// GatewayReference names a WebSocketGateway in the namespace of whoever refers.
type GatewayReference struct {
	// name of the gateway.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
}

// RevokedSubject is a caller by the subject of their identity.
//
// +kubebuilder:validation:XValidation:rule="has(self.policy) || has(self.issuer)",message="a subject means nothing by itself: add the policy or the issuer that it is of"
type RevokedSubject struct {
	// subject: the sub claim of a token, the name of an API key or a user, or the
	// name in a client certificate. Compared byte by byte.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Subject string `json:"subject"`

	// policy that admits the caller. Absent: any, if the issuer fits.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Policy string `json:"policy,omitempty"`

	// issuer of the identity as audit records show it: the iss claim of a token,
	// the Secret of an API key or a user. Absent: any, if the policy fits.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Issuer string `json:"issuer,omitempty"`
}

// RevokedTokenID is one token.
type RevokedTokenID struct {
	// issuer: the iss claim of the token.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Issuer string `json:"issuer"`

	// id: the jti claim of the token (RFC 7519 section 4.1.7), at most 256 bytes.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	ID string `json:"id"`
}

// RevokedAPIKeyID is one API key.
//
// +kubebuilder:validation:XValidation:rule="has(self.policy) || has(self.secret)",message="the name of an API key means nothing by itself: add the policy or the Secret that it is of"
type RevokedAPIKeyID struct {
	// id is the data key of the API key in its Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ID string `json:"id"`

	// policy that admits the key. Absent: any, if the Secret fits.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Policy string `json:"policy,omitempty"`

	// secret that holds the key. Absent: any, if the policy fits.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Secret string `json:"secret,omitempty"`
}

// RevokedCertificateSerial is one client certificate, whatever else its owner shows.
type RevokedCertificateSerial struct {
	// serial number in hexadecimal, in the spelling of any tool: upper or lower
	// case, with or without leading zeros and colons. Put it in quotes: YAML takes
	// one without letters for a number.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^([0-9A-Fa-f]{1,42}|[0-9A-Fa-f]{1,2}(:[0-9A-Fa-f]{2}){1,20})$`
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[0:]*$')",message="the serial number of a certificate is not zero"
	Serial string `json:"serial"`

	// policy that admits the caller, for when two CAs have given the same number.
	// Absent: any.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Policy string `json:"policy,omitempty"`
}

// WebSocketRevocationStatus is what has come of a revocation. Nothing in it
// changes by the passing of time alone, except that it expires.
type WebSocketRevocationStatus struct {
	// observedGeneration is the generation that this status describes; -1 until
	// the operator has seen the revocation for the first time.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions: Accepted, ResolvedRefs, Programmed and Ready are always present;
	// Reconciling, Stalled and Expired only while True.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// pods of all gateways: how many acknowledged, of how many, as in 3/3.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Pods string `json:"pods,omitempty"`

	// connectionsClosed is the number of connections of all gateways that were
	// told to end.
	// +optional
	ConnectionsClosed int64 `json:"connectionsClosed,omitempty"`

	// gateways holds what is true of each gateway.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Gateways []RevocationGatewayStatus `json:"gateways,omitempty"`
}

// RevocationGatewayStatus is what has come of a revocation at one gateway.
type RevocationGatewayStatus struct {
	// name of the gateway.
	// +required
	Name string `json:"name"`

	// podsAcknowledged is the number of ready pods that refuse those that the
	// revocation names, and have told their connections to end.
	// +optional
	PodsAcknowledged int32 `json:"podsAcknowledged"`

	// podsTotal is the number of ready pods.
	// +optional
	PodsTotal int32 `json:"podsTotal"`

	// connectionsClosed is the number of connections that were told to end, as the
	// pods that have run at the same time counted them. It never falls.
	// +optional
	ConnectionsClosed int64 `json:"connectionsClosed"`
}
