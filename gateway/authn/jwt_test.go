// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestTokenMakesAnIdentity(t *testing.T) {
	t.Parallel()
	key := ecKey(t, "k1")
	policy := policyOf(t, methods(jwtMethod(jwks(key.jwk()), nil)), nil)
	got, err := policy.Authenticate(t.Context(), bearer(key.token(map[string]any{"groups": []string{"a", "b"}})))
	if err != nil {
		t.Fatal(err)
	}
	want := authn.Identity{
		Policy: "users", Method: authn.MethodJWT, Issuer: issuer, Subject: "alice", KeyID: "k1",
		ExpiresAt: noon.Add(time.Hour + contract.DefaultClockSkew),
		Claims: map[string]any{
			"iss": issuer, "aud": audience, "sub": "alice", "groups": []any{"a", "b"},
			"iat": json.Number("1772625540"), "exp": json.Number("1772629200"),
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(authn.Identity{}, "Proof")); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
}

func TestEveryAllowedAlgorithmVerifies(t *testing.T) {
	t.Parallel()
	pss := rsaKey(t, "ps", 2048)
	pss.algorithm = "PS256"
	for _, key := range []signer{ecKey(t, "es"), rsaKey(t, "rs", 2048), pss, edKey(t, "ed"), hmacKey("hs", []byte(strings.Repeat("s", 32)))} {
		t.Run(key.algorithm, func(t *testing.T) {
			t.Parallel()
			method := jwtMethod("", func(m *contract.JWT) {
				m.Algorithms = []string{key.algorithm}
				m.KeySet = contract.KeySet{Secret: &contract.SecretKey{Secret: "keys", Key: "jwks.json"}}
			})
			policy := policyOf(t, methods(method), secrets{"keys": {"jwks.json": jwks(key.jwk())}})
			if _, err := policy.Authenticate(t.Context(), bearer(key.token(nil))); err != nil {
				t.Errorf("Authenticate() = %v, want the caller let in", err)
			}
			forged := key.token(nil)
			forged = forged[:len(forged)-4] + strings.Map(swapAB, forged[len(forged)-4:])
			if _, err := policy.Authenticate(t.Context(), bearer(forged)); reason(t, err) != outcome.BadCredential {
				t.Errorf("with another signature: %v, want %s", err, outcome.BadCredential)
			}
		})
	}
}

// swapAB changes every character of base64url into another.
func swapAB(r rune) rune {
	if r == 'A' {
		return 'Q'
	}
	return 'A'
}

