// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// maxKeyIDBytes bounds kid, which is only ever looked up in a map.
const maxKeyIDBytes = 256

// latestTime is the last second of the year 9999, beyond which times cannot be
// written in RFC 3339 any more.
const latestTime = 253402300799

// token is a JSON Web Token taken apart but not believed.
type token struct {
	raw       string
	algorithm string
	keyID     string
	claims    map[string]any
}

// issuer is the unverified iss claim; empty when there is none.
func (t *token) issuer() string {
	issuer, _ := t.claims["iss"].(string)
	return issuer
}

// parseToken takes a compact JWS apart (RFC 7515 section 7.1). It works in
// time and memory proportional to the token, whose size and number of dots are
// looked at first: parsers that split first could be made to allocate many
// times the input. Errors say nothing of the content.
func parseToken(raw string) (*token, error) {
	if len(raw) > MaxCredentialBytes {
		return nil, errors.New("token too long")
	}
	if strings.Count(raw, ".") != 2 {
		return nil, errors.New("not a token of three parts")
	}
	parts := strings.Split(raw, ".")
	header, err := decodePart(parts[0])
	if err != nil {
		return nil, fmt.Errorf("token header: %w", err)
	}
	claims, err := decodePart(parts[1])
	if err != nil {
		return nil, fmt.Errorf("token claims: %w", err)
	}
	if signature, err := decodeBase64(parts[2]); err != nil || len(signature) == 0 {
		return nil, errors.New("token without a signature")
	}
	t := &token{raw: raw, claims: claims}
	if err := t.readHeader(header); err != nil {
		return nil, fmt.Errorf("token header: %w", err)
	}
	if err := t.checkTimes(); err != nil {
		return nil, fmt.Errorf("token claims: %w", err)
	}
	return t, nil
}

// readHeader takes alg and kid, nothing else: jwk, jku, x5c and x5u would let
// the token bring or point to the key that it is checked with.
func (t *token) readHeader(header map[string]any) error {
	// RFC 7515 section 4.1.11: extensions that are marked critical must be
	// understood, and we understand none. It also rules out b64 (RFC 7797).
	if _, present := header["crit"]; present {
		return errors.New("critical extensions are not supported")
	}
	algorithm, ok := header["alg"].(string)
	if !ok {
		return errors.New("no alg")
	}
	t.algorithm = algorithm
	keyID, present := header["kid"]
	if !present {
		return nil
	}
	if t.keyID, ok = keyID.(string); !ok || t.keyID == "" || len(t.keyID) > maxKeyIDBytes {
		return errors.New("kid is not a short string")
	}
	return nil
}

// checkTimes wants plain numbers. Libraries differ in what they make of
// strings, exponents and numbers beyond any calendar.
func (t *token) checkTimes() error {
	if _, present := t.claims["exp"]; !present {
		return errors.New("no exp")
	}
	for _, name := range []string{"exp", "nbf", "iat"} {
		value, present := t.claims[name]
		if !present {
			continue
		}
		number, ok := value.(json.Number)
		if !ok || strings.ContainsAny(number.String(), "-+eE") {
			return fmt.Errorf("%s is not a plain number", name)
		}
		if seconds, err := number.Float64(); err != nil || seconds > latestTime {
			return fmt.Errorf("%s is beyond the year 9999", name)
		}
	}
	return nil
}

func decodePart(part string) (map[string]any, error) {
	data, err := decodeBase64(part)
	if err != nil {
		return nil, err
	}
	return decodeObject(data)
}

// decodeBase64 is base64url as JWS wants it. Go's decoder skips line breaks and,
// unless it is strict, spare bits, so that one signature would have several
// spellings.
func decodeBase64(part string) ([]byte, error) {
	if strings.ContainsAny(part, "\r\n") {
		return nil, errors.New("line break")
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, errors.New("not base64url")
	}
	return data, nil
}
