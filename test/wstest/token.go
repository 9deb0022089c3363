// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package wstest

import (
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// TokenIssuer issues the tokens of Token.
const TokenIssuer = "https://id.example.com"

// Token is a JWT of TokenIssuer, signed with ES256 and a private key. A lifetime
// below zero makes one that has expired.
func Token(tb testing.TB, key jwk.Key, subject, audience string, lifetime time.Duration) string {
	tb.Helper()
	now := time.Now()
	claims, err := jwt.NewBuilder().Issuer(TokenIssuer).Audience([]string{audience}).Subject(subject).
		IssuedAt(now).Expiration(now.Add(lifetime)).Build()
	must(tb, err)
	signed, err := jwt.Sign(claims, jwt.WithKey(jwa.ES256(), key))
	must(tb, err)
	return string(signed)
}
