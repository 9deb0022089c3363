// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"encoding/base64"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// basicMethod accepts the users of one password file (RFC 7617).
type basicMethod struct {
	policy string
	secret string
	stored *passwords
}

// Authenticate implements Authenticator.
func (m *basicMethod) Authenticate(ctx context.Context, r *Request) (Identity, error) {
	user, password, err := findBasic(r)
	if err != nil {
		return Identity{}, err
	}
	ok, err := m.stored.check(ctx, user, password)
	switch {
	case err != nil:
		return Identity{}, err
	case !ok:
		return Identity{}, outcome.Refuse(outcome.BadCredential, "unknown user or wrong password")
	}
	return Identity{
		Policy: m.policy, Method: MethodBasic, Issuer: m.secret, Subject: user,
		Claims: map[string]any{"sub": user}, Proof: proofOfUser(user, m.stored.users[user]),
	}, nil
}

// check tells whether the user has this password. It takes as long for a user
// who does not exist.
func (p *passwords) check(ctx context.Context, user string, password secret.Text) (bool, error) {
	stored, known := p.users[user]
	attempt := p.attempt(user, password)
	if known && p.remembers(attempt) {
		return true, nil
	}
	if !known {
		stored = p.decoy
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return false, outcome.Refuse(outcome.AuthUnavailable, "too many passwords are being checked")
	}
	defer func() { <-p.slots }()
	if !stored.encoded.MatchesPassword(password.Reveal()) || !known {
		return false, nil
	}
	p.remember(attempt)
	return true, nil
}

func findBasic(r *Request) (user string, password secret.Text, err error) {
	refuse := func(problem string) (string, secret.Text, error) {
		return "", secret.Text{}, outcome.Refuse(outcome.BadCredential, "%s", problem)
	}
	values := r.Header[authorization]
	switch len(values) {
	case 0:
		return "", secret.Text{}, ErrNoCredential
	case 1:
	default:
		return refuse("credential header appears more than once")
	}
	scheme, encoded, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", secret.Text{}, ErrNoCredential
	}
	encoded = strings.TrimLeft(encoded, " ")
	if problem := implausible(encoded); problem != "" {
		return refuse(problem)
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return refuse("credential is not base64")
	}
	user, word, ok := strings.Cut(string(decoded), ":")
	if !ok || unfit(user, MaxUserBytes) || unfit(word, MaxPasswordBytes) {
		return refuse("not a user name, a colon and a password of at most 72 bytes")
	}
	return user, secret.New(word), nil
}
