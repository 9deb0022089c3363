// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"slices"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// keySource gives the keys of an issuer.
type keySource interface {
	// keys returns the keys in force, an auth_unavailable refusal if there are
	// none yet.
	keys(ctx context.Context) (*keySet, error)
	// renewed returns the keys after a look at the origin, if the source has
	// one and it may be asked again already; else the keys in force.
	renewed(ctx context.Context) (*keySet, error)
	// known returns the keys in force without waiting, nil if there are none.
	known() *keySet
}

// jwtMethod accepts the tokens of one issuer.
type jwtMethod struct {
	policy     string
	issuer     string
	audiences  []string
	algorithms []string
	required   requiredClaims
	// skew is by how much the clocks of issuer and gateway may differ: it
	// widens exp, nbf and iat.
	skew   time.Duration
	from   []contract.Source
	source keySource
	now    func() time.Time
	// passes tells whether a token of another issuer, or something that is no
	// token (issuer empty), shown at a place may be meant for another method
	// of the policy.
	passes func(source contract.Source, issuer string) bool
}

// Authenticate implements Authenticator.
func (m *jwtMethod) Authenticate(ctx context.Context, r *Request) (Identity, error) {
	credential, err := find(m.from, r)
	if err != nil {
		return Identity{}, err
	}
	t, err := parseToken(credential.value)
	if err != nil {
		if m.passes(credential.source, "") {
			return Identity{}, ErrNoCredential
		}
		return Identity{}, outcome.Refuse(outcome.BadCredential, "%s", err.Error())
	}
	if t.issuer() != m.issuer {
		if m.passes(credential.source, t.issuer()) {
			return Identity{}, ErrNoCredential
		}
		return Identity{}, outcome.Refuse(outcome.BadCredential, "token of an issuer that the policy does not name")
	}
	if !slices.Contains(m.algorithms, t.algorithm) {
		return Identity{}, outcome.Refuse(outcome.BadCredential, "token signed with an algorithm that is not allowed")
	}
	key, err := m.verify(ctx, t)
	if err != nil {
		return Identity{}, err
	}
	identity, err := m.identity(t, key.id)
	if err != nil {
		return Identity{}, err
	}
	identity.Proof = proofOfToken(t, key, credential.source)
	return identity, nil
}

// verify finds the key and checks the signature with it. The library sees the
// token as it was sent; what it makes of its claims is not asked: of two readers
// one could understand them differently.
func (m *jwtMethod) verify(ctx context.Context, t *token) (*verificationKey, error) {
	set, err := m.source.keys(ctx)
	if err != nil {
		return nil, err
	}
	hash := t.hash()
	if key := set.verified.by(hash); key != nil {
		return key, nil
	}
	candidates := set.candidates(t.algorithm, t.keyID)
	if len(candidates) == 0 {
		// The issuer may have a new key since the last look.
		if set, err = m.source.renewed(ctx); err != nil {
			return nil, err
		}
		candidates = set.candidates(t.algorithm, t.keyID)
	}
	if len(candidates) == 0 {
		return nil, outcome.Refuse(outcome.BadCredential, "token signed with an unknown key")
	}
	algorithm, ok := jwa.LookupSignatureAlgorithm(t.algorithm)
	if !ok {
		return nil, outcome.Refuse(outcome.BadCredential, "token signed with an unknown algorithm")
	}
	for _, key := range candidates {
		if _, err := jws.VerifyCompactFast(key.public, []byte(t.raw.Reveal()), algorithm); err == nil {
			set.verified.add(hash, key)
			return key, nil
		}
	}
	return nil, outcome.Refuse(outcome.BadCredential, "token signature does not verify")
}

// identity checks the claims of a token whose signature is good.
func (m *jwtMethod) identity(t *token, keyID string) (Identity, error) {
	if problem := m.untimely(t); problem != "" {
		return Identity{}, outcome.Refuse(outcome.BadCredential, "%s", problem)
	}
	audiences, ok := t.audiences()
	switch {
	case !ok:
		return Identity{}, outcome.Refuse(outcome.BadCredential, "aud of the token is neither a string nor a list of strings")
	case !slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(m.audiences, a) }):
		return Identity{}, outcome.Refuse(outcome.BadCredential, "token for another audience")
	}
	subject, ok := t.claims["sub"].(string)
	if _, present := t.claims["sub"]; present && !ok {
		return Identity{}, outcome.Refuse(outcome.BadCredential, "sub of the token is not a string")
	}
	if name, ok := m.required.unmet(t.claims); ok {
		return Identity{}, outcome.Refuse(outcome.BadCredential, "token without a required value of claim %q", name)
	}
	return Identity{
		Policy: m.policy, Method: MethodJWT, Issuer: m.issuer, Subject: subject, KeyID: keyID, TokenID: t.id(),
		Claims: t.claims, ExpiresAt: t.expiry.Add(m.skew),
	}, nil
}

// untimely says why a token does not count now; empty when it does (RFC 7519
// sections 4.1.4 to 4.1.6, with the skew on the side of the token).
func (m *jwtMethod) untimely(t *token) string {
	now := m.now()
	switch {
	case !now.Before(t.expiry.Add(m.skew)):
		return "token expired"
	case now.Add(m.skew).Before(t.notBefore):
		return "token not valid yet"
	case now.Add(m.skew).Before(t.issuedAt):
		return "token issued in the future"
	}
	return ""
}
