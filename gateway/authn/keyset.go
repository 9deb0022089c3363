// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// Bounds of key set documents. The largest public ones have 10 keys with
// certificate chains, about 20 KiB.
const (
	// MaxKeySetBytes bounds a document in a ConfigMap or a Secret.
	MaxKeySetBytes = 64 << 10
	// MaxFetchedKeySetBytes bounds a document behind a URI, which somebody else
	// writes.
	MaxFetchedKeySetBytes = 256 << 10
	// MaxKeys bounds the keys that a token without kid is tried with.
	MaxKeys = 64
	// minRSABits is what RFC 7518 section 3.3 asks for; maxRSABits bounds the
	// work per handshake.
	minRSABits = 2048
	maxRSABits = 8192
)

// keySet is the usable keys of a document, which do not change.
type keySet struct {
	keys     []verificationKey
	verified verified
}

// verificationKey is a key that may verify signatures.
type verificationKey struct {
	// A key for HMAC is not public at all.
	secret.Sealed

	id string
	// algorithms that the key may be used with.
	algorithms []string
	// public is an *ecdsa.PublicKey, *rsa.PublicKey, ed25519.PublicKey or, for
	// HMAC, a []byte.
	public any
	// fingerprint is the key's thumbprint (RFC 7638), by which it is known again
	// in a later document.
	fingerprint [sha256.Size]byte
}

// candidates returns the keys that may have signed: of a type that fits the
// algorithm, so that a public key is never taken for an HMAC secret, and with
// that identifier if the token has one.
func (s *keySet) candidates(algorithm, keyID string) []*verificationKey {
	var found []*verificationKey
	for i := range s.keys {
		key := &s.keys[i]
		if (keyID == "" || key.id == keyID) && slices.Contains(key.algorithms, algorithm) {
			found = append(found, key)
		}
	}
	return found
}

// fitsAny tells whether the set has a key for any of the algorithms.
func (s *keySet) fitsAny(algorithms []string) bool {
	return slices.ContainsFunc(algorithms, func(a string) bool { return len(s.candidates(a, "")) > 0 })
}

// held is the keySource of a document that we hold.
type held struct{ set *keySet }

func (h held) keys(context.Context) (*keySet, error)    { return h.set, nil }
func (h held) renewed(context.Context) (*keySet, error) { return h.set, nil }
func (h held) known() *keySet                           { return h.set }

// parseKeySet reads a JSON Web Key Set (RFC 7517 section 5). Keys of types and
// uses that we do not know are passed over, as the RFC asks; a set without any
// usable key is an error. private tells whether the document comes from a
// Secret: elsewhere a symmetric or private key has been given away already, and
// no key of that document is believed. Errors quote nothing of the document.
func parseKeySet(data []byte, private bool) (*keySet, error) {
	document, err := decodeObject(data)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	members, ok := document["keys"].([]any)
	switch {
	case !ok:
		return nil, errors.New("key set: no list named keys")
	case len(members) > MaxKeys:
		return nil, fmt.Errorf("key set: %d keys, more than %d", len(members), MaxKeys)
	}
	set := &keySet{}
	for i, member := range members {
		fields, ok := member.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("key set: item %d is not an object", i)
		}
		if !private && confidential(fields) {
			return nil, fmt.Errorf("key set: item %d is a private or symmetric key, which belongs into a Secret: publish the public part only, and replace the key", i)
		}
		if key, ok := usable(fields); ok {
			set.keys = append(set.keys, key)
		}
	}
	if len(set.keys) == 0 {
		return nil, errors.New("key set: none of its keys can verify signatures")
	}
	return set, nil
}

// confidential tells whether a key has members that must not be public: those
// of RFC 7518 sections 6.2.2, 6.3.2 and 6.4.
func confidential(fields map[string]any) bool {
	if kty, _ := fields["kty"].(string); strings.EqualFold(kty, "oct") {
		return true
	}
	return slices.ContainsFunc([]string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}, func(name string) bool {
		_, present := fields[name]
		return present
	})
}

// usable returns the key if it is meant for signatures and can verify them.
func usable(fields map[string]any) (verificationKey, bool) {
	if use, present := fields["use"]; present && use != "sig" {
		return verificationKey{}, false
	}
	if operations, present := fields["key_ops"]; present && !listed(operations, "verify") {
		return verificationKey{}, false
	}
	id, ok := optionalString(fields, "kid")
	if !ok || len(id) > maxKeyIDBytes {
		return verificationKey{}, false
	}
	named, ok := optionalString(fields, "alg")
	if !ok {
		return verificationKey{}, false
	}
	public, fingerprint, ok := publicKey(fields)
	if !ok {
		return verificationKey{}, false
	}
	algorithms := suited(public)
	if named != "" {
		algorithms = slices.DeleteFunc(algorithms, func(a string) bool { return a != named })
	}
	return verificationKey{id: id, algorithms: algorithms, public: public, fingerprint: fingerprint}, len(algorithms) > 0
}

func optionalString(fields map[string]any, name string) (value string, ok bool) {
	field, present := fields[name]
	if !present {
		return "", true
	}
	value, ok = field.(string)
	return value, ok
}

func listed(list any, wanted string) bool {
	items, _ := list.([]any)
	return slices.Contains(items, any(wanted))
}

// publicKey has the library parse and check the key material. Only the members
// of the key itself are handed on: certificates and their addresses (x5c, x5u)
// are none of our business.
func publicKey(fields map[string]any) (public any, fingerprint [sha256.Size]byte, ok bool) {
	material := map[string]any{}
	for _, name := range []string{"kty", "crv", "x", "y", "n", "e", "k"} {
		if value, present := fields[name]; present {
			material[name] = value
		}
	}
	data, err := json.Marshal(material)
	if err != nil {
		return nil, fingerprint, false
	}
	parsed, err := jwk.ParseKey(data)
	if err != nil || parsed.Validate() != nil || jwk.Export(parsed, &public) != nil {
		return nil, fingerprint, false
	}
	thumbprint, err := parsed.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fingerprint, false
	}
	copy(fingerprint[:], thumbprint)
	return public, fingerprint, true
}

// suited returns the algorithms that a key is good for: by its type and by its
// strength, so none for a weak one.
func suited(public any) []string {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return []string{"ES256"}
		case elliptic.P384():
			return []string{"ES384"}
		case elliptic.P521():
			return []string{"ES512"}
		}
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits >= minRSABits && bits <= maxRSABits && key.E >= 3 && key.E%2 == 1 {
			return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
		}
	case ed25519.PublicKey:
		return []string{"EdDSA"}
	case []byte:
		return hmacAlgorithms(len(key))
	}
	return nil
}

// hmacAlgorithms are those whose hash is not longer than the key (RFC 7518
// section 3.2).
func hmacAlgorithms(bytes int) []string {
	switch {
	case bytes >= 64:
		return []string{"HS256", "HS384", "HS512"}
	case bytes >= 48:
		return []string{"HS256", "HS384"}
	case bytes >= 32:
		return []string{"HS256"}
	}
	return nil
}
