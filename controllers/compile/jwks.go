// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// errEmpty means that a content holds nothing: somebody took it all away.
var errEmpty = errors.New("it is empty")

func isEmpty(err error) bool { return errors.Is(err, errEmpty) }

// privateMembers are the members of RFC 7518 section 6 that hold private or
// symmetric key material. A ConfigMap is no place for them: whoever may read it
// could sign tokens.
func privateMembers() []string {
	return []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
}

// publicMembers are the members that a public key of this type must have (RFC
// 7518 section 6, RFC 8037 section 2); nil for a type that is not asymmetric.
func publicMembers(keyType string) []string {
	switch keyType {
	case "RSA":
		return []string{"n", "e"}
	case "EC":
		return []string{"x", "y"}
	case "OKP":
		return []string{"x"}
	}
	return nil
}

// checkKeySet returns a JSON Web Key Set of public keys (RFC 7517 section 5). It
// does not know every rule of the algorithms: the pods do, and report.
//
// What is returned is written from what was understood, not the text itself: two
// decoders may disagree on a member that appears twice or in another case, and
// what one of them has overlooked could be a private key.
func checkKeySet(text string) (string, error) {
	if strings.TrimSpace(text) == "" {
		return "", errEmpty
	}
	if !utf8.ValidString(text) {
		return "", errors.New("it is no JSON: it is not in UTF-8")
	}
	var set map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return "", fmt.Errorf("it is no JSON Web Key Set: %w", jsonError(err))
	}
	var keys []map[string]json.RawMessage
	if raw, present := set["keys"]; !present || string(raw) == "null" {
		return "", errors.New("it is no JSON Web Key Set: the member keys is missing")
	} else if err := json.Unmarshal(raw, &keys); err != nil {
		return "", fmt.Errorf("the member keys is no list of keys: %w", jsonError(err))
	}
	if len(keys) == 0 {
		return "", fmt.Errorf("%w: the member keys lists no key", errEmpty)
	}
	for i, key := range keys {
		if err := checkKey(key); err != nil {
			return "", fmt.Errorf("key %d: %w", i, err)
		}
	}
	return normal(keys)
}

// normal writes keys without white space and with their members in order.
func normal(keys []map[string]json.RawMessage) (string, error) {
	public := make([]map[string]any, 0, len(keys))
	for _, key := range keys {
		members := map[string]any{}
		for name, raw := range key {
			var value any
			decoder := json.NewDecoder(bytes.NewReader(raw))
			decoder.UseNumber()
			if err := decoder.Decode(&value); err != nil {
				return "", fmt.Errorf("it is no JSON: %w", jsonError(err))
			}
			members[name] = value
		}
		public = append(public, members)
	}
	text, err := json.Marshal(map[string]any{"keys": public})
	if err != nil {
		return "", fmt.Errorf("it cannot be written: %w", jsonError(err))
	}
	return string(text), nil
}

// jsonError keeps where the mistake is and drops what encoding/json quotes of
// the content: a private key that was put here by mistake must not travel on
// into a status that more people may read.
func jsonError(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("syntax error at byte %d", syntax.Offset)
	}
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("unexpected %s at byte %d", strings.Fields(kind.Value + " value")[0], kind.Offset)
	}
	return errors.New("it cannot be decoded")
}

func checkKey(key map[string]json.RawMessage) error {
	keyType, ok := text(key["kty"])
	if !ok {
		return errors.New("the member kty is missing")
	}
	members := publicMembers(keyType)
	if members == nil {
		return errors.New("only the key types RSA, EC and OKP may be in a ConfigMap: a shared secret belongs in a Secret, under jwks.secretRef")
	}
	for member := range key {
		if slices.Contains(privateMembers(), strings.ToLower(member)) {
			return fmt.Errorf("it has the private member %q: publish the public half only, and replace the key, since others may have read it", member)
		}
	}
	if _, ok := text(key["crv"]); !ok && keyType != "RSA" {
		return errors.New("the member crv is missing")
	}
	for _, member := range members {
		value, ok := text(key[member])
		if !ok || value == "" {
			return fmt.Errorf("the member %s is missing", member)
		}
		if _, err := base64.RawURLEncoding.DecodeString(value); err != nil {
			return fmt.Errorf("the member %s is not base64url without padding", member)
		}
	}
	return nil
}

func text(raw json.RawMessage) (string, bool) {
	var value *string
	if raw == nil || json.Unmarshal(raw, &value) != nil || value == nil {
		return "", false
	}
	return *value, true
}
