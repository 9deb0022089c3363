// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	issuer   = "https://id.example.com"
	audience = "chat"
)

// noon is the time of all tests that do not move the clock.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// clock is a time that a test can set.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(noon.UnixNano())
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) Advance(d time.Duration) { c.nanos.Add(int64(d)) }

// secrets is the mounted volume: Secret, data key, content.
type secrets map[string]map[string]string

func (s secrets) Read(secret, key string) ([]byte, error) {
	content, ok := s[secret][key]
	if !ok {
		return nil, fmt.Errorf("read %s/%s: %w", secret, key, fs.ErrNotExist)
	}
	return []byte(content), nil
}

func (s secrets) List(secret string) ([]string, error) {
	keys, ok := s[secret]
	if !ok {
		return nil, fmt.Errorf("list %s: %w", secret, fs.ErrNotExist)
	}
	return slices.Collect(maps.Keys(keys)), nil
}

// keySets returns KeySets at noon.
func keySets(t testing.TB) *authn.KeySets {
	t.Helper()
	sets := authn.NewKeySets(authn.KeySetOptions{Now: newClock().Now, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(sets.Close)
	return sets
}

// policyOf compiles a policy that has no problems.
func policyOf(t testing.TB, c contract.Policy, files authn.Files) *authn.Policy {
	t.Helper()
	c.Name = "users"
	policy, problems := authn.NewPolicy(&c, nil, files, keySets(t))
	if len(problems) != 0 {
		t.Fatalf("NewPolicy() problems = %+v, want none", problems)
	}
	return policy
}

func bearerHeader() []contract.Source { return []contract.Source{{Header: "Authorization"}} }

// jwtMethod accepts tokens of issuer for audience from Authorization, and
// whatever edit makes of it.
func jwtMethod(keys string, edit func(*contract.JWT)) contract.Method {
	method := &contract.JWT{
		Issuer: issuer, Audiences: []string{audience}, Algorithms: []string{"ES256"},
		KeySet: contract.KeySet{Inline: keys}, From: bearerHeader(),
	}
	if edit != nil {
		edit(method)
	}
	return contract.Method{JWT: method}
}

func methods(list ...contract.Method) contract.Policy { return contract.Policy{Methods: list} }

func bearer(token string) *authn.Request {
	return &authn.Request{Header: http.Header{"Authorization": {"Bearer " + token}}}
}

// reason is the reason of a refusal; empty for nil.
func reason(t testing.TB, err error) outcome.Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	var refusal *outcome.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("error %v is no refusal", err)
	}
	return refusal.Reason
}

// signer makes tokens with one key.
type signer struct {
	id        string
	algorithm string
	private   crypto.Signer
	secret    []byte
}

func ecKey(t testing.TB, id string) signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{id: id, algorithm: "ES256", private: private}
}

func rsaKey(t testing.TB, id string, bits int) signer {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return signer{id: id, algorithm: "RS256", private: private}
}

func edKey(t testing.TB, id string) signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{id: id, algorithm: "EdDSA", private: private}
}

func hmacKey(id string, secret []byte) signer {
	return signer{id: id, algorithm: "HS256", secret: secret}
}

// jwk is the public part of the key, or the secret of an HMAC key.
func (s signer) jwk() map[string]any {
	key := map[string]any{}
	switch public := s.public().(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			return nil
		}
		half := (len(point) - 1) / 2
		key["kty"], key["crv"] = "EC", "P-256"
		key["x"], key["y"] = b64(point[1:1+half]), b64(point[1+half:])
	case *rsa.PublicKey:
		key["kty"] = "RSA"
		key["n"], key["e"] = b64(public.N.Bytes()), b64(big.NewInt(int64(public.E)).Bytes())
	case ed25519.PublicKey:
		key["kty"], key["crv"], key["x"] = "OKP", "Ed25519", b64(public)
	default:
		key["kty"], key["k"] = "oct", b64(s.secret)
	}
	if s.id != "" {
		key["kid"] = s.id
	}
	return key
}

func (s signer) public() any {
	if s.private == nil {
		return nil
	}
	return s.private.Public()
}

// with returns the JWK with further members.
func (s signer) with(members map[string]any) map[string]any {
	key := s.jwk()
	maps.Copy(key, members)
	return key
}

// jwks is a key set document.
func jwks(keys ...map[string]any) string { return encode(map[string]any{"keys": keys}) }

func encode(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// token is a good token, as changed by the claims given: nil deletes one.
func (s signer) token(changes map[string]any) string {
	claims := map[string]any{
		"iss": issuer, "aud": audience, "sub": "alice",
		"iat": noon.Add(-time.Minute).Unix(), "exp": noon.Add(time.Hour).Unix(),
	}
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return s.sign(s.header(nil), encode(claims))
}

func (s signer) header(changes map[string]any) string {
	header := map[string]any{"alg": s.algorithm}
	if s.id != "" {
		header["kid"] = s.id
	}
	maps.Copy(header, changes)
	return encode(header)
}

// sign signs any texts as header and claims, also such as no library would.
func (s signer) sign(header, claims string) string {
	input := b64([]byte(header)) + "." + b64([]byte(claims))
	return input + "." + b64(s.signature([]byte(input)))
}

func (s signer) signature(input []byte) []byte {
	digest := sha256.Sum256(input)
	switch private := s.private.(type) {
	case *ecdsa.PrivateKey:
		r, v, err := ecdsa.Sign(rand.Reader, private, digest[:])
		if err != nil {
			return nil
		}
		return append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...)
	case *rsa.PrivateKey:
		signature, err := s.rsaSignature(private, digest[:])
		if err != nil {
			return nil
		}
		return signature
	case ed25519.PrivateKey:
		return ed25519.Sign(private, input)
	}
	mac := hmac.New(sha256.New, s.secret)
	mac.Write(input)
	return mac.Sum(nil)
}

func (s signer) rsaSignature(private *rsa.PrivateKey, digest []byte) ([]byte, error) {
	if s.algorithm == "PS256" {
		return rsa.SignPSS(rand.Reader, private, crypto.SHA256, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	}
	return rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, digest)
}
