// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwt"

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
	verified, key, err := m.verify(ctx, t)
	if err != nil {
		return Identity{}, err
	}
	identity, err := m.identity(t, verified, key.id)
	if err != nil {
		return Identity{}, err
	}
	identity.Proof = proofOfToken(t, verified, key, credential.source)
	return identity, nil
}

// verify finds the key and checks the signature with it.
func (m *jwtMethod) verify(ctx context.Context, t *token) (jwt.Token, verificationKey, error) {
	set, err := m.source.keys(ctx)
	if err != nil {
		return nil, verificationKey{}, err
	}
	candidates := set.candidates(t.algorithm, t.keyID)
	if len(candidates) == 0 {
		// The issuer may have a new key since the last look.
		if set, err = m.source.renewed(ctx); err != nil {
			return nil, verificationKey{}, err
		}
		candidates = set.candidates(t.algorithm, t.keyID)
	}
	if len(candidates) == 0 {
		return nil, verificationKey{}, outcome.Refuse(outcome.BadCredential, "token signed with an unknown key")
	}
	algorithm, ok := jwa.LookupSignatureAlgorithm(t.algorithm)
	if !ok {
		return nil, verificationKey{}, outcome.Refuse(outcome.BadCredential, "token signed with an unknown algorithm")
	}
	for _, key := range candidates {
		verified, err := jwt.ParseString(t.raw, jwt.WithKey(algorithm, key.public), jwt.WithValidate(false))
		if err == nil {
			return verified, key, nil
		}
	}
	return nil, verificationKey{}, outcome.Refuse(outcome.BadCredential, "token signature does not verify")
}

// identity checks the claims of a token whose signature is good.
func (m *jwtMethod) identity(t *token, verified jwt.Token, keyID string) (Identity, error) {
	err := jwt.Validate(verified,
		jwt.WithClock(jwt.ClockFunc(m.now)),
		jwt.WithAcceptableSkew(m.skew),
		jwt.WithRequiredClaim(jwt.ExpirationKey),
		jwt.WithIssuer(m.issuer),
	)
	if err != nil {
		return Identity{}, outcome.Refuse(outcome.BadCredential, "%s", claimProblem(err))
	}
	audiences, _ := verified.Audience()
	if !slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(m.audiences, a) }) {
		return Identity{}, outcome.Refuse(outcome.BadCredential, "token for another audience")
	}
	subject, ok := t.claims["sub"].(string)
	if _, present := t.claims["sub"]; present && !ok {
		return Identity{}, outcome.Refuse(outcome.BadCredential, "sub of the token is not a string")
	}
	if name, ok := m.required.unmet(t.claims); ok {
		return Identity{}, outcome.Refuse(outcome.BadCredential, "token without a required value of claim %q", name)
	}
	expiry, _ := verified.Expiration()
	return Identity{
		Policy: m.policy, Method: MethodJWT, Issuer: m.issuer, Subject: subject, KeyID: keyID,
		Claims: t.claims, ExpiresAt: expiry.Add(m.skew),
	}, nil
}

// claimProblem says in fixed words what the library found: its own words may
// hold claims.
func claimProblem(err error) string {
	switch {
	case errors.Is(err, jwt.TokenExpiredError()):
		return "token expired"
	case errors.Is(err, jwt.TokenNotYetValidError()):
		return "token not valid yet"
	case errors.Is(err, jwt.InvalidIssuedAtError()):
		return "token issued in the future"
	}
	return "token claims not acceptable"
}
