// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// A token that was verified before is the only one for which that is remembered.
func TestATokenThatLooksLikeOneThatWasVerifiedIsNot(t *testing.T) {
	t.Parallel()
	key, other := ecKey(t, "k1"), ecKey(t, "k1")
	policy := policyOf(t, methods(jwtMethod(jwks(key.jwk()), nil)), nil)
	good := key.token(nil)
	parts := strings.Split(good, ".")
	foreign := strings.Split(other.token(nil), ".")
	second := strings.Split(key.token(map[string]any{"sub": "bob"}), ".")
	for range 2 {
		if _, err := policy.Authenticate(t.Context(), bearer(good)); err != nil {
			t.Fatal(err)
		}
		for name, token := range map[string]string{
			"the claims of another token":    parts[0] + "." + second[1] + "." + parts[2],
			"the signature of another token": parts[0] + "." + parts[1] + "." + second[2],
			"the signature of another key":   parts[0] + "." + parts[1] + "." + foreign[2],
		} {
			if _, err := policy.Authenticate(t.Context(), bearer(token)); reason(t, err) != outcome.BadCredential {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestATokenThatWasVerifiedIsRefusedWhenItsKeyIsWithdrawn(t *testing.T) {
	t.Parallel()
	first, second := ecKey(t, "k1"), ecKey(t, "k2")
	server := newIssuerServer(t, jwks(first.jwk()))
	r := newRemote(t, server.method())
	token := first.token(nil)
	for range 2 {
		if got := r.authenticate(t, token); got != "" {
			t.Fatalf("refused: %s", got)
		}
	}
	server.serve(jwks(second.jwk()))
	r.now.Advance(time.Minute)
	if got := r.authenticate(t, second.token(nil)); got != "" {
		t.Fatalf("the new key was not fetched: %s", got)
	}
	if got := r.authenticate(t, token); got != outcome.BadCredential {
		t.Errorf("token of the withdrawn key: %q", got)
	}
}

// What one policy asks of a token is no business of what another found out.
func TestATokenThatWasVerifiedForOnePolicyIsJudgedByTheNext(t *testing.T) {
	t.Parallel()
	key := ecKey(t, "k1")
	server := newIssuerServer(t, jwks(key.jwk()))
	r := newRemote(t, server.method())
	token := key.token(nil)
	if got := r.authenticate(t, token); got != "" {
		t.Fatalf("refused: %s", got)
	}
	for name, change := range map[string]func(*contract.JWT){
		"another audience":    func(m *contract.JWT) { m.Audiences = []string{"another"} },
		"another issuer":      func(m *contract.JWT) { m.Issuer = "https://another.example.com" },
		"a claim":             func(m *contract.JWT) { m.RequiredClaims = map[string][]string{"org": {"acme"}} },
		"another algorithm":   func(m *contract.JWT) { m.Algorithms = []string{"RS256"} },
		"the same, once more": nil,
	} {
		method := server.method()
		if change != nil {
			change(method.JWT)
		}
		c := methods(method)
		policy, _ := authn.NewPolicy(&c, nil, nil, r.sets)
		if _, err := policy.Authenticate(t.Context(), bearer(token)); (err == nil) != (change == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsRememberedOfTokensIsBounded(t *testing.T) {
	t.Parallel()
	seen := authn.NewVerified()
	for n := range 10 * authn.MostVerified {
		seen.Add(fmt.Sprint(n))
		if !seen.Knows("0") && n < authn.MostVerified {
			t.Fatalf("forgotten after %d others", n)
		}
	}
	// Whoever comes again and again is remembered, whatever comes in between.
	if got := seen.Len(); got > 2*authn.MostVerified || !seen.Knows("0") || seen.Knows("1") {
		t.Errorf("%d are remembered, the first: %v, the second: %v", got, seen.Knows("0"), seen.Knows("1"))
	}
}
