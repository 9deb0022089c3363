// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"net/netip"
	"time"
)

// Version of the three files. A reader refuses any other.
const Version = 1

// Config is what one gateway shall do. It follows from specs only, so it
// changes only when a user changes something.
type Config struct {
	Version   int        `json:"version"`
	Gateway   GatewayRef `json:"gateway"`
	Listeners []Listener `json:"listeners,omitempty"`
	Policies  []Policy   `json:"policies,omitempty"`
	// BackendTLS are the ways to speak TLS that backends of routes refer to.
	BackendTLS []BackendTLS `json:"backendTLS,omitempty"`
	Routes     []Route      `json:"routes,omitempty"`
	Limits     *Limits      `json:"limits,omitempty"`
	Audit      *Audit       `json:"audit,omitempty"`
	// Tracing absent: nothing is traced.
	Tracing *Tracing `json:"tracing,omitempty"`
	// KeepAdmitted leaves connections open that the policies would not admit
	// any more.
	KeepAdmitted bool `json:"keepAdmitted,omitempty"`
}

// GatewayRef names the gateway that a file belongs to.
type GatewayRef struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// Listener is a set of hostnames on a port. Listeners with the same Port share
// one socket.
type Listener struct {
	Name string `json:"name"`
	// Port is the port that clients know, the Service's.
	Port int32 `json:"port"`
	// BindPort is the port that the pod opens.
	BindPort  int32    `json:"bindPort"`
	Hostnames []string `json:"hostnames"`
	// MinTLSVersion is "1.2" or "1.3".
	MinTLSVersion string `json:"minTLSVersion"`
	// CertificateSecret is the Secret whose tls.crt and tls.key are served.
	CertificateSecret string `json:"certificateSecret"`
	// ClientAddress absent: the address of a client is that of the TCP
	// connection. Listeners with the same Port have the same.
	ClientAddress *ClientAddress `json:"clientAddress,omitempty"`
	// ClientCertificates absent: clients are not asked for a certificate.
	ClientCertificates *ClientCertificates `json:"clientCertificates,omitempty"`
	// NoSessionTickets makes every TLS handshake a full one, as ClientCertificates
	// does anyway.
	NoSessionTickets bool `json:"noSessionTickets,omitempty"`
}

// ClientCertificates says which certificates the clients of a listener show.
type ClientCertificates struct {
	// Required ends TLS handshakes without a certificate.
	Required bool `json:"required,omitempty"`
	// Bundles of the CAs that certify clients. None at all only together with
	// Fault; then no certificate is good.
	Bundles []CABundle `json:"bundles,omitempty"`
	// Fault, if not empty, says that a bundle is not there. It is
	// FaultClientCAUnavailable. The others are in force, and no connection is
	// closed because its CA is unknown.
	Fault Fault `json:"fault,omitempty"`
}

// CABundle is the content of one ConfigMap key.
type CABundle struct {
	ConfigMap string `json:"configMap"`
	Key       string `json:"key"`
	// Certificates in PEM; see ParseClientCAs.
	Certificates string `json:"certificates"`
}

// ClientAddress says who tells the addresses of clients.
type ClientAddress struct {
	// ProxyProtocol is true where each connection begins with a PROXY protocol
	// header.
	ProxyProtocol bool `json:"proxyProtocol,omitempty"`
	// ForwardedFor is true where X-Forwarded-For is read.
	ForwardedFor bool `json:"forwardedFor,omitempty"`
	// Trusted are the networks that are believed; sorted, never empty.
	Trusted []netip.Prefix `json:"trusted"`
}

// SecretKey names a file in the mounted volume of a Secret.
type SecretKey struct {
	Secret string `json:"secret"`
	Key    string `json:"key"`
}

// Policy says who may connect.
type Policy struct {
	Name string `json:"name"`
	// DryRun lets those in whom the policy refuses, and has it counted. It does
	// not reach a policy with a Fault, and nothing that is not the policy's to
	// decide.
	DryRun  bool     `json:"dryRun,omitempty"`
	Methods []Method `json:"methods,omitempty"`
	// Origins absent: a request with an Origin header is refused.
	Origins         *Origins         `json:"origins,omitempty"`
	IdentityHeaders []IdentityHeader `json:"identityHeaders,omitempty"`
	// ClientCIDRs absent: callers may come from anywhere.
	ClientCIDRs *ClientCIDRs `json:"clientCIDRs,omitempty"`
	// Authorization absent: whoever is authenticated may connect.
	Authorization *Authorization `json:"authorization,omitempty"`
	// ExpiryGrace is how long a connection outlives its credential.
	ExpiryGrace Duration `json:"expiryGrace,omitempty"`
	// Fault, if not empty, makes every route of this policy answer 503. It is
	// one of the Fault constants.
	Fault Fault `json:"fault,omitempty"`
}

