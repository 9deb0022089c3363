// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Bounds of API keys. MinAPIKeyBytes is the length of 96 random bits in
// base64: anything shorter is guessed sooner or later, since a hash that is
// fast enough for every handshake is fast for guessing too. A digest hides the
// length, so keys given as sha256: are the owner's word.
const (
	MinAPIKeyBytes = 16
	MaxAPIKeyBytes = 1024
	// MaxAPIKeys is what fits a Secret of 1 MiB.
	MaxAPIKeys = 10_000
)

// apiKeys are the keys of one Secret, by SHA-256. The keys themselves are not
// kept. The place in the map depends on the hash of what was shown, so that the
// time of a look-up tells nothing of any key.
type apiKeys map[[sha256.Size]byte]apiKey

type apiKey struct {
	hash [sha256.Size]byte
	id   string
}

// parse adds the content of one data key of the Secret. Errors name the data
// key and nothing of its value.
func (k apiKeys) parse(id string, content []byte) error {
	value := bytes.TrimRight(content, "\r\n")
	hash, err := hashAPIKey(value)
	if err != nil {
		return fmt.Errorf("API key %q: %w", id, err)
	}
	if other, taken := k[hash]; taken {
		return fmt.Errorf("API key %q: same key as %q, so that it would not say who is calling: give each caller a key of its own", id, other.id)
	}
	if len(k) == MaxAPIKeys {
		return fmt.Errorf("API key %q: more than %d keys: use several Secrets", id, MaxAPIKeys)
	}
	k[hash] = apiKey{hash: hash, id: id}
	return nil
}

func hashAPIKey(value []byte) (hash [sha256.Size]byte, err error) {
	if len(value) > MaxAPIKeyBytes {
		return hash, fmt.Errorf("longer than %d characters", MaxAPIKeyBytes)
	}
	if digest, ok := strings.CutPrefix(string(value), "sha256:"); ok {
		return decodeDigest(digest)
	}
	switch {
	case len(value) == 0:
		return hash, errors.New("empty")
	case len(value) < MinAPIKeyBytes:
		return hash, fmt.Errorf("shorter than %d characters", MinAPIKeyBytes)
	case implausible(string(value)) != "":
		return hash, errors.New("has a blank or a character that no header can carry")
	}
	return sha256.Sum256(value), nil
}

func decodeDigest(digest string) (hash [sha256.Size]byte, err error) {
	decoded, err := hex.DecodeString(digest)
	if err != nil || len(decoded) != sha256.Size {
		// The cause may quote a digit of what is perhaps a plain key.
		return hash, errors.New("sha256: must be followed by 64 hex digits")
	}
	copy(hash[:], decoded)
	if hash == sha256.Sum256(nil) {
		return hash, errors.New("digest of an empty key")
	}
	return hash, nil
}

// lookup finds a key.
func (k apiKeys) lookup(value string) (key apiKey, ok bool) {
	if len(value) > MaxAPIKeyBytes {
		return apiKey{}, false
	}
	hash := sha256.Sum256([]byte(value))
	key, ok = k[hash]
	if !ok || subtle.ConstantTimeCompare(key.hash[:], hash[:]) != 1 {
		return apiKey{}, false
	}
	return key, true
}

// apiKeyMethod accepts the keys of one Secret.
type apiKeyMethod struct {
	policy string
	secret string
	from   []contract.Source
	stored apiKeys
	// passes as in jwtMethod.
	passes func(source contract.Source, issuer string) bool
}

// Authenticate implements Authenticator.
func (m *apiKeyMethod) Authenticate(_ context.Context, r *Request) (Identity, error) {
	credential, err := find(m.from, r)
	if err != nil {
		return Identity{}, err
	}
	key, ok := m.stored.lookup(credential.value.Reveal())
	if ok {
		return Identity{
			Policy: m.policy, Method: MethodAPIKey, Issuer: m.secret, Subject: key.id, KeyID: key.id,
			Claims: map[string]any{"sub": key.id}, Proof: proofOfAPIKey(key, credential.source),
		}, nil
	}
	// At a place shared with tokens, a token of an issuer that the policy names
	// is no API key.
	if t, err := parseToken(credential.value); err == nil && m.passes(credential.source, t.issuer()) {
		return Identity{}, ErrNoCredential
	}
	return Identity{}, outcome.Refuse(outcome.BadCredential, "unknown API key")
}
