// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// The values of Identity.Method.
const (
	MethodJWT       = "jwt"
	MethodAPIKey    = "apiKey"
	MethodBasic     = "basic"
	MethodExternal  = "external"
	MethodAnonymous = "anonymous"
	// MethodNone is that of callers whom a policy in dry run would have refused.
	MethodNone = "none"

	MethodClientCertificate = "clientCertificate"
)

// Identity says who was let in, and by what. Policy, Issuer and Subject
// together name the caller everywhere: limits, revocation, audit.
type Identity struct {
	// Policy is the name of the policy that admitted the caller.
	Policy string
	// Method is one of the Method constants.
	Method string
	// Issuer is the iss claim of a token, the name of the Secret of an API key or
	// a password, the distinguished name of the CA that signed a client
	// certificate, the Service of an authorization server, and empty for anonymous
	// callers.
	Issuer string
	// Subject is the sub claim of a token (empty when it has none), the
	// identifier of an API key, the name of a user, the name in a client
	// certificate, what an authorization server says (perhaps nothing), and empty
	// for anonymous callers.
	Subject string
	// KeyID is the kid of the key in our key set that verified a token (empty
	// when that key has none), or the identifier of an API key.
	KeyID string
	// TokenID is the jti claim of a token; empty when it has none, or one that is
	// no string of at most 256 bytes.
	TokenID string
	// CertificateSerial is the serial number of the client certificate that the
	// caller showed in TLS, in lower-case hexadecimal without leading zeros; empty
	// where there was none. It is set whatever the method was.
	CertificateSerial string
	// Claims of a token as its JSON says, numbers as json.Number; those of an
	// authorization server are its metadata; an API key, a user and a client
	// certificate have the claim sub. Nobody may change the map.
	Claims map[string]any
	// ExpiresAt is the moment from which the same credential would be refused,
	// clock skew included; zero when it does not expire.
	ExpiresAt time.Time
	// Proof is what Policy.Reconsider needs; nil for anonymous callers.
	Proof *Proof
}

// Proven tells whether the caller has shown a good credential.
func (i *Identity) Proven() bool {
	return i.Method != MethodAnonymous && i.Method != MethodNone
}

// Request is everything that an authenticator may look at.
type Request struct {
	// Header, query and subprotocols may hold any credential.
	secret.Sealed

	// Header of the handshake request, keys in canonical form.
	Header http.Header
	// Subprotocols that the client offers, in its order.
	Subprotocols []string
	// Query of the request target, as it was sent.
	Query string
	// Target is path and query as they were sent.
	Target string
	// ServerName is the name that the caller asked for in TLS, and Route the one
	// that the request was matched to.
	ServerName, Route string
	// Listener, Host and Path are what the request was matched by: Host without
	// port, Path without query.
	Listener, Host, Path string
	// Client is the address that the caller comes from.
	Client netip.Addr
	// Certificate is the client certificate of the TLS connection, verified by the
	// CAs of its listener; nil when the client showed none.
	Certificate *x509.Certificate
	// CertificateExpires is when it, or a CA above it, expires.
	CertificateExpires time.Time
	// Asked, if not nil, is told what each method of a policy has answered: its
	// place among those of the policy, anonymous not counted, and its error.
	Asked func(method int, err error)
	// AskNobody refuses with auth_unavailable where an authorization server would
	// have to be asked.
	AskNobody bool
}

// ErrNoCredential means that the request carries nothing that the asked method
// understands, so that another method may be asked.
var ErrNoCredential = errors.New("no credential")

// An Authenticator answers who is asking, in one of three ways:
//
//   - an Identity: the caller has proved who they are;
//   - ErrNoCredential: nothing was shown to this method, ask the next;
//   - an *outcome.Refusal: a credential was shown and is bad, or it could not
//     be checked. Nobody else is asked.
//
// Authenticators are safe for concurrent use.
type Authenticator interface {
	Authenticate(ctx context.Context, r *Request) (Identity, error)
}

// Chain asks its methods in order. A Chain is itself an Authenticator, and an
// empty Chain admits nobody.
type Chain []Authenticator

// Authenticate returns the answer of the first method that has one.
func (c Chain) Authenticate(ctx context.Context, r *Request) (Identity, error) {
	for i, method := range c {
		identity, err := method.Authenticate(ctx, r)
		if r.Asked != nil {
			r.Asked(i, err)
		}
		if !errors.Is(err, ErrNoCredential) {
			return identity, err
		}
	}
	return Identity{}, ErrNoCredential
}