// deep is a JSON value that many parsers would follow down by recursion.
func deep(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

func TestBadTokensAreRefused(t *testing.T) {
	t.Parallel()
	key, other := ecKey(t, "k1"), ecKey(t, "k1")
	good := key.token(nil)
	parts := strings.Split(good, ".")
	claims := func(more string) string {
		return `{"iss":"https://id.example.com","aud":"chat","sub":"alice","iat":1772625540,"exp":1772629200` + more + `}`
	}
	withHeader := func(header string) string { return key.sign(header, claims("")) }
	withClaims := func(text string) string { return key.sign(key.header(nil), text) }
	withExp := func(text string) string { return withClaims(strings.Replace(claims(""), "1772629200", text, 1)) }

	tests := map[string]string{
		"empty":                                "",
		"a million dots":                       strings.Repeat(".", 1_000_000),
		"dots up to the limit":                 strings.Repeat(".", authn.MaxCredentialBytes),
		"longer than the limit":                key.token(map[string]any{"fill": strings.Repeat("x", authn.MaxCredentialBytes)}),
		"two parts":                            parts[0] + "." + parts[1],
		"four parts":                           good + "." + parts[2],
		"five parts, as encrypted tokens have": good + ".." + parts[2],
		"no signature":                         parts[0] + "." + parts[1] + ".",
		"a signature of another key":           other.token(nil),
		"claims of another token":              parts[0] + "." + strings.Split(key.token(map[string]any{"sub": "eve"}), ".")[1] + "." + parts[2],
		"padding":                              good + "=",
		"a line break in a part":               parts[0] + "." + parts[1] + "." + parts[2][:8] + "\n" + parts[2][8:],
		"spare bits in the signature":          spareBits(good),
		"standard base64 alphabet":             parts[0] + "." + parts[1] + "." + strings.Repeat("+/", 43),
		"a list of tokens":                     good + "," + good,
		"a second word":                        good + " x",

		"alg none":                          b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
		"alg none with a signature":         withHeader(`{"alg":"none","kid":"k1"}`),
		"alg none in another spelling":      withHeader(`{"alg":"nOnE","kid":"k1"}`),
		"alg in another spelling":           withHeader(`{"alg":"es256","kid":"k1"}`),
		"alg that the policy does not list": withHeader(`{"alg":"RS256","kid":"k1"}`),
		"alg is a list":                     withHeader(`{"alg":["ES256"],"kid":"k1"}`),
		"alg twice":                         withHeader(`{"alg":"none","alg":"ES256","kid":"k1"}`),
		"alg twice, once escaped":           withHeader(`{"alg":"ES256","\u0061lg":"none","kid":"k1"}`),
		"no alg":                            withHeader(`{"kid":"k1"}`),
		"crit":                              withHeader(`{"alg":"ES256","kid":"k1","crit":["exp"]}`),
		"crit with b64":                     withHeader(`{"alg":"ES256","kid":"k1","crit":["b64"],"b64":true}`),
		"empty crit":                        withHeader(`{"alg":"ES256","kid":"k1","crit":[]}`),
		"kid is a number":                   withHeader(`{"alg":"ES256","kid":1}`),
		"kid is empty":                      withHeader(`{"alg":"ES256","kid":""}`),
		"kid is a path":                     withHeader(`{"alg":"ES256","kid":"../../etc/passwd"}`),
		"kid is SQL":                        withHeader(`{"alg":"ES256","kid":"k1' OR '1'='1"}`),
		"kid is an address":                 withHeader(`{"alg":"ES256","kid":"http://127.0.0.1/k"}`),
		"kid is very long":                  withHeader(`{"alg":"ES256","kid":"` + strings.Repeat("k", 1000) + `"}`),

		"header is no object":               withHeader(`"ES256"`),
		"header with something behind it":   withHeader(`{"alg":"ES256","kid":"k1"}{}`),
		"header nested deep":                withHeader(`{"alg":"ES256","kid":"k1","x":` + deep(1000) + `}`),
		"claims are no object":              withClaims(`[]`),
		"claims are no JSON":                withClaims(`{`),
		"claims with a trailing comma":      withClaims(claims(",")),
		"claims nested deep":                withClaims(claims(`,"x":` + deep(2000))),
		"claims nested just too deep":       withClaims(claims(`,"x":` + deep(17))),
		"claims with invalid UTF-8":         withClaims(claims(",\"x\":\"\xff\"")),
		"sub twice":                         withClaims(claims(`,"sub":"eve"`)),
		"a member of a nested object twice": withClaims(claims(`,"x":{"a":1,"a":2}`)),

		"exp missing":                 key.token(map[string]any{"exp": nil}),
		"exp null":                    withExp("null"),
		"exp is a string":             withExp(`"1772629200"`),
		"exp negative":                withExp("-1"),
		"exp beyond any calendar":     withExp("1e308"),
		"exp beyond any number":       withExp("1" + strings.Repeat("0", 400)),
		"exp in the year 10000":       withExp("253402300800"),
		"exp with an exponent":        withExp("1.8e9"),
		"exp a list":                  withExp("[1772629200]"),
		"exp zero":                    withExp("0"),
		"expired":                     key.token(map[string]any{"exp": noon.Add(-time.Hour).Unix()}),
		"expired by exactly the skew": key.token(map[string]any{"exp": noon.Add(-contract.DefaultClockSkew).Unix()}),
		"nbf beyond the skew":         key.token(map[string]any{"nbf": noon.Add(contract.DefaultClockSkew + time.Second).Unix()}),
		"nbf is a string":             key.token(map[string]any{"nbf": "0"}),
		"iat beyond the skew":         key.token(map[string]any{"iat": noon.Add(contract.DefaultClockSkew + time.Second).Unix()}),
		"iat is a boolean":            key.token(map[string]any{"iat": true}),

		"iss missing":           key.token(map[string]any{"iss": nil}),
		"iss of somebody else":  key.token(map[string]any{"iss": "https://evil.example"}),
		"iss with a slash more": key.token(map[string]any{"iss": issuer + "/"}),
		"iss in upper case":     key.token(map[string]any{"iss": strings.ToUpper(issuer)}),
		"iss is a list":         key.token(map[string]any{"iss": []string{issuer}}),
		"aud missing":           key.token(map[string]any{"aud": nil}),
		"aud of somebody else":  key.token(map[string]any{"aud": "mail"}),
		"aud a list of others":  key.token(map[string]any{"aud": []string{"mail", "chat2", ""}}),
		"aud empty":             key.token(map[string]any{"aud": []string{}}),
		"aud a number":          key.token(map[string]any{"aud": 5}),
		"sub is a number":       key.token(map[string]any{"sub": 5}),
		"no token at all, but something of its kind": "Zm9v",
	}
	policy := policyOf(t, methods(jwtMethod(jwks(key.jwk()), nil), contract.Method{Anonymous: &contract.Anonymous{}}), nil)
	if _, err := policy.Authenticate(t.Context(), bearer(good)); err != nil {
		t.Fatalf("the good token: %v", err)
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, err := policy.Authenticate(t.Context(), bearer(token))
			if reason(t, err) != outcome.BadCredential {
				t.Fatalf("Authenticate() = %+v, %v; want %s", id, err, outcome.BadCredential)
			}
			if diff := cmp.Diff(authn.Identity{}, id); diff != "" {
				t.Errorf("a refused caller has an identity: %s", diff)
			}
			for part := range strings.SplitSeq(token, ".") {
				if len(part) > 8 && strings.Contains(err.Error(), part) {
					t.Errorf("%q quotes the token", err.Error())
				}
			}
		})
	}
}

