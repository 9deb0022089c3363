// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"bytes"
	"encoding/json"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn/external"
)

// MaxKeptClaims is how many bytes of claims are remembered of a connection.
// Tokens of the usual issuers have a few hundred. The largest token that is read
// has no more than this: a review follows every change, also of somebody else's
// endpoints, and must not end a connection because its token was large.
const MaxKeptClaims = MaxCredentialBytes / 4 * 3

// What an authorization server says is kept as well: this does not compile
// otherwise.
const _ = uint(MaxKeptClaims - external.MaxClaims)

// KeptClaims are the claims of an identity as they are kept while its connection
// lives, so that rules that come later can be asked about it. They are JSON:
// decoded they would take several times the memory. They cannot be shown to
// anybody, since a token is nothing without its signature.
type KeptClaims struct {
	encoded string
	// subject is true where the only claim is sub, the subject of the identity.
	subject bool
	missing bool
}

// KeepClaims encodes the claims of an identity. Claims of more than
// MaxKeptClaims bytes are not kept.
func KeepClaims(identity *Identity) KeptClaims {
	if len(identity.Claims) == 0 {
		return KeptClaims{}
	}
	if sub, ok := identity.Claims["sub"].(string); ok && len(identity.Claims) == 1 && sub == identity.Subject {
		return KeptClaims{subject: true}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(identity.Claims); err != nil || text.Len()-len("\n") > MaxKeptClaims {
		return KeptClaims{missing: true}
	}
	return KeptClaims{encoded: text.String()}
}

// Restore returns the identity with its claims; false when they were not kept.
func (k KeptClaims) Restore(identity Identity) (Identity, bool) {
	switch {
	case k.missing:
		return identity, false
	case k.subject:
		identity.Claims = map[string]any{"sub": identity.Subject}
	case k.encoded != "":
		claims, err := decodeObject([]byte(k.encoded))
		if err != nil {
			return identity, false
		}
		identity.Claims = claims
	}
	return identity, true
}

// As returns as whom somebody would be admitted now whom Reconsider does not
// refuse: the same person in general, but anonymous where nobody looks any more
// at the place where the credential was shown. A policy that is unavailable
// cannot tell and takes them for the same.
func (p *Policy) As(identity Identity) Identity {
	identity.Policy = p.name
	if p.unavailable != "" {
		return identity
	}
	for _, method := range p.methods {
		judge, ok := method.(judge)
		if identity.Proof == nil || !ok || !judge.reads(identity.Proof.source) {
			continue
		}
		if judged, _ := judge.reconsider(identity.Proof); judged {
			identity.Issuer = issuerOf(method, identity.Issuer)
			return identity
		}
	}
	if p.anonymous {
		return Identity{Policy: p.name, Method: MethodAnonymous}
	}
	return identity
}

// issuerOf is the Secret where a method has one, which may have got another name.
func issuerOf(method Authenticator, otherwise string) string {
	switch method := method.(type) {
	case *apiKeyMethod:
		return method.secret
	case *basicMethod:
		return method.secret
	}
	return otherwise
}
