// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
)

const attackIssuer = "https://id.example.com"

// mint signs any two texts as header and claims, with keys that the gateway
// knows and with one that it does not.
type mint struct {
	elliptic, foreign *issuer
	rsaKey            *rsa.PrivateKey
	symmetric         []byte
	expiry            int64
}

func newMint(t testing.TB) *mint {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	m := &mint{
		elliptic: newIssuer(t), foreign: newIssuer(t), rsaKey: key,
		symmetric: make([]byte, 32), expiry: time.Now().Add(time.Hour).Unix(),
	}
	if _, err := rand.Read(m.symmetric); err != nil {
		t.Fatal(err)
	}
	return m
}

func encoded(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func joined(header, claims string) string {
	return encoded([]byte(header)) + "." + encoded([]byte(claims))
}

// keySet is the document that the gateway has; with the symmetric key, it must
// be in a Secret.
func (m *mint) keySet(t testing.TB, symmetric bool) string {
	t.Helper()
	keys := strings.TrimSuffix(m.elliptic.keySet(t), "]}") + fmt.Sprintf(`,{"kty":"RSA","kid":"r1","n":"%s","e":"AQAB"}`, encoded(m.rsaKey.N.Bytes()))
	if symmetric {
		keys += fmt.Sprintf(`,{"kty":"oct","kid":"h1","k":"%s"}`, encoded(m.symmetric))
	}
	return keys + "]}"
}

// claims of a good token, with something behind the last one.
func (m *mint) claims(more string) string {
	return fmt.Sprintf(`{"iss":"%s","aud":"chat","sub":"ann","exp":%d%s}`, attackIssuer, m.expiry, more)
}

// except is the claims of a good token with one text replaced.
func (m *mint) except(old, replacement string) string {
	return strings.Replace(m.claims(""), old, replacement, 1)
}

func (m *mint) good(t testing.TB) string {
	t.Helper()
	return m.ecdsa(t, goodHeader, m.claims(""))
}

const goodHeader = `{"alg":"ES256","kid":"k1"}`

func (m *mint) ecdsa(t testing.TB, header, claims string) string {
	t.Helper()
	return signed(t, m.elliptic.key, header, claims)
}

func (m *mint) stranger(t testing.TB, header string) string {
	t.Helper()
	return signed(t, m.foreign.key, header, m.claims(""))
}

func signed(t testing.TB, key *ecdsa.PrivateKey, header, claims string) string {
	t.Helper()
	text := joined(header, claims)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encoded(concatenated(r, s))
}

// concatenated is the form of a signature in RFC 7518 section 3.4.
func concatenated(r, s *big.Int) []byte {
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
}

func (m *mint) rsa(t testing.TB, header, claims string) string {
	t.Helper()
	text := joined(header, claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, m.rsaKey, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encoded(signature)
}

func (m *mint) hmac(header, claims string, secret []byte) string {
	text := joined(header, claims)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return text + "." + encoded(mac.Sum(nil))
}

// publicForms are the spellings of a public key that a careless server might
// take for an HMAC secret.
func publicForms(t testing.TB, key crypto.PublicKey, document string) map[string][]byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return map[string][]byte{
		"PEM": text, "PEM without its last line break": []byte(strings.TrimSpace(string(text))), "DER": der,
		"document": []byte(document), "nothing": {},
	}
}