// spareBits spells the same signature in another way: base64url of 64 bytes
// leaves four bits that mean nothing.
func spareBits(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + string(alphabet[last|1])
}

func TestTokensAtTheEdgeAreAccepted(t *testing.T) {
	t.Parallel()
	key := ecKey(t, "k1")
	tests := map[string]map[string]any{
		"expired a second less than the skew ago":     {"exp": noon.Add(time.Second - contract.DefaultClockSkew).Unix()},
		"nbf within the skew":                         {"nbf": noon.Add(contract.DefaultClockSkew).Unix()},
		"iat within the skew":                         {"iat": noon.Add(contract.DefaultClockSkew).Unix()},
		"iat missing":                                 {"iat": nil},
		"exp with a fraction":                         {"exp": 1772629200.5},
		"sub missing":                                 {"sub": nil},
		"one audience of several":                     {"aud": []string{"mail", "chat"}},
		"nested as deep as allowed":                   {"x": json.RawMessage(deep(16))},
		"unknown claims with any content":             {"x": map[string]any{"a": []any{1, nil, true, "ß"}}},
		"times that are claims of the caller, not of": {"auth_time": "yesterday"},
	}
	policy := policyOf(t, methods(jwtMethod(jwks(key.jwk()), nil)), nil)
	for name, claims := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := policy.Authenticate(t.Context(), bearer(key.token(claims))); err != nil {
				t.Errorf("Authenticate() = %v, want the caller let in", err)
			}
		})
	}
}

func TestTokenThatBringsItsOwnKeyIsCheckedWithOurs(t *testing.T) {
	t.Parallel()
	ours, theirs := ecKey(t, "k1"), ecKey(t, "k1")
	policy := policyOf(t, methods(jwtMethod(jwks(ours.jwk()), nil)), nil)
	for _, name := range []string{"jwk", "jku", "x5u", "x5c"} {
		values := map[string]any{"jwk": theirs.jwk(), "jku": "https://127.0.0.1:1/", "x5u": "https://127.0.0.1:1/", "x5c": []string{"AA=="}}
		header := theirs.header(map[string]any{name: values[name]})
		payload := encode(map[string]any{"iss": issuer, "aud": audience, "exp": noon.Add(time.Hour).Unix()})
		if _, err := policy.Authenticate(t.Context(), bearer(theirs.sign(header, payload))); reason(t, err) != outcome.BadCredential {
			t.Errorf("their token with %s: %v, want %s", name, err, outcome.BadCredential)
		}
		if _, err := policy.Authenticate(t.Context(), bearer(ours.sign(header, payload))); err != nil {
			t.Errorf("our token with %s: %v, want it ignored", name, err)
		}
	}
}

