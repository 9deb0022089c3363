// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AuthPolicy says who may connect. A route without a policy admits nobody.
//
// +kubebuilder:validation:XValidation:rule="self.anyOf.all(a, !has(a.apiKey) || self.anyOf.filter(b, has(b.apiKey) && (has(a.apiKey.from) ? a.apiKey.from.exists(s, has(b.apiKey.from) ? b.apiKey.from.exists(t, has(s.header) ? has(t.header) && s.header.lowerAscii() == t.header.lowerAscii() : has(s.subprotocol) ? has(t.subprotocol) && s.subprotocol == t.subprotocol : has(s.cookie) ? has(t.cookie) && s.cookie == t.cookie : has(t.query) && s.query == t.query) : has(s.header) && s.header.lowerAscii() == 'x-api-key') : (!has(b.apiKey.from) || b.apiKey.from.exists(t, has(t.header) && t.header.lowerAscii() == 'x-api-key')))).size() == 1)",message="two apiKey methods of a policy must not read the same header, subprotocol, cookie or query (default X-API-Key): one of them could never be asked"
// +kubebuilder:validation:XValidation:rule="has(self.origins) || !self.anyOf.exists(m, has(m.basic) || (has(m.jwt) && has(m.jwt.from) && m.jwt.from.exists(s, has(s.cookie) || has(s.query))) || (has(m.apiKey) && has(m.apiKey.from) && m.apiKey.from.exists(s, has(s.cookie) || has(s.query))))",message="basic and credentials in a cookie or a query need origins: without a list of pages, any page could connect with the credential of whoever looks at it"
// +kubebuilder:validation:XValidation:rule="self.anyOf.filter(m, has(m.basic)).size() <= 1",message="basic may be used only once in a policy: a second one could never be asked"
// +kubebuilder:validation:XValidation:rule="has(self.origins) || !self.anyOf.exists(m, has(m.clientCertificate))",message="clientCertificate needs origins: browsers show a certificate to any page, so that without a list of pages any of them could connect as whoever looks at it"
// +kubebuilder:validation:XValidation:rule="self.anyOf.filter(m, has(m.clientCertificate)).size() <= 1",message="clientCertificate may be used only once in a policy: a second one could never be asked"
// +kubebuilder:validation:XValidation:rule="!self.anyOf.exists(m, has(m.anonymous)) || (has(self.anyOf[self.anyOf.size() - 1].anonymous) && self.anyOf.filter(m, has(m.anonymous)).size() == 1)",message="anonymous must be the last method of anyOf: no method after it would ever be asked"
// +kubebuilder:validation:XValidation:rule="has(self.origins) || !self.anyOf.exists(m, has(m.external))",message="external needs origins: the authorization server gets to see cookies, and without a list of pages, any page could connect with the cookies of whoever looks at it"
// +kubebuilder:validation:XValidation:rule="!self.anyOf.exists(m, has(m.external)) || (has(self.anyOf[self.anyOf.size() - 1].external) && self.anyOf.filter(m, has(m.external)).size() == 1)",message="external must be the last method of anyOf, without anonymous: it has an answer to every request, so no method after it would ever be asked"
type AuthPolicy struct {
	// name of the policy, unique in the gateway.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// mode is Enforce, the default, or DryRun to try the policy: it decides as
	// always, but whom it refuses is let in, counted and named in the audit log.
	// A DryRun policy protects nothing.
	// +optional
	Mode PolicyMode `json:"mode,omitempty"`

	// anyOf are the accepted methods, asked in order. The first one that finds
	// its credential decides: a bad credential ends the handshake, only "none
	// shown" goes on to the next method.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	AnyOf []AuthMethod `json:"anyOf"`

	// origins says which web pages may connect. Absent: requests without an
	// Origin header go on, and every request with one is refused.
	// +optional
	Origins *Origins `json:"origins,omitempty"`

	// onExpiry says what happens to an open connection when the credential
	// that admitted it expires.
	// +optional
	OnExpiry *OnExpiry `json:"onExpiry,omitempty"`

	// clientCIDRs says from which networks callers may come. It is asked before
	// any credential is looked at. Absent: from all.
	// +optional
	ClientCIDRs *ClientCIDRs `json:"clientCIDRs,omitempty"`

	// authorization says which of the authenticated callers may connect. Absent:
	// all of them.
	// +optional
	Authorization *Authorization `json:"authorization,omitempty"`

	// forwardIdentity passes claims of the caller to the backend as headers.
	// Whatever the client sends under these names is removed in every spelling.
	// +optional
	ForwardIdentity *ForwardIdentity `json:"forwardIdentity,omitempty"`
}

