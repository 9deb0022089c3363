// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
)

// The signature of a checkpoint is the last field of its line, so that what is
// signed is the line without it.
const signatureKey = `,"wsgateway.checkpoint.signature":"`

// KeyID identifies a public key: the SHA-256, in lower-case hexadecimal, of its
// SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
func KeyID(key ed25519.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "" // only for other types of keys
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// Signer signs checkpoints. It cannot be formatted: what it holds is a secret.
type Signer struct {
	// signature of a message. The key is nowhere but in this function, which has
	// nothing that can be printed.
	signature func(message []byte) []byte
	id        string
}

// ParseSigner reads an Ed25519 key in PEM and PKCS#8 (RFC 5958). Its errors say
// nothing of the content.
func ParseSigner(data []byte) (*Signer, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New(`no PEM block "PRIVATE KEY": make one with "openssl genpkey -algorithm ed25519"`)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New(`the PEM block is no PKCS#8 key: make one with "openssl genpkey -algorithm ed25519"`)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New(`the key is not an Ed25519 key: make one with "openssl genpkey -algorithm ed25519"`)
	}
	public, _ := key.Public().(ed25519.PublicKey)
	return &Signer{id: KeyID(public), signature: func(message []byte) []byte { return ed25519.Sign(key, message) }}, nil
}

// KeyID is that of the public key.
func (s *Signer) KeyID() string { return s.id }

// sign completes a line that has all its fields but the last, and no brace.
func (s *Signer) sign(line []byte) []byte {
	signature := s.signature(append(line, '}'))
	line = append(line, signatureKey...)
	return append(base64.StdEncoding.AppendEncode(line, signature), '"')
}

// VerifyCheckpoint tells whether a line, without its line break, is a checkpoint
// that was signed with a key: Ed25519 (RFC 8032) over the line without its last
// field, in standard base64.
func VerifyCheckpoint(key ed25519.PublicKey, line []byte) bool {
	i := bytes.LastIndex(line, []byte(signatureKey))
	if i < 0 || !bytes.HasSuffix(line, []byte(`"}`)) {
		return false
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(string(line[i+len(signatureKey) : len(line)-len(`"}`)]))
	if err != nil {
		return false
	}
	signed := append(bytes.Clone(line[:i]), '}')
	return ed25519.Verify(key, signed, signature)
}
