// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Listener is one port with the hostnames that it serves and their certificate.
type Listener struct {
	// name of the listener, unique in the gateway.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// port of the Service. The pods open the same port, plus 10000 where it is
	// below 1024, so that they need no privilege. 10001-11023 and 19000-19001
	// are taken by this rule and by the pods' own ports.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +kubebuilder:validation:XValidation:rule="!(self >= 10001 && self <= 11023) && self != 19000 && self != 19001",message="ports 10001-11023 and 19000-19001 are reserved: choose another port"
	Port int32 `json:"port"`

	// hostnames that this listener serves: exact names, or a wildcard for one
	// leading label (*.example.com). A TLS handshake for any other name is
	// refused.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(one, self.indexOf(one) == self.lastIndexOf(one))",message="each hostname may be listed only once"
	Hostnames []Hostname `json:"hostnames"`

	// tls says how this listener speaks TLS. There is no listener without TLS.
	// +required
	TLS ListenerTLS `json:"tls"`

	// clientAddress says who tells the addresses of clients where they come
	// through a load balancer or proxy. Absent: the address is that of the TCP
	// connection. Listeners with the same port must have the same clientAddress.
	// A change applies to new connections.
	// +optional
	ClientAddress *ClientAddress `json:"clientAddress,omitempty"`

	// allowedRoutes says which WebSocketRoutes may attach to the listener, and what
	// they may choose from. Absent: none may.
	// +optional
	AllowedRoutes *AllowedRoutes `json:"allowedRoutes,omitempty"`
}

// ClientAddress says who tells the addresses of clients.
//
// +kubebuilder:validation:XValidation:rule="has(self.trustedCIDRs) || !((has(self.proxyProtocol) && self.proxyProtocol) || has(self.header))",message="proxyProtocol and header need trustedCIDRs: otherwise anybody could claim any address"
type ClientAddress struct {
	// proxyProtocol is true where each connection begins with a PROXY protocol
	// header, version 1 or 2. Then every connection must: one without, and one
	// from outside of trustedCIDRs, is closed before TLS.
	// +optional
	ProxyProtocol bool `json:"proxyProtocol,omitempty"`

	// trustedCIDRs are the networks of the load balancers and proxies that are
	// believed what they say. Keep them as small as they are.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(one, self.indexOf(one) == self.lastIndexOf(one))",message="each network may be listed only once"
	// +kubebuilder:validation:XValidation:rule="self.all(n, !n.endsWith('/0'))",message="trustedCIDRs must not be the whole Internet: whoever is in them can claim any address"
	TrustedCIDRs []CIDR `json:"trustedCIDRs,omitempty"`

	// header that the proxies in trustedCIDRs add to requests, each the address
	// that it was asked from. The client is the last address in it that is not in
	// trustedCIDRs. From anybody else the header is ignored.
	// +optional
	Header ForwardedHeader `json:"header,omitempty"`
}

// ForwardedHeader names a header with the addresses of clients.
//
// +kubebuilder:validation:Enum=X-Forwarded-For
type ForwardedHeader string

// ForwardedFor is the header of which each proxy adds to the end.
const ForwardedFor ForwardedHeader = "X-Forwarded-For"

// CIDR is a network of IPv4 or IPv6 addresses in CIDR notation (RFC 4632, RFC
// 4291 section 2.3), such as 192.0.2.0/24 or 2001:db8::/32. One address is a /32
// or a /128.
//
// +kubebuilder:validation:MinLength=4
// +kubebuilder:validation:MaxLength=43
// +kubebuilder:validation:XValidation:rule="isCIDR(self) && cidr(self) == cidr(self).masked()",message="write a network as its first address and the length of the prefix, such as 192.0.2.0/24 or 2001:db8::/32"
type CIDR string

// Hostname is a lower-case DNS name whose first label may be a wildcard (*).
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:Pattern=`^(\*\.)?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$`
type Hostname string

// TLSProfile names a set of protocol versions and cipher suites.
//
// +kubebuilder:validation:Enum=Modern;Intermediate
type TLSProfile string