// The classic: a server that takes the algorithm from the token checks an HMAC
// with its public RSA key, which everybody has, as the secret.
func TestPublicKeyIsNeverAnHMACSecret(t *testing.T) {
	t.Parallel()
	key := rsaKey(t, "k1", 2048)
	der, err := x509.MarshalPKIXPublicKey(key.public())
	if err != nil {
		t.Fatal(err)
	}
	document := jwks(key.jwk())
	policy := policyOf(t, methods(jwtMethod("", func(m *contract.JWT) {
		m.Algorithms = []string{"RS256", "HS256"}
		m.KeySet = contract.KeySet{Secret: &contract.SecretKey{Secret: "keys", Key: "jwks.json"}}
	})), secrets{"keys": {"jwks.json": document}})
	if _, err := policy.Authenticate(t.Context(), bearer(key.token(nil))); err != nil {
		t.Fatalf("the real key: %v", err)
	}
	for name, secret := range map[string][]byte{
		"PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "DER": der,
		"JWK": []byte(encode(key.jwk())), "document": []byte(document), "modulus": []byte(key.jwk()["n"].(string)), "nothing": {},
	} {
		forged := hmacKey("k1", secret).token(nil)
		if _, err := policy.Authenticate(t.Context(), bearer(forged)); reason(t, err) != outcome.BadCredential {
			t.Errorf("HMAC with the public key as %s: %v, want %s", name, err, outcome.BadCredential)
		}
	}
}

// The issuer may have keys for more algorithms than the policy accepts.
func TestGoodSignatureWithAnAlgorithmThatIsNotListed(t *testing.T) {
	t.Parallel()
	listed, other := ecKey(t, "es"), rsaKey(t, "rs", 2048)
	policy := policyOf(t, methods(jwtMethod(jwks(listed.jwk(), other.jwk()), nil)), nil)
	if _, err := policy.Authenticate(t.Context(), bearer(listed.token(nil))); err != nil {
		t.Errorf("listed algorithm: %v", err)
	}
	if _, err := policy.Authenticate(t.Context(), bearer(other.token(nil))); reason(t, err) != outcome.BadCredential {
		t.Errorf("other algorithm: %v, want %s", err, outcome.BadCredential)
	}
}

func TestKeyIsFoundByIDAndByType(t *testing.T) {
	t.Parallel()
	first, second, third := ecKey(t, "a"), ecKey(t, "b"), edKey(t, "c")
	without := func(s signer) signer { s.id = ""; return s }
	document := jwks(first.jwk(), second.jwk(), third.jwk())
	policy := policyOf(t, methods(jwtMethod(document, func(m *contract.JWT) { m.Algorithms = []string{"ES256", "EdDSA"} })), nil)
	tests := map[string]struct {
		token string
		keyID string
		want  outcome.Reason
	}{
		"kid names the key":                          {token: second.token(nil), keyID: "b"},
		"without kid all keys of the type are tried": {token: without(second).token(nil), keyID: "b"},
		"without kid, another type":                  {token: without(third).token(nil), keyID: "c"},
		"kid of another key of the same type":        {token: signer{id: "a", algorithm: "ES256", private: second.private}.token(nil), want: outcome.BadCredential},
		"kid of a key of another type":               {token: signer{id: "c", algorithm: "ES256", private: second.private}.token(nil), want: outcome.BadCredential},
		"kid that nobody has":                        {token: signer{id: "d", algorithm: "ES256", private: second.private}.token(nil), want: outcome.BadCredential},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, err := policy.Authenticate(t.Context(), bearer(tt.token))
			if reason(t, err) != tt.want || id.KeyID != tt.keyID {
				t.Errorf("Authenticate() = key %q, %v; want key %q, reason %q", id.KeyID, err, tt.keyID, tt.want)
			}
		})
	}
}

func TestTokenIsJudgedByTheClockOfTheMoment(t *testing.T) {
	t.Parallel()
	key, now := ecKey(t, "k1"), newClock()
	sets := authn.NewKeySets(authn.KeySetOptions{Now: now.Now})
	defer sets.Close()
	c := methods(jwtMethod(jwks(key.jwk()), nil))
	policy, _ := authn.NewPolicy(&c, nil, nil, sets)
	token := key.token(nil)
	id, err := policy.Authenticate(context.Background(), bearer(token))
	if err != nil {
		t.Fatal(err)
	}
	now.Advance(id.ExpiresAt.Sub(noon) - time.Second)
	if _, err := policy.Authenticate(context.Background(), bearer(token)); err != nil {
		t.Errorf("a second before ExpiresAt: %v", err)
	}
	now.Advance(time.Second)
	if _, err := policy.Authenticate(context.Background(), bearer(token)); reason(t, err) != outcome.BadCredential {
		t.Errorf("at ExpiresAt: %v, want %s", err, outcome.BadCredential)
	}
}
