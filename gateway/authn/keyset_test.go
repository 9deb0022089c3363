// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"crypto/elliptic"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestKeySetDocuments(t *testing.T) {
	t.Parallel()
	key, other := ecKey(t, "k1"), ecKey(t, "k2")
	weak := rsaKey(t, "weak", 1024)
	off := key.with(map[string]any{"kid": "off", "y": b64(make([]byte, 32))})
	many := func(n int) []map[string]any {
		list := []map[string]any{key.jwk()}
		for len(list) < n {
			list = append(list, other.jwk())
		}
		return list
	}
	tests := map[string]struct {
		document string
		// usable is whether the policy can be served with it, verifies whether
		// a token of key is then accepted.
		usable, verifies bool
	}{
		"one key":                                  {document: jwks(key.jwk()), usable: true, verifies: true},
		"use sig, alg and key_ops that fit":        {document: jwks(key.with(map[string]any{"use": "sig", "alg": "ES256", "key_ops": []string{"verify"}})), usable: true, verifies: true},
		"members that we do not know":              {document: jwks(key.with(map[string]any{"x5c": []string{"AA=="}, "x5u": "http://127.0.0.1/", "x": key.jwk()["x"], "future": 1})), usable: true, verifies: true},
		"keys of unknown types are passed over":    {document: jwks(map[string]any{"kty": "PQC", "kid": "k1"}, map[string]any{"kty": "EC", "crv": "P-999"}, map[string]any{}, key.jwk()), usable: true, verifies: true},
		"a weak key is passed over":                {document: jwks(weak.jwk(), key.jwk()), usable: true, verifies: true},
		"a point off the curve is passed over":     {document: jwks(off, key.jwk()), usable: true, verifies: true},
		"as many keys as allowed":                  {document: jwks(many(authn.MaxKeys)...), usable: true, verifies: true},
		"a key for encryption does not verify":     {document: jwks(key.with(map[string]any{"use": "enc"}), other.jwk()), usable: true},
		"a key for signing does not verify":        {document: jwks(key.with(map[string]any{"key_ops": []string{"sign"}}), other.jwk()), usable: true},
		"a key for another algorithm":              {document: jwks(key.with(map[string]any{"alg": "ES384"}), other.jwk()), usable: true},
		"a key with a kid that is no string":       {document: jwks(key.with(map[string]any{"kid": 5}), other.jwk()), usable: true},
		"one key too many":                         {document: jwks(many(authn.MaxKeys + 1)...)},
		"no keys":                                  {document: jwks()},
		"only a weak key":                          {document: jwks(weak.jwk())},
		"only a point off the curve":               {document: jwks(off)},
		"only a key for encryption":                {document: jwks(key.with(map[string]any{"use": "enc"}))},
		"a private key":                            {document: jwks(key.jwk(), other.with(map[string]any{"d": b64(make([]byte, 32))}))},
		"a private key of RSA":                     {document: jwks(key.jwk(), map[string]any{"kty": "RSA", "n": "AQAB", "e": "AQAB", "p": "AQAB"})},
		"a symmetric key":                          {document: jwks(key.jwk(), hmacKey("h", []byte(strings.Repeat("s", 32))).jwk())},
		"a symmetric key in another spelling":      {document: jwks(key.jwk(), map[string]any{"kty": "OCT", "kid": "h"})},
		"a member twice":                           {document: strings.Replace(jwks(key.jwk()), `"kid"`, `"kty":"EC","kid"`, 1)},
		"an empty document":                        {document: " "},
		"no JSON":                                  {document: "-----BEGIN PUBLIC KEY-----"},
		"a single key instead of a set":            {document: encode(key.jwk())},
		"a list":                                   {document: "[" + encode(key.jwk()) + "]"},
		"keys is no list":                          {document: `{"keys":{}}`},
		"a key is no object":                       {document: `{"keys":["x"]}`},
		"something behind it":                      {document: jwks(key.jwk()) + "{}"},
		"nested deep":                              {document: `{"keys":` + deep(10_000) + `}`},
		"too big":                                  {document: jwks(key.with(map[string]any{"fill": strings.Repeat("x", authn.MaxKeySetBytes)}))},
		"keys only for other algorithms of policy": {document: jwks(edKey(t, "ed").jwk())},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := methods(jwtMethod(tt.document, nil))
			policy, problems := authn.NewPolicy(&c, nil, nil, keySets(t))
			if (len(problems) == 0) != tt.usable {
				t.Fatalf("NewPolicy() problems = %+v, want usable = %t", problems, tt.usable)
			}
			want := outcome.BadCredential
			switch {
			case !tt.usable:
				want = outcome.PolicyUnavailable
			case tt.verifies:
				want = ""
			}
			if _, err := policy.Authenticate(t.Context(), bearer(key.token(nil))); reason(t, err) != want {
				t.Errorf("Authenticate() = %v, want reason %q", err, want)
			}
		})
	}
}

func TestWeakHMACKeysAreNotUsed(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]int{0: 1, 31: 1, 32: 0} {
		secret := make([]byte, size)
		c := methods(jwtMethod("", func(m *contract.JWT) {
			m.Algorithms = []string{"HS256"}
			m.KeySet = contract.KeySet{Secret: &contract.SecretKey{Secret: "keys", Key: "k"}}
		}))
		_, problems := authn.NewPolicy(&c, nil, secrets{"keys": {"k": jwks(hmacKey("h", secret).jwk())}}, keySets(t))
		if len(problems) != want {
			t.Errorf("HS256 with %d bytes: problems %+v, want %d", size, problems, want)
		}
	}
}

// A Secret may hold the issuer's whole key; only its public part is used.
func TestPrivateKeyInASecretVerifies(t *testing.T) {
	t.Parallel()
	key := ecKey(t, "k1")
	private := key.with(map[string]any{"d": b64(elliptic.P256().Params().N.Bytes())})
	policy := policyOf(t, methods(jwtMethod("", func(m *contract.JWT) {
		m.KeySet = contract.KeySet{Secret: &contract.SecretKey{Secret: "keys", Key: "k"}}
	})), secrets{"keys": {"k": jwks(private)}})
	if _, err := policy.Authenticate(t.Context(), bearer(key.token(nil))); err != nil {
		t.Error(err)
	}
}