// The TLS profiles. Neither has a cipher suite that is not an AEAD with
// forward secrecy.
const (
	// TLSProfileModern is TLS 1.3 only.
	TLSProfileModern TLSProfile = "Modern"
	// TLSProfileIntermediate is TLS 1.2 and 1.3.
	TLSProfileIntermediate TLSProfile = "Intermediate"
)

// SessionTickets says whether clients may resume TLS sessions.
//
// +kubebuilder:validation:Enum=Enabled;Disabled
type SessionTickets string

// The ways to deal with session tickets.
const (
	// SessionTicketsEnabled gives clients of TLS 1.3 a ticket.
	SessionTicketsEnabled SessionTickets = "Enabled"
	// SessionTicketsDisabled makes every TLS handshake a full one.
	SessionTicketsDisabled SessionTickets = "Disabled"
)

// ListenerTLS says how a listener speaks TLS.
//
// +kubebuilder:validation:XValidation:rule="!has(self.clientCertificates) || !has(self.sessionTickets) || self.sessionTickets != 'Enabled'",message="sessions of a listener with clientCertificates are never resumed: leave sessionTickets out, or set it to Disabled"
type ListenerTLS struct {
	// profile is Modern (TLS 1.3 only) or Intermediate (TLS 1.2 and 1.3 with
	// AEAD cipher suites). Default Intermediate.
	// +optional
	Profile TLSProfile `json:"profile,omitempty"`

	// certificate says where the listener's certificate comes from.
	// +required
	Certificate CertificateSource `json:"certificate"`

	// clientCertificates has clients show a certificate in TLS. Absent: they are
	// not asked for one. A policy decides with its method clientCertificate what
	// one is good for.
	// +optional
	ClientCertificates *ClientCertificates `json:"clientCertificates,omitempty"`

	// sessionTickets is Enabled, so that a client which comes back with TLS 1.3
	// can resume its session on any pod, which costs both sides less, or
	// Disabled. Default Enabled; with clientCertificates no session is ever
	// resumed. A ticket says nothing about who the client is: each handshake
	// shows its credential anew.
	// +optional
	SessionTickets SessionTickets `json:"sessionTickets,omitempty"`
}

// ClientCertificateMode says what happens to clients without a certificate.
//
// +kubebuilder:validation:Enum=Require;Optional
type ClientCertificateMode string

// The modes of client certificates. In both of them a certificate that is shown
// and does not verify ends the TLS handshake.
const (
	// ClientCertificatesRequire ends the TLS handshake of clients without one.
	ClientCertificatesRequire ClientCertificateMode = "Require"
	// ClientCertificatesOptional lets them go on.
	ClientCertificatesOptional ClientCertificateMode = "Optional"
)

// ClientCertificates says which certificates clients may show, and whether they
// must (mutual TLS).
type ClientCertificates struct {
	// mode is Require, which ends the TLS handshake of a client without a
	// certificate, or Optional, which lets it go on to other methods.
	// +required
	Mode ClientCertificateMode `json:"mode"`

	// caRefs name the CAs that certify clients: bundles of CA certificates in PEM,
	// at most 64 in all. Clients have to send every certificate between their own
	// and that of the CA. A bundle that goes missing or is malformed keeps its
	// last good content; to withdraw trust, take the CA out of the bundle.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	CARefs []CAReference `json:"caRefs"`
}

// CAReferenceKind is a kind of object that holds a CA bundle.
//
// +kubebuilder:validation:Enum=ConfigMap
type CAReferenceKind string

// CAReference names a CA bundle in the gateway's own namespace.
type CAReference struct {
	// kind of the object. Default ConfigMap.
	// +optional
	Kind CAReferenceKind `json:"kind,omitempty"`

	// name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`

	// key within the object. Default ca.crt.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	// +kubebuilder:validation:XValidation:rule="self != '.' && self != '..' && !self.startsWith('..')",message="key must not begin with two dots"
	Key string `json:"key,omitempty"`
}

