// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package wstest

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

// Secrets is the KeyLogWriter of one connection; it keeps what it is told.
type Secrets struct{ log []byte }

// Write implements io.Writer.
func (s *Secrets) Write(p []byte) (int, error) {
	s.log = append(s.log, p...)
	return len(p), nil
}

func (s *Secrets) get(tb testing.TB, label string) []byte {
	tb.Helper()
	for line := range bytes.Lines(s.log) {
		if fields := bytes.Fields(line); len(fields) == 3 && string(fields[0]) == label {
			secret, err := hex.DecodeString(string(fields[2]))
			if err != nil {
				tb.Fatal(err)
			}
			return secret
		}
	}
	tb.Fatalf("no secret %s", label)
	return nil
}

// Forger writes records in the place of a peer that speaks TLS 1.3: crypto/tls never
// asks for new keys of its own accord and sends tickets at the beginning only, but
// others do. Once it has begun, the peer itself must write nothing; it may read on.
type Forger struct {
	hash     func() hash.Hash
	keySize  int
	secret   []byte
	sequence uint64
}

// ForgeClient returns a forger for a client that has written so many records.
func ForgeClient(tb testing.TB, client *tls.Conn, secrets *Secrets, written uint64) *Forger {
	tb.Helper()
	return newForger(tb, client, secrets.get(tb, "CLIENT_TRAFFIC_SECRET_0"), written)
}

// ForgeServer returns a forger for a server that has written so many records, with
// those of session tickets.
func ForgeServer(tb testing.TB, server *tls.Conn, secrets *Secrets, written uint64) *Forger {
	tb.Helper()
	return newForger(tb, server, secrets.get(tb, "SERVER_TRAFFIC_SECRET_0"), written)
}

func newForger(tb testing.TB, conn *tls.Conn, secret []byte, written uint64) *Forger {
	tb.Helper()
	f := &Forger{secret: secret, sequence: written}
	switch suite := conn.ConnectionState().CipherSuite; suite {
	case tls.TLS_AES_128_GCM_SHA256:
		f.hash, f.keySize = sha256.New, 16
	case tls.TLS_AES_256_GCM_SHA384:
		f.hash, f.keySize = sha512.New384, 32
	default:
		tb.Fatalf("no records can be forged for %s: run this on a processor with instructions for AES", tls.CipherSuiteName(suite))
	}
	return f
}

// expand is HKDF-Expand-Label of RFC 8446 section 7.1, without a context.
func (f *Forger) expand(tb testing.TB, label string, size int) []byte {
	tb.Helper()
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(append(append(info, byte(len(label))), label...), 0)
	out, err := hkdf.Expand(f.hash, f.secret, string(info), size)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// Record is one record with a content of this type (RFC 8446 section 5.2).
func (f *Forger) Record(tb testing.TB, kind byte, content []byte) []byte {
	tb.Helper()
	block, err := aes.NewCipher(f.expand(tb, "key", f.keySize))
	if err != nil {
		tb.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		tb.Fatal(err)
	}
	nonce := f.expand(tb, "iv", aead.NonceSize())
	for i, b := range binary.BigEndian.AppendUint64(nil, f.sequence) {
		nonce[len(nonce)-8+i] ^= b
	}
	f.sequence++
	header := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(content)+1+aead.Overhead()))
	return append(header, aead.Seal(nil, nonce, append(bytes.Clone(content), kind), header)...)
}

// Data is a record with data.
func (f *Forger) Data(tb testing.TB, content []byte) []byte {
	tb.Helper()
	return f.Record(tb, 23, content)
}

// Alert is a fatal alert (RFC 8446 section 6).
func (f *Forger) Alert(tb testing.TB, description byte) []byte {
	tb.Helper()
	return f.Record(tb, 21, []byte{2, description})
}

// Ticket is a session ticket of a server (RFC 8446 section 4.6.1).
func (f *Forger) Ticket(tb testing.TB, ticket []byte) []byte {
	tb.Helper()
	body := append([]byte{0, 0, 14, 16, 1, 2, 3, 4, 1, 0}, byte(len(ticket)>>8), byte(len(ticket))) // an hour, a random addend, a nonce of one byte
	body = append(append(body, ticket...), 0, 0)                                                    // no extensions
	return f.Record(tb, 22, append([]byte{4, 0, byte(len(body) >> 8), byte(len(body))}, body...))
}

// KeyUpdate changes the keys and asks the other side to change its own, too.
func (f *Forger) KeyUpdate(tb testing.TB) []byte {
	tb.Helper()
	return f.changeKeys(tb, 1)
}

// NewKeys changes the keys only: there is no answer.
func (f *Forger) NewKeys(tb testing.TB) []byte {
	tb.Helper()
	return f.changeKeys(tb, 0)
}

func (f *Forger) changeKeys(tb testing.TB, asks byte) []byte {
	tb.Helper()
	record := f.Record(tb, 22, []byte{24, 0, 0, 1, asks})
	f.Update(tb)
	return record
}

// Update goes on with new keys, of which the other side has been told by Record.
func (f *Forger) Update(tb testing.TB) {
	tb.Helper()
	f.secret, f.sequence = f.expand(tb, "traffic upd", len(f.secret)), 0
}