// PolicyMode says whether a policy is in force.
//
// +kubebuilder:validation:Enum=Enforce;DryRun
type PolicyMode string

// The modes of a policy.
const (
	PolicyModeEnforce PolicyMode = "Enforce"
	PolicyModeDryRun  PolicyMode = "DryRun"
)

// OnExpiry bounds how long a connection outlives its credential.
type OnExpiry struct {
	// grace is the time from the expiry of the credential (for a token: exp, and
	// 30 s of clock skew) to the end of the connection with code 3000. Default
	// 0s, at most 1h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('1h')",message="onExpiry.grace must be at most 1h"
	Grace *metav1.Duration `json:"grace,omitempty"`
}

// AuthMethod is exactly one way to prove who is connecting.
//
// +kubebuilder:validation:XValidation:rule="(has(self.jwt) ? 1 : 0) + (has(self.apiKey) ? 1 : 0) + (has(self.basic) ? 1 : 0) + (has(self.clientCertificate) ? 1 : 0) + (has(self.external) ? 1 : 0) + (has(self.anonymous) ? 1 : 0) == 1",message="exactly one of jwt, apiKey, basic, clientCertificate, external and anonymous must be set"
type AuthMethod struct {
	// jwt accepts signed JSON Web Tokens (RFC 7519).
	// +optional
	JWT *JWTMethod `json:"jwt,omitempty"`

	// apiKey accepts keys listed in a Secret.
	// +optional
	APIKey *APIKeyMethod `json:"apiKey,omitempty"`

	// basic accepts users with a password, by the Basic scheme (RFC 7617). The
	// policy must have origins.
	// +optional
	Basic *BasicMethod `json:"basic,omitempty"`

	// clientCertificate accepts certificates that clients show in TLS to a listener
	// with clientCertificates. The policy must have origins.
	// +optional
	ClientCertificate *ClientCertificateMethod `json:"clientCertificate,omitempty"`

	// external asks an authorization server about every request that no method
	// before it has decided. It must be the last method, and the policy must have
	// origins.
	// +optional
	External *ExternalMethod `json:"external,omitempty"`

	// anonymous admits callers that showed no credential.
	// +optional
	Anonymous *AnonymousMethod `json:"anonymous,omitempty"`
}

// AnonymousMethod admits callers that showed no credential. It has no settings.
type AnonymousMethod struct{}

// JWTAlgorithm is a signature algorithm of RFC 7518 or RFC 8037.
//
// +kubebuilder:validation:Enum=ES256;ES384;ES512;RS256;RS384;RS512;PS256;PS384;PS512;EdDSA;HS256;HS384;HS512
type JWTAlgorithm string

// JWTMethod accepts tokens of one issuer. A token counts as shown to this
// method only if its issuer claim is this issuer.
//
// +kubebuilder:validation:XValidation:rule="has(self.jwks.secretRef) || self.algorithms.all(a, !a.startsWith('HS'))",message="HS256, HS384 and HS512 need a shared secret: use jwks.secretRef, or choose an asymmetric algorithm"
type JWTMethod struct {
	// issuer that the iss claim must equal.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Issuer string `json:"issuer"`

	// audiences of which the aud claim must hold at least one. One that is listed
	// twice counts once.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	Audiences []string `json:"audiences"`

	// algorithms that are accepted. The token's own header never chooses.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=13
	// +kubebuilder:validation:XValidation:rule="self.all(one, self.indexOf(one) == self.lastIndexOf(one))",message="each algorithm may be listed only once"
	Algorithms []JWTAlgorithm `json:"algorithms"`

	// jwks is where the issuer's keys come from.
	// +required
	JWKS KeySetSource `json:"jwks"`

	// from lists where a token may be shown, in order. Default: the
	// Authorization header with the Bearer scheme.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	From []CredentialSource `json:"from,omitempty"`

	// requiredClaims lists, for the name of a claim, the values of which a
	// token must have one. All of the claims are required. A claim fits if it
	// is a string, a number or a boolean that is written exactly like one of
	// the values, or a list in which one item is; an object or null never fits.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(name, name.size() > 0 && name.size() <= 128)",message="the name of a required claim must have between 1 and 128 characters"
	// +kubebuilder:validation:XValidation:rule="!self.exists(name, name in ['iss', 'aud', 'exp', 'nbf', 'iat'])",message="iss, aud, exp, nbf and iat are checked by issuer, audiences and the clock and cannot be required claims"
	RequiredClaims map[string]ClaimValues `json:"requiredClaims,omitempty"`

	// clockSkew is by how much the clocks of the issuer and of the gateway may
	// differ: it widens exp, nbf and iat. 0s to 5m, default 30s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('5m')",message="clockSkew must be between 0s and 5m"
	ClockSkew *metav1.Duration `json:"clockSkew,omitempty"`
}