// Method is exactly one authentication method.
type Method struct {
	JWT    *JWT    `json:"jwt,omitempty"`
	APIKey *APIKey `json:"apiKey,omitempty"`
	Basic  *Basic  `json:"basic,omitempty"`

	ClientCertificate *ClientCertificate `json:"clientCertificate,omitempty"`

	External  *External  `json:"external,omitempty"`
	Anonymous *Anonymous `json:"anonymous,omitempty"`
}

// Anonymous admits callers that showed no credential.
type Anonymous struct{}

// JWT accepts the tokens of one issuer.
type JWT struct {
	Issuer     string   `json:"issuer"`
	Audiences  []string `json:"audiences"`
	Algorithms []string `json:"algorithms"`
	KeySet     KeySet   `json:"keySet"`
	From       []Source `json:"from"`
	// RequiredClaims maps the name of a claim to the values of which a token
	// must have one.
	RequiredClaims map[string][]string `json:"requiredClaims,omitempty"`
	// ClockSkew absent means DefaultClockSkew.
	ClockSkew *Duration `json:"clockSkew,omitempty"`
}

// Skew returns the clock skew in force.
func (j *JWT) Skew() time.Duration {
	return time.Duration(or(j.ClockSkew, Duration(DefaultClockSkew)))
}

// KeySet is exactly one of Inline, Secret and URI.
type KeySet struct {
	// Inline is a JSON Web Key Set document of public keys.
	Inline string     `json:"inline,omitempty"`
	Secret *SecretKey `json:"secret,omitempty"`
	URI    string     `json:"uri,omitempty"`
	// CABundle, in PEM, verifies the server of URI. Empty: the public CAs.
	CABundle string `json:"caBundle,omitempty"`
}

// APIKey accepts the keys in a Secret: file name = identifier, content = the
// key or "sha256:<hex>".
type APIKey struct {
	Secret string   `json:"secret"`
	From   []Source `json:"from"`
}

// Basic accepts the users of a password file (htpasswd) in a Secret.
type Basic struct {
	File SecretKey `json:"file"`
}

// ClientCertificate accepts certificates that were shown in TLS, and verified.
type ClientCertificate struct {
	// IdentityFrom is one of the IdentityFrom constants.
	IdentityFrom string `json:"identityFrom"`
	// Patterns of accepted names, each with at most one "*" that stands for one
	// part of a name. None: all names.
	Patterns []string `json:"patterns,omitempty"`
}

// The names in a certificate that may tell who a client is.
const (
	IdentityFromURI     = "SubjectAltNameURI"
	IdentityFromDNS     = "SubjectAltNameDNS"
	IdentityFromEmail   = "SubjectAltNameEmail"
	IdentityFromSubject = "Subject"
)

// Source is exactly one place of a request that may carry a credential.
type Source struct {
	// Header in canonical form. The credential follows Prefix; where that is
	// empty, in Authorization the Bearer scheme, elsewhere nothing.
	Header string `json:"header,omitempty"`
	// Prefix is compared without regard to case.
	Prefix string `json:"prefix,omitempty"`
	// Subprotocol is one of the Subprotocol constants.
	Subprotocol string `json:"subprotocol,omitempty"`
	// Cookie is the name of a cookie.
	Cookie string `json:"cookie,omitempty"`
	// Query is the name of a parameter of the query.
	Query string `json:"query,omitempty"`
}

// The ways to show a credential among the subprotocols.
const (
	// SubprotocolBearer is a marker of its own, offered in front of the
	// credential.
	SubprotocolBearer = "bearer"
	// SubprotocolBase64URL and a dot stand before the credential in base64url,
	// in one subprotocol.
	SubprotocolBase64URL = "base64url.bearer.authorization.k8s.io"
)

// Origins lists the pages that may connect.
type Origins struct {
	// Allow holds origins as browsers send them. A "*" as the first label of
	// the host stands for exactly one label.
	Allow []string `json:"allow"`
	// AllowMissing admits requests without an Origin header.
	AllowMissing bool `json:"allowMissing,omitempty"`
}

// IdentityHeader forwards a claim to the backend.
type IdentityHeader struct {
	Name  string `json:"name"`
	Claim string `json:"claim"`
}

