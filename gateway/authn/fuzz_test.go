// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// FuzzToken shows anything as a token: nobody is let in without the key, and
// the refusal quotes nothing of it.
func FuzzToken(f *testing.F) {
	key, other := ecKey(f, "k1"), ecKey(f, "k1")
	for _, seed := range []string{
		"", ".", "..", "...", strings.Repeat(".", 9000), other.token(nil), other.token(map[string]any{"aud": []string{"chat"}}),
		b64([]byte(`{"alg":"none"}`)) + "." + b64([]byte(`{"iss":"`+issuer+`","exp":1}`)) + ".",
		other.sign(`{"alg":"ES256","crit":["b64"],"b64":false}`, `{"exp":1e308}`),
		other.sign(`{"alg":"ES256","alg":"HS256"}`, `{"iss":"a","iss":"b"}`),
		other.sign(`{"alg":"ES256"}`, deep(100)), hmacKey("k1", []byte(encode(key.jwk()))).token(nil),
		deviceKey, "a=", "+/", "\x00", "é",
	} {
		f.Add(seed)
	}
	policy := policyOf(f, methods(
		jwtMethod(jwks(key.jwk()), nil), apiKeys(fromBearer), contract.Method{Anonymous: &contract.Anonymous{}},
	), secrets{"devices": {"d1": deviceKey}})
	f.Fuzz(func(t *testing.T, token string) {
		id, err := policy.Authenticate(t.Context(), bearer(token))
		if err == nil {
			if token != deviceKey {
				t.Fatalf("%q was let in as %+v", token, id)
			}
			return
		}
		if reason(t, err) != outcome.BadCredential {
			t.Fatalf("%q: %v", token, err)
		}
		if len(token) > 20 && strings.Contains(err.Error(), token) {
			t.Fatalf("the refusal %q quotes the token", err)
		}
	})
}

// FuzzSignedToken shows anything that is signed with the right key: who is let
// in has an identity that follows from the policy.
func FuzzSignedToken(f *testing.F) {
	key := ecKey(f, "k1")
	header := key.header(nil)
	f.Add(header, `{"iss":"https://id.example.com","aud":"chat","sub":"alice","exp":1772629200}`)
	f.Add(header, `{"iss":"https://id.example.com","aud":["chat"],"exp":1772629200.25,"nbf":0,"iat":1}`)
	f.Add(header, `{"iss":"https://id.example.com","aud":["chat"],"exp":"1772629200"}`)
	f.Add(header, `{"iss":"https://id.example.com","aud":["chat"],"exp":1e9}`)
	f.Add(header, `{"iss":"https://id.example.com","aud":["chat"],"exp":01}`)
	f.Add(header, `{"iss":"https://id.example.com","aud":["chat"],"exp":1772629200,"x":[[[[{"a":null}]]]]}`)
	f.Add(`{"alg":"ES256","kid":"k1","crit":[]}`, `{}`)
	f.Add(`{"alg":"ES256","jku":"https://127.0.0.1/"}`, `{"iss":"https://id.example.com"}`)
	policy := policyOf(f, methods(jwtMethod(jwks(key.jwk()), nil)), nil)
	f.Fuzz(func(t *testing.T, header, claims string) {
		id, err := policy.Authenticate(t.Context(), bearer(key.sign(header, claims)))
		if err != nil {
			if got := reason(t, err); got != outcome.BadCredential {
				t.Fatalf("%v", err)
			}
			return
		}
		if id.Issuer != issuer || id.KeyID != "k1" || id.Method != authn.MethodJWT || id.ExpiresAt.Before(noon) {
			t.Fatalf("identity %+v", id)
		}
		if sub, _ := id.Claims["sub"].(string); sub != id.Subject {
			t.Fatalf("subject %q, claim %q", id.Subject, sub)
		}
	})
}