// ClaimValues are the accepted values of a claim. One that is listed twice counts
// once.
//
// +listType=atomic
// +kubebuilder:validation:MinItems=1
// +kubebuilder:validation:MaxItems=32
// +kubebuilder:validation:items:MinLength=1
// +kubebuilder:validation:items:MaxLength=256
type ClaimValues []string

// KeySetSource is exactly one source of a JSON Web Key Set (RFC 7517).
//
// +kubebuilder:validation:XValidation:rule="(has(self.uri) ? 1 : 0) + (has(self.configMapRef) ? 1 : 0) + (has(self.secretRef) ? 1 : 0) == 1",message="exactly one of uri, configMapRef and secretRef must be set"
// +kubebuilder:validation:XValidation:rule="!has(self.caRef) || has(self.uri)",message="caRef belongs to uri: it says which CA the key server's certificate is checked against"
type KeySetSource struct {
	// uri is the https address of the key set. The pods fetch it, and again every
	// five minutes. While that fails, the keys that they have go on to count, for
	// 24 hours at most.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^https://[^\s/?#@]+(/[^\s#]*)?$`
	URI string `json:"uri,omitempty"`

	// caRef is a ConfigMap with the CA bundle for uri. Default: the public CAs.
	// +optional
	CARef *LocalKeyReference `json:"caRef,omitempty"`

	// configMapRef names a ConfigMap that holds the key set. Public keys only.
	// +optional
	ConfigMapRef *LocalKeyReference `json:"configMapRef,omitempty"`

	// secretRef names a Secret that holds the key set. Needed for HMAC keys.
	// +optional
	SecretRef *LocalKeyReference `json:"secretRef,omitempty"`
}

// CredentialSource is exactly one place of a handshake request.
//
// +kubebuilder:validation:XValidation:rule="(has(self.header) ? 1 : 0) + (has(self.subprotocol) ? 1 : 0) + (has(self.cookie) ? 1 : 0) + (has(self.query) ? 1 : 0) == 1",message="exactly one of header, subprotocol, cookie and query must be set"
// +kubebuilder:validation:XValidation:rule="!has(self.prefix) || has(self.header)",message="prefix belongs to header: it is what stands in front of the credential there"
// +kubebuilder:validation:XValidation:rule="!has(self.prefix) || !has(self.header) || self.header.lowerAscii() != 'authorization' || !self.prefix.lowerAscii().startsWith('basic')",message="Basic is the scheme of passwords: use the method basic"
type CredentialSource struct {
	// header that carries the credential. In Authorization it follows the
	// Bearer scheme (RFC 6750); in any other header it is the whole value. prefix
	// changes either.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern="^[A-Za-z0-9][-A-Za-z0-9]*$"
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['host', 'upgrade', 'connection', 'origin', 'cookie', 'content-length', 'transfer-encoding', 'te', 'trailer', 'forwarded']) && !self.lowerAscii().startsWith('sec-websocket-') && !self.lowerAscii().startsWith('x-forwarded-')",message="this header has a meaning of its own in the handshake and cannot carry a credential"
	Header string `json:"header,omitempty"`

	// prefix is what stands in front of the credential in the header, the blank
	// behind it included, such as "Token ". Case does not matter. A header that
	// begins with something else shows no credential.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern="^[!-~]+ ?$"
	Prefix string `json:"prefix,omitempty"`

	// subprotocol is the marker that a browser offers with the credential. With
	// "bearer" the client offers ["bearer", "<token>"], followed by its real
	// subprotocols if it has any. With "base64url.bearer.authorization.k8s.io",
	// as for the Kubernetes API server, it offers that name, a dot and the token
	// in base64url as one subprotocol, and a real one beside it.
	// +optional
	Subprotocol SubprotocolMarker `json:"subprotocol,omitempty"`

	// cookie whose value is the credential. Browsers add cookies to the
	// connections of every page, so the policy must have origins.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern="^[A-Za-z0-9_][-A-Za-z0-9._]*$"
	Cookie string `json:"cookie,omitempty"`

	// query is the parameter of the address whose value is the credential. It
	// never reaches the backend or the audit log, but addresses are kept in
	// many other places: prefer subprotocol, and tokens that live for seconds.
	// The policy must have origins.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern="^[A-Za-z0-9_][-A-Za-z0-9._]*$"
	Query string `json:"query,omitempty"`
}

