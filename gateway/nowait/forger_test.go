// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package nowait_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"testing"
)

// secrets is a KeyLogWriter that keeps what it is told.
type secrets struct{ log []byte }

func (s *secrets) Write(p []byte) (int, error) {
	s.log = append(s.log, p...)
	return len(p), nil
}

func (s *secrets) get(t testing.TB, label string) []byte {
	t.Helper()
	for line := range bytes.Lines(s.log) {
		if fields := bytes.Fields(line); len(fields) == 3 && string(fields[0]) == label {
			secret, err := hex.DecodeString(string(fields[2]))
			if err != nil {
				t.Fatal(err)
			}
			return secret
		}
	}
	t.Fatalf("no secret %s", label)
	return nil
}

// forger writes records in the place of a TLS 1.3 client: crypto/tls never asks
// for new keys of its own accord, but others do.
type forger struct {
	hash     func() hash.Hash
	keySize  int
	secret   []byte
	sequence uint64
}

func newForger(t testing.TB, c *couple) *forger {
	t.Helper()
	f := &forger{secret: c.secrets.get(t, "CLIENT_TRAFFIC_SECRET_0")}
	switch suite := c.client.ConnectionState().CipherSuite; suite {
	case tls.TLS_AES_128_GCM_SHA256:
		f.hash, f.keySize = sha256.New, 16
	case tls.TLS_AES_256_GCM_SHA384:
		f.hash, f.keySize = sha512.New384, 32
	default:
		t.Fatalf("no records can be forged for %s: run this on a processor with instructions for AES", tls.CipherSuiteName(suite))
	}
	return f
}

// expand is HKDF-Expand-Label of RFC 8446 section 7.1, without a context.
func (f *forger) expand(t testing.TB, label string, size int) []byte {
	t.Helper()
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(append(append(info, byte(len(label))), label...), 0)
	out, err := hkdf.Expand(f.hash, f.secret, string(info), size)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// record is one record with a content of this type (RFC 8446 section 5.2).
func (f *forger) record(t testing.TB, kind byte, content []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(f.expand(t, "key", f.keySize))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	nonce := f.expand(t, "iv", aead.NonceSize())
	for i, b := range binary.BigEndian.AppendUint64(nil, f.sequence) {
		nonce[len(nonce)-8+i] ^= b
	}
	f.sequence++
	header := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(content)+1+aead.Overhead()))
	return append(header, aead.Seal(nil, nonce, append(bytes.Clone(content), kind), header)...)
}

func (f *forger) data(t testing.TB, content []byte) []byte {
	t.Helper()
	return f.record(t, 23, content)
}

// keyUpdate asks the server to change its keys, too, and changes the client's.
func (f *forger) keyUpdate(t testing.TB) []byte {
	t.Helper()
	return f.changeKeys(t, 1)
}

// newKeys changes the client's keys only: there is no answer.
func (f *forger) newKeys(t testing.TB) []byte {
	t.Helper()
	return f.changeKeys(t, 0)
}

func (f *forger) changeKeys(t testing.TB, asks byte) []byte {
	t.Helper()
	record := f.record(t, 22, []byte{24, 0, 0, 1, asks})
	f.secret, f.sequence = f.expand(t, "traffic upd", len(f.secret)), 0
	return record
}
