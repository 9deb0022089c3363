// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// maxKeyIDBytes bounds kid, which is only ever looked up in a map.
const maxKeyIDBytes = 256

// maxTokenIDBytes bounds jti.
const maxTokenIDBytes = 256

// latestTime is the last second of the year 9999, beyond which times cannot be
// written in RFC 3339 any more.
const latestTime = 253402300799

// token is a JSON Web Token taken apart but not believed.
type token struct {
	raw       secret.Text
	algorithm string
	keyID     string
	claims    map[string]any
	// expiry is a whole second, rounded down. notBefore and issuedAt are rounded
	// up, and zero where the token does not say.
	expiry, notBefore, issuedAt time.Time
}

// issuer is the unverified iss claim; empty when there is none.
func (t *token) issuer() string {
	issuer, _ := t.claims["iss"].(string)
	return issuer
}

// audiences are those of aud, which is a string or a list of strings (RFC 7519
// section 4.1.3); false if it is anything else.
func (t *token) audiences() ([]string, bool) {
	if one, ok := t.claims["aud"].(string); ok {
		return []string{one}, true
	}
	items, ok := t.claims["aud"].([]any)
	audiences := make([]string, 0, len(items))
	for _, item := range items {
		audience, isString := item.(string)
		ok = ok && isString
		audiences = append(audiences, audience)
	}
	return audiences, ok
}

// id is the jti claim, by which one token can be revoked; empty when there is
// none. It is remembered as long as the connection lives, so a long one is left
// out.
func (t *token) id() string {
	id, _ := t.claims["jti"].(string)
	if len(id) > maxTokenIDBytes {
		return ""
	}
	return id
}

// hash is of the token as it was shown, with its signature.
func (t *token) hash() [sha256.Size]byte { return sha256.Sum256([]byte(t.raw.Reveal())) }

// parseToken takes a compact JWS apart (RFC 7515 section 7.1). It works in
// time and memory proportional to the token, whose size and number of dots are
// looked at first: parsers that split first could be made to allocate many
// times the input. Errors say nothing of the content.
func parseToken(shown secret.Text) (*token, error) {
	raw := shown.Reveal()
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
	t := &token{raw: shown, claims: claims}
	if err := t.readHeader(header); err != nil {
		return nil, fmt.Errorf("token header: %w", err)
	}
	if err := t.readTimes(); err != nil {
		return nil, fmt.Errorf("token claims: %w", err)
	}
	return t, nil
}

// readHeader takes alg and kid, nothing else: jwk, jku, x5c and x5u would let
// the token bring or point to the key that it is checked with.
func (t *token) readHeader(header map[string]any) error {
	// RFC 7515 section 4.1.11: extensions that are marked critical must be
	// understood, and we understand none.
	if _, present := header["crit"]; present {
		return errors.New("critical extensions are not supported")
	}
	// RFC 7797 section 6 wants it to be critical; a reader who knows it would see
	// other claims than we do.
	if _, present := header["b64"]; present {
		return errors.New("b64 is not supported")
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

// readTimes wants plain numbers. Libraries differ in what they make of
// strings, exponents and numbers beyond any calendar.
func (t *token) readTimes() error {
	expiry, present, err := t.seconds("exp")
	switch {
	case err != nil:
		return err
	case !present:
		return errors.New("no exp")
	}
	t.expiry = time.Unix(int64(math.Floor(expiry)), 0).UTC()
	for name, moment := range map[string]*time.Time{"nbf": &t.notBefore, "iat": &t.issuedAt} {
		begin, present, err := t.seconds(name)
		if err != nil {
			return err
		}
		if present {
			*moment = time.Unix(int64(math.Ceil(begin)), 0).UTC()
		}
	}
	return nil
}

// seconds is a NumericDate (RFC 7519 section 2).
func (t *token) seconds(name string) (seconds float64, present bool, err error) {
	value, present := t.claims[name]
	if !present {
		return 0, false, nil
	}
	number, ok := value.(json.Number)
	if !ok || strings.ContainsAny(number.String(), "-+eE") {
		return 0, true, fmt.Errorf("%s is not a plain number", name)
	}
	if seconds, err = number.Float64(); err != nil || seconds > latestTime {
		return 0, true, fmt.Errorf("%s is beyond the year 9999", name)
	}
	return seconds, true, nil
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
