// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bundle_test

import (
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/bundle"
)

const secret = "zQ5f1d83b0c94e27a6zQ5f1d83b0c94e27a6"

func TestWhatLooksLikeACredentialIsTakenOut(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a private key":                    "-----BEGIN PRIVATE KEY-----\n" + secret + "\n-----END PRIVATE KEY-----",
		"one in a string of JSON":          `{"key":"-----BEGIN RSA PRIVATE KEY-----\n` + secret + `\n-----END RSA PRIVATE KEY-----\n"}`,
		"one without an end":               "-----BEGIN EC PRIVATE KEY-----\n" + secret,
		"a token":                          "said eyJhbGciOiJFUzI1NiJ9." + secret + "." + secret + " no",
		"an encrypted token":               "eyJhbGciOiJkaXIifQxx.." + secret + "." + secret + "." + secret,
		"a bearer credential":              `Authorization: Bearer ` + secret,
		"one in another spelling":          `"authorization":"bearer ` + secret + `"`,
		"a basic credential":               "authorization: Basic " + secret + "==",
		"a password in an address":         "postgres://user:" + secret + "@db.example.com/x",
		"a private member of a JWK":        `{"kty":"EC","d":"` + secret + `"}`,
		"one in JSON within JSON":          `{"data":"{\"kty\":\"oct\",\"k\":\"` + secret + `\"}"}`,
		"one in YAML of a string of JSON":  `jwks: '{"keys":[{"d": "` + secret + `"}]}'`,
		"two of them beside what is to be": "Bearer " + secret + " and Bearer " + secret,
	} {
		clean, found := bundle.Scrub([]byte("before " + text + " after"))
		if strings.Contains(string(clean), secret) || found == 0 || !strings.HasPrefix(string(clean), "before ") {
			t.Errorf("%s: %d found, %s", name, found, clean)
		}
	}
}

func TestOrdinaryTextStays(t *testing.T) {
	t.Parallel()
	const text = `spec: {issuerRef: {name: letsencrypt}, secretRef: {name: own, key: tls.key}}
-----BEGIN CERTIFICATE-----
MIIB
-----END CERTIFICATE-----
{"kty":"EC","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","kid":"d"}
https://id.example.com/keys wss://ws.example.com:8443/chat method: basic users, bearer of news
sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0
`
	if clean, found := bundle.Scrub([]byte(text)); found != 0 || string(clean) != text {
		t.Errorf("%d found:\n%s", found, clean)
	}
}

// Nothing that is scrubbed brings new text that has to be, and nothing makes it
// fail.
func FuzzScrub(f *testing.F) {
	f.Add("Bearer " + secret + " -----BEGIN PRIVATE KEY-----")
	f.Add(`{"d":"` + secret + `"} eyJhbGciOiJFUzI1NiJ9.a.b`)
	f.Add("a://b:c@d")
	f.Fuzz(func(t *testing.T, text string) {
		clean, found := bundle.Scrub([]byte(text))
		if found == 0 && string(clean) != text {
			t.Errorf("changed without a finding: %q to %q", text, clean)
		}
		marked := "-----BEGIN PRIVATE KEY-----" + secret + text
		if clean, _ := bundle.Scrub([]byte(marked)); strings.Contains(string(clean), secret) {
			t.Errorf("a private key is in %q", clean)
		}
	})
}