// SubprotocolMarker is the marker of a credential among the subprotocols.
//
// +kubebuilder:validation:Enum=bearer;base64url.bearer.authorization.k8s.io
type SubprotocolMarker string

// APIKeyMethod accepts the keys of a Secret: each data key is the identifier
// of an API key, its value the key itself (at least 16 characters) or "sha256:"
// and the hex digest of it.
type APIKeyMethod struct {
	// secretRef names the Secret that holds the keys.
	// +required
	SecretRef LocalReference `json:"secretRef"`

	// from lists where a key may be shown, in order. Default: X-API-Key header.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	From []CredentialSource `json:"from,omitempty"`
}

// BasicMethod accepts the users of a password file as htpasswd writes it. Hashes
// are bcrypt (htpasswd -B) or SHA-crypt; plain passwords, MD5 and SHA-1 are
// refused.
type BasicMethod struct {
	// secretRef names the Secret that holds the file. Default key: auth.
	// +required
	SecretRef LocalKeyReference `json:"secretRef"`
}

// CertificateName is a name that a certificate holds.
//
// +kubebuilder:validation:Enum=SubjectAltNameURI;SubjectAltNameDNS;SubjectAltNameEmail;Subject
type CertificateName string

// The names that may tell who a client is.
const (
	CertificateNameURI     CertificateName = "SubjectAltNameURI"
	CertificateNameDNS     CertificateName = "SubjectAltNameDNS"
	CertificateNameEmail   CertificateName = "SubjectAltNameEmail"
	CertificateNameSubject CertificateName = "Subject"
)

// ClientCertificateMethod accepts certificates that the CAs of the listener have
// signed. Their issuer and the name in them are the identity.
type ClientCertificateMethod struct {
	// identityFrom says which name in the certificate tells who the client is: its
	// one URI, DNS name or email address, or its whole subject as RFC 2253 writes
	// it (CN=device-7,OU=plant,O=Acme). A certificate without such a name, or with
	// two of them, is a bad credential.
	// +required
	IdentityFrom CertificateName `json:"identityFrom"`

	// patterns are the names that are accepted: exact ones, or with one "*" that
	// stands for one part of the name: no dot in a DNS name, no slash in a URI, no
	// comma in a subject. One that is listed twice counts once. Default: all names
	// that the CAs have certified.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Patterns []CertificateNamePattern `json:"patterns,omitempty"`
}

// CertificateNamePattern is a name in a certificate, with at most one "*".
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=512
// +kubebuilder:validation:XValidation:rule="self.indexOf('*') == self.lastIndexOf('*')",message="a pattern may hold one * only"
// +kubebuilder:validation:XValidation:rule="self != '*'",message="to accept every name that the CAs have certified, leave patterns out"
type CertificateNamePattern string

// ForwardIdentity passes claims to the backend.
type ForwardIdentity struct {
	// headers that are set on the request to the backend.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, b.name.lowerAscii() == a.name.lowerAscii()))",message="header names are compared without regard to case: each may appear only once"
	Headers []IdentityHeader `json:"headers"`
}

// IdentityHeader is one header that carries a claim.
type IdentityHeader struct {
	// name of the header.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern="^[A-Za-z0-9][-A-Za-z0-9]*$"
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['host', 'upgrade', 'connection', 'origin', 'cookie', 'authorization', 'content-length', 'transfer-encoding', 'te', 'trailer', 'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto']) && !self.lowerAscii().startsWith('sec-websocket-')",message="this header has a meaning of its own in the handshake and cannot carry an identity"
	Name string `json:"name"`

	// claim whose value is sent. Strings, numbers and booleans are sent as they
	// are, lists of them joined by commas; a claim that the caller does not
	// have sends no header. API keys and users have the claim sub, the
	// key's identifier or the user's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Claim string `json:"claim"`
}