// Route sends connections to backends. Hostnames are never empty.
type Route struct {
	Name      string   `json:"name"`
	Hostnames []string `json:"hostnames"`
	Path      Path     `json:"path"`
	// Policy is the name of a Policy; empty only together with Fault.
	Policy       string    `json:"policy,omitempty"`
	Subprotocols []string  `json:"subprotocols,omitempty"`
	Backends     []Backend `json:"backends,omitempty"`
	// Relay is RelayFrames, or empty for whole messages. Which of them a spec has by
	// default is the operator's to know: one of an earlier release leaves out what
	// was the default then, and must go on being understood.
	Relay Relay `json:"relay,omitempty"`
	// Extensions is ExtensionsPassThrough, only together with RelayFrames, or empty:
	// the backend is offered none.
	Extensions Extensions `json:"extensions,omitempty"`
	// LoadBalancing absent: the endpoint with the fewest open connections.
	LoadBalancing *LoadBalancing `json:"loadBalancing,omitempty"`
	// Limits absent: those of the gateway.
	Limits *RouteLimits `json:"limits,omitempty"`
	// Fault, if not empty, makes the route answer 503 with that reason.
	Fault Fault `json:"fault,omitempty"`
}

// Relay says how the messages of a route are carried.
type Relay string

// RelayFrames passes frames on as they came and reads only their headers.
const RelayFrames Relay = "frames"

// Extensions says what becomes of the extensions that a client offers.
type Extensions string

// ExtensionsPassThrough offers permessage-deflate to the backend, and no other.
const ExtensionsPassThrough Extensions = "passThrough"

// Path selects request paths. Exactly one field is set.
type Path struct {
	Prefix string `json:"prefix,omitempty"`
	Exact  string `json:"exact,omitempty"`
}

// Backend is a key of Endpoints.Backends and its weight among its siblings.
type Backend struct {
	Name string `json:"name"`
	// Weight absent means 1; 0 means no new connections.
	Weight *int32 `json:"weight,omitempty"`
	// TLS is the name of a BackendTLS, and ServerName the name that the backend is
	// asked for and has to have in its certificate; both empty: no TLS.
	TLS        string `json:"tls,omitempty"`
	ServerName string `json:"serverName,omitempty"`
}

// Fault is the reason why a route or policy cannot be served. The gateway
// answers 503 and reports the fault as the detail of the refusal.
type Fault string

// The faults.
const (
	FaultPolicyNotFound     Fault = "policy_not_found"
	FaultPolicyInvalid      Fault = "policy_invalid"
	FaultBackendNotFound    Fault = "backend_not_found"
	FaultBackendUnsupported Fault = "backend_unsupported"
	// FaultBackendTLSUnavailable: a profile is missing, or has nothing to trust or to
	// show; pods find that too. FaultBackendTLSMismatch: the backend's Service and the
	// route disagree on whether it speaks TLS.
	FaultBackendTLSUnavailable Fault = "backend_tls_unavailable"
	FaultBackendTLSMismatch    Fault = "backend_tls_mismatch"

	FaultClientCAUnavailable Fault = "client_ca_unavailable"
	// FaultMessageTypes: the route and the gateway let no type of message pass in common.
	FaultMessageTypes Fault = "message_types"
	// FaultNoRoom: the rule was changed and needs more bytes than the gateway has left.
	FaultNoRoom Fault = "no_room"
)

// DefaultClockSkew is more than clocks that are kept at all differ by, and too
// little to matter to a token's lifetime.
const DefaultClockSkew time.Duration = 30 * time.Second

// Defaults of Limits and Audit. They are chosen so that a stranger with one
// connection cannot hold more than about a megabyte for more than ten minutes.
const (
	DefaultMaxConnections     int32 = 10_000
	DefaultMaxMessageBytes    int64 = 1 << 20
	DefaultRequestHeaderBytes int32 = 16 << 10

	DefaultControlFramesPerSecond int32 = 100

	DefaultHandshakeTimeout   time.Duration = 10 * time.Second
	DefaultIdleTimeout        time.Duration = 10 * time.Minute
	DefaultPingInterval       time.Duration = 30 * time.Second
	DefaultPongTimeout        time.Duration = 10 * time.Second
	DefaultFrameTimeout       time.Duration = time.Minute
	DefaultBackendPongTimeout time.Duration = 2 * time.Minute
	DefaultWriteTimeout       time.Duration = 10 * time.Second
	DefaultProgressInterval   time.Duration = 5 * time.Minute
	DefaultDrainWindow        time.Duration = 60 * time.Second
)

func or[T any](value *T, otherwise T) T {
	if value == nil {
		return otherwise
	}
	return *value
}