// FuzzKeySet reads anything as a key set. What is accepted from a ConfigMap
// holds no key that should not be there.
func FuzzKeySet(f *testing.F) {
	key := ecKey(f, "k1")
	for _, seed := range []string{
		jwks(key.jwk()), jwks(rsaKey(f, "r", 2048).jwk(), edKey(f, "e").jwk()), jwks(hmacKey("h", make([]byte, 64)).jwk()),
		jwks(key.with(map[string]any{"d": "AAAA"})), `{"keys":[{"kty":"EC","crv":"P-256","x":"","y":""}]}`,
		`{"keys":[{"kty":"RSA","n":"AQAB","e":"AA"}]}`, `{"keys":[{"kty":"OKP","crv":"X25519","x":"AAAA"}]}`,
		`{"keys":[[],{},null]}`, `{"keys":{}}`, `[]`, ``, `{"keys":[],"keys":[]}`, deep(1000),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, document string) {
		sets := keySets(t)
		c := methods(jwtMethod(document, func(m *contract.JWT) { m.Algorithms = []string{"ES256", "RS256", "EdDSA", "HS256"} }))
		policy, problems := authn.NewPolicy(&c, nil, nil, sets)
		_, err := policy.Authenticate(t.Context(), bearer(key.token(nil)))
		if got := reason(t, err); len(problems) > 0 && got != outcome.PolicyUnavailable {
			t.Fatalf("problems %+v, but %q", problems, got)
		}
		if len(problems) == 0 && strings.Contains(document, `"kty":"oct"`) && strings.Count(document, "kty") == 1 {
			t.Fatal("a symmetric key outside a Secret was accepted")
		}
	})
}

// FuzzAPIKeySecret reads anything as an API key: what is accepted lets in
// exactly the one who shows it.
func FuzzAPIKeySecret(f *testing.F) {
	for _, seed := range []string{
		deviceKey, deviceKey + "\n", "", "\n", "short", "sha256:", "sha256:" + strings.Repeat("a", 64), "sha256:" + strings.Repeat("A", 64) + "\r\n",
		"SHA256:" + strings.Repeat("a", 64), strings.Repeat("x", 1025), "with blanks in the key", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		c := methods(apiKeys(nil))
		policy, problems := authn.NewPolicy(&c, nil, secrets{"devices": {"d1": content}}, keySets(t))
		key := strings.TrimRight(content, "\r\n")
		_, err := policy.Authenticate(t.Context(), request("X-API-Key", key))
		want := outcome.Reason("")
		switch {
		case len(problems) > 0:
			want = outcome.PolicyUnavailable
		case strings.HasPrefix(key, "sha256:"):
			want = outcome.BadCredential
		}
		if got := reason(t, err); got != want {
			t.Fatalf("%q: %v, want reason %q; problems %+v", content, err, want, problems)
		}
		if len(problems) > 0 && len(key) > 8 && strings.Contains(problems[0].Message, key) {
			t.Fatalf("%q quotes the key", problems[0].Message)
		}
		if _, err := policy.Authenticate(t.Context(), request("X-API-Key", key+"x")); err == nil {
			t.Fatal("another key was let in")
		}
	})
}

// FuzzSubprotocols offers anything: whatever comes behind a marker neither
// reaches the backend nor goes back to the client.
func FuzzSubprotocols(f *testing.F) {
	for _, seed := range []string{"", "bearer", "bearer,x", "bearer,bearer", "a,bearer,x,b", "bearer,x,bearer,y", ",", "Bearer,x", "bearer," + deviceKey} {
		f.Add(seed)
	}
	policy := policyOf(f, methods(apiKeys(func(m *contract.APIKey) { m.From = []contract.Source{{Subprotocol: "bearer"}} })),
		secrets{"devices": {"d1": deviceKey}})
	f.Fuzz(func(t *testing.T, list string) {
		offered := strings.Split(list, ",")
		before := slices.Clone(offered)
		_, err := policy.Authenticate(t.Context(), offers(offered...))
		shown := slices.Index(offered, "bearer")
		if want := shown >= 0; want != (reason(t, err) != outcome.NoCredential) {
			t.Fatalf("%q: %v", offered, err)
		}
		_, left := policy.Strip(http.Header{}, offered)
		if slices.Contains(left, "bearer") {
			t.Fatalf("%q leaves %q", offered, left)
		}
		if err == nil && slices.Contains(left, deviceKey) && strings.Count(list, deviceKey) == 1 {
			t.Fatalf("%q leaves the credential in %q", offered, left)
		}
		if answer := policy.SubprotocolAnswer(offered); (answer != "") != (shown >= 0) || (answer != "" && answer != "bearer") {
			t.Fatalf("%q is answered with %q", offered, answer)
		}
		if !slices.Equal(before, offered) {
			t.Fatal("the client's list was changed")
		}
	})
}
