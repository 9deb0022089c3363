// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestRequiredClaimsAreComparedAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	key := ecKey(t, "k1")
	policy := policyOf(t, methods(jwtMethod(jwks(key.jwk()), func(m *contract.JWT) {
		m.RequiredClaims = map[string][]string{"org": {"acme", "7", "true"}, "role": {"admin"}}
	}), contract.Method{Anonymous: &contract.Anonymous{}}), nil)
	raw := func(text string) any { return json.RawMessage(text) }
	tests := map[string]struct {
		org  any
		role any
		want outcome.Reason
	}{
		"one of the values":                      {org: "acme", role: "admin"},
		"a number":                               {org: 7, role: "admin"},
		"a boolean":                              {org: true, role: "admin"},
		"a boolean in quotes":                    {org: "true", role: "admin"},
		"a list with one of the values":          {org: []any{"other", "acme"}, role: []any{"admin"}},
		"a list of several kinds":                {org: []any{nil, map[string]any{}, 7}, role: "admin"},
		"missing":                                {role: "admin", want: outcome.BadCredential},
		"the other one missing":                  {org: "acme", want: outcome.BadCredential},
		"another value":                          {org: "acme2", role: "admin", want: outcome.BadCredential},
		"the value of the other claim":           {org: "admin", role: "acme", want: outcome.BadCredential},
		"in another case":                        {org: "Acme", role: "admin", want: outcome.BadCredential},
		"with a blank":                           {org: "acme ", role: "admin", want: outcome.BadCredential},
		"with a NUL":                             {org: "acme\x00", role: "admin", want: outcome.BadCredential},
		"with a letter that looks alike":         {org: "\u0430cme", role: "admin", want: outcome.BadCredential},
		"the beginning of a value":               {org: "acm", role: "admin", want: outcome.BadCredential},
		"empty":                                  {org: "", role: "admin", want: outcome.BadCredential},
		"one of several words":                   {org: "acme other", role: "admin", want: outcome.BadCredential},
		"words joined by a comma":                {org: "acme,other", role: "admin", want: outcome.BadCredential},
		"null":                                   {org: raw("null"), role: "admin", want: outcome.BadCredential},
		"an empty list":                          {org: []any{}, role: "admin", want: outcome.BadCredential},
		"a list in a list":                       {org: []any{[]any{"acme"}}, role: "admin", want: outcome.BadCredential},
		"an object":                              {org: map[string]any{"acme": true}, role: "admin", want: outcome.BadCredential},
		"a number in another spelling":           {org: raw("7.0"), role: "admin", want: outcome.BadCredential},
		"a number with an exponent":              {org: raw("7e0"), role: "admin", want: outcome.BadCredential},
		"a very long list without any of them":   {org: raw("[" + strings.Repeat("1,", 1000) + "1]"), role: "admin", want: outcome.BadCredential},
		"escaped, which is the same string":      {org: raw(`"\u0061cme"`), role: "admin"},
		"a list of which every item is one":      {org: []any{"acme", 7, true}, role: "admin"},
		"one claim good and the other one other": {org: "acme", role: "user", want: outcome.BadCredential},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := policy.Authenticate(t.Context(), bearer(key.token(map[string]any{"org": tt.org, "role": tt.role})))
			if reason(t, err) != tt.want {
				t.Fatalf("Authenticate() = %v, want reason %q", err, tt.want)
			}
			if org, _ := tt.org.(string); err != nil && len(org) > 3 && strings.Contains(err.Error(), org) {
				t.Errorf("%q quotes the token", err)
			}
		})
	}
}

// A claim twice in a token, or one that merely looks like a path, must not be
// what the issuer's other tokens say.
func TestRequiredClaimsAreThoseOfTheTopLevel(t *testing.T) {
	t.Parallel()
	key := ecKey(t, "k1")
	policy := policyOf(t, methods(jwtMethod(jwks(key.jwk()), func(m *contract.JWT) {
		m.RequiredClaims = map[string][]string{"realm.role": {"admin"}}
	})), nil)
	for _, test := range []struct {
		name   string
		claims map[string]any
		want   outcome.Reason
	}{
		{"the name has a dot", map[string]any{"realm.role": "admin"}, ""},
		{"an object that a path would lead into", map[string]any{"realm": map[string]any{"role": "admin"}}, outcome.BadCredential},
		{"the name in another case", map[string]any{"Realm.role": "admin"}, outcome.BadCredential},
	} {
		if _, err := policy.Authenticate(t.Context(), bearer(key.token(test.claims))); reason(t, err) != test.want {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
	claims := `{"iss":"https://id.example.com","aud":"chat","exp":1772629200,"realm.role":"user","realm.role":"admin"}`
	if _, err := policy.Authenticate(t.Context(), bearer(key.sign(key.header(nil), claims))); reason(t, err) != outcome.BadCredential {
		t.Errorf("the claim twice: %v, want %s", err, outcome.BadCredential)
	}
}

func TestClockSkewWidensTheLifeOfATokenToTheSecond(t *testing.T) {
	t.Parallel()
	key := ecKey(t, "k1")
	for _, skew := range []time.Duration{0, 10 * time.Second, 5 * time.Minute} {
		policy := policyOf(t, methods(jwtMethod(jwks(key.jwk()), func(m *contract.JWT) {
			m.ClockSkew = new(contract.Duration(skew))
		})), nil)
		for _, test := range []struct {
			name  string
			claim string
			at    time.Time
			want  outcome.Reason
		}{
			{"a second before it ends", "exp", noon.Add(time.Second - skew), ""},
			{"at its end", "exp", noon.Add(-skew), outcome.BadCredential},
			{"at its beginning", "nbf", noon.Add(skew), ""},
			{"a second before its beginning", "nbf", noon.Add(skew + time.Second), outcome.BadCredential},
			{"issued now", "iat", noon.Add(skew), ""},
			{"issued in a second", "iat", noon.Add(skew + time.Second), outcome.BadCredential},
		} {
			id, err := policy.Authenticate(t.Context(), bearer(key.token(map[string]any{test.claim: test.at.Unix()})))
			if reason(t, err) != test.want {
				t.Errorf("skew %v, %s: %v, want %q", skew, test.name, err, test.want)
			}
			if test.claim == "exp" && err == nil && !id.ExpiresAt.Equal(test.at.Add(skew)) {
				t.Errorf("skew %v, %s: ExpiresAt %v", skew, test.name, id.ExpiresAt)
			}
		}
	}
}
