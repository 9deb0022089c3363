// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package wstest is what tests of the data plane share: a throw-away CA, files
// that change as the kubelet changes them, backends, and clients that notice
// every lost message.
package wstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"testing"
	"time"
)

// CA issues certificates that live for an hour.
type CA struct {
	certificate *x509.Certificate
	key         crypto.Signer
	// PEM is the CA's own certificate.
	PEM []byte
	// Pool holds it.
	Pool *x509.CertPool

	// above are the intermediates from this CA upwards.
	above []byte
}

// Pair is a certificate with its key, in PEM.
type Pair struct {
	Certificate, Key []byte
	Leaf             *x509.Certificate
}

// NewCA makes a CA.
func NewCA(t testing.TB) *CA {
	t.Helper()
	key := NewKey(t)
	template := &x509.Certificate{
		SerialNumber: newSerial(t), Subject: pkix.Name{CommonName: "throw-away CA"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	certificate, err := x509.ParseCertificate(der)
	must(t, err)
	ca := &CA{certificate: certificate, key: key, PEM: encode("CERTIFICATE", der), Pool: x509.NewCertPool()}
	ca.Pool.AddCert(certificate)
	return ca
}

// Issue makes a server certificate for names with a key of its own.
func (ca *CA) Issue(t testing.TB, names ...string) Pair {
	t.Helper()
	return ca.IssueWith(t, NewKey(t), func(c *x509.Certificate) { c.DNSNames = names })
}

// IssueWith makes a certificate for a key that change may alter first.
func (ca *CA) IssueWith(t testing.TB, key crypto.Signer, change func(*x509.Certificate)) Pair {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: newSerial(t),
		NotBefore:    time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, key.Public(), ca.key)
	must(t, err)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return Pair{Certificate: encode("CERTIFICATE", der), Key: encode("PRIVATE KEY", pkcs8), Leaf: leaf}
}

// IssueClient makes a client certificate that change may alter first.
func (ca *CA) IssueClient(t testing.TB, change func(*x509.Certificate)) Pair {
	t.Helper()
	pair := ca.IssueWith(t, NewKey(t), func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		change(c)
	})
	pair.Certificate = append(pair.Certificate, ca.above...)
	return pair
}

// Self is the CA's own certificate with its key.
func (ca *CA) Self(t testing.TB) Pair {
	t.Helper()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(ca.key)
	must(t, err)
	return Pair{Certificate: ca.PEM, Key: encode("PRIVATE KEY", pkcs8), Leaf: ca.certificate}
}

// Intermediate makes a CA below this one. The chains of what it issues to clients
// lead up to, and without, this one.
func (ca *CA) Intermediate(t testing.TB) *CA {
	t.Helper()
	key := NewKey(t)
	pair := ca.IssueWith(t, key, func(c *x509.Certificate) {
		c.Subject, c.IsCA, c.BasicConstraintsValid = pkix.Name{CommonName: "intermediate CA"}, true, true
		c.KeyUsage, c.ExtKeyUsage = x509.KeyUsageCertSign, nil
	})
	below := &CA{certificate: pair.Leaf, key: key, PEM: pair.Certificate, Pool: x509.NewCertPool()}
	below.above = append(slices.Clone(pair.Certificate), ca.above...)
	below.Pool.AddCert(pair.Leaf)
	return below
}

// Renewed is the same CA, name and key, with another certificate.
func (ca *CA) Renewed(t testing.TB, lifetime time.Duration) *CA {
	t.Helper()
	template := *ca.certificate
	template.SerialNumber, template.NotAfter = newSerial(t), time.Now().Add(lifetime)
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, ca.key.Public(), ca.key)
	must(t, err)
	certificate, err := x509.ParseCertificate(der)
	must(t, err)
	renewed := &CA{certificate: certificate, key: ca.key, PEM: encode("CERTIFICATE", der), Pool: x509.NewCertPool()}
	renewed.Pool.AddCert(certificate)
	return renewed
}

// NewKey makes a key.
func NewKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func newSerial(t testing.TB) *big.Int {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	must(t, err)
	return serial.Add(serial, big.NewInt(1))
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// KeyPair is the pair as crypto/tls wants it.
func (p Pair) KeyPair(t testing.TB) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(p.Certificate, p.Key)
	must(t, err)
	return pair
}