// CertificateSource is exactly one source of a listener's certificate.
//
// +kubebuilder:validation:XValidation:rule="[has(self.issuerRef), has(self.certificateRef), has(self.secretRef)].exists_one(set, set)",message="exactly one of issuerRef, certificateRef and secretRef must be set"
// +kubebuilder:validation:XValidation:rule="has(self.issuerRef) || !(has(self.duration) || has(self.renewBefore) || has(self.renewBeforePercentage) || has(self.privateKey))",message="duration, renewBefore, renewBeforePercentage and privateKey describe a certificate to be issued: they need issuerRef"
// +kubebuilder:validation:XValidation:rule="!(has(self.renewBefore) && has(self.renewBeforePercentage))",message="renewBefore and renewBeforePercentage exclude each other"
// +kubebuilder:validation:XValidation:rule="!(has(self.renewBefore) && has(self.duration)) || duration(self.renewBefore) < duration(self.duration)",message="renewBefore must be shorter than duration"
type CertificateSource struct {
	// issuerRef names the cert-manager issuer of the certificate. The operator
	// creates a Certificate for the listener's hostnames.
	// +optional
	IssuerRef *IssuerReference `json:"issuerRef,omitempty"`

	// certificateRef names a cert-manager Certificate in the gateway's namespace
	// that somebody else maintains. Its Secret is mounted; its dnsNames must cover
	// the listener's hostnames. Another Secret of it rolls the pods.
	// +optional
	CertificateRef *LocalReference `json:"certificateRef,omitempty"`

	// secretRef names a Secret of type kubernetes.io/tls in the gateway's
	// namespace, whose tls.crt and tls.key somebody else maintains. A changed
	// content reaches the pods within the kubelet's sync period (about 90 s).
	// +optional
	SecretRef *LocalReference `json:"secretRef,omitempty"`

	// duration that the certificate is requested for. Default: the issuer's, in
	// general 2160h. At least 1h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1h')",message="certificate duration must be at least 1h"
	Duration *metav1.Duration `json:"duration,omitempty"`

	// renewBefore is how long before its expiry the certificate is renewed. At
	// least 5m and shorter than duration. Default: a third of the duration.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5m')",message="renewBefore must be at least 5m"
	RenewBefore *metav1.Duration `json:"renewBefore,omitempty"`

	// renewBeforePercentage is the share of the certificate's real lifetime
	// that remains when it is renewed. Safer than renewBefore with issuers that
	// choose the lifetime themselves.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=99
	RenewBeforePercentage *int32 `json:"renewBeforePercentage,omitempty"`

	// privateKey says which key is made for the certificate. Default ECDSA
	// P-256. A new key is made at each renewal.
	// +optional
	PrivateKey *PrivateKey `json:"privateKey,omitempty"`
}

// KeyAlgorithm is the algorithm of a private key.
//
// +kubebuilder:validation:Enum=ECDSA;RSA
type KeyAlgorithm string

// The algorithms of a listener's private key.
const (
	KeyAlgorithmECDSA KeyAlgorithm = "ECDSA"
	KeyAlgorithmRSA   KeyAlgorithm = "RSA"
)

// PrivateKey describes the key of an issued certificate.
//
// +kubebuilder:validation:XValidation:rule="!has(self.size) || (self.algorithm == 'ECDSA' ? self.size in [256, 384] : self.size in [2048, 3072, 4096])",message="size must be 256 or 384 for ECDSA, and 2048, 3072 or 4096 for RSA"
type PrivateKey struct {
	// algorithm of the key.
	// +required
	Algorithm KeyAlgorithm `json:"algorithm"`

	// size of the key in bits. Default 256 for ECDSA, 2048 for RSA.
	// +optional
	Size *int32 `json:"size,omitempty"`
}

// IssuerReference names a cert-manager issuer.
type IssuerReference struct {
	// name of the issuer.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// kind of the issuer. Default Issuer (in the gateway's namespace).
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind,omitempty"`

	// group of the issuer. Default cert-manager.io; others are external issuers.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Group string `json:"group,omitempty"`
}

// LocalReference names an object in the gateway's own namespace.
type LocalReference struct {
	// name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
}

// LocalKeyReference names one key of a ConfigMap or Secret in the gateway's own
// namespace.
type LocalKeyReference struct {
	// name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`

	// key within the object. Default: jwks.json for a key set, ca.crt for a CA
	// bundle, auth for a password file, tls.key for a signing key.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	// +kubebuilder:validation:XValidation:rule="self != '.' && self != '..' && !self.startsWith('..')",message="key must not begin with two dots"
	Key string `json:"key,omitempty"`
}
