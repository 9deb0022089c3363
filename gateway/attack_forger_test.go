// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// forger signs whatever it is asked to.
type forger struct {
	certificate *x509.Certificate
	key         crypto.Signer
	// above are the certificates between this one and the root.
	above [][]byte
}

// forgerOf has the key of a CA.
func forgerOf(t *testing.T, ca *wstest.CA) *forger {
	t.Helper()
	self := ca.Self(t)
	block, _ := pem.Decode(self.Key)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return &forger{certificate: self.Leaf, key: key.(crypto.Signer)}
}

type alteration func(*x509.Certificate)

// sign makes a certificate for a key. A good client certificate is altered.
func (f *forger) sign(t *testing.T, public crypto.PublicKey, alterations ...alteration) []byte {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, alter := range alterations {
		alter(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, f.certificate, public, f.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// issue makes what a client shows in TLS, with a key of its own.
func (f *forger) issue(t *testing.T, alterations ...alteration) *tls.Certificate {
	t.Helper()
	return f.issueFor(t, freshKey(t), alterations...)
}

func (f *forger) issueFor(t *testing.T, key crypto.Signer, alterations ...alteration) *tls.Certificate {
	t.Helper()
	return &tls.Certificate{Certificate: append([][]byte{f.sign(t, key.Public(), alterations...)}, f.above...), PrivateKey: key}
}

// below is a CA below this one, altered.
func (f *forger) below(t *testing.T, key crypto.Signer, alterations ...alteration) *forger {
	t.Helper()
	der := f.sign(t, key.Public(), append([]alteration{func(c *x509.Certificate) {
		c.Subject, c.IsCA, c.BasicConstraintsValid = pkix.Name{CommonName: "intermediate CA"}, true, true
		c.KeyUsage, c.ExtKeyUsage = x509.KeyUsageCertSign, nil
	}}, alterations...)...)
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &forger{certificate: certificate, key: key, above: append([][]byte{der}, f.above...)}
}

func freshKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// pretender has a public key and signs with something else.
type pretender struct{ public crypto.PublicKey }

// Public implements crypto.Signer.
func (p pretender) Public() crypto.PublicKey { return p.public }

// Sign implements crypto.Signer.
func (p pretender) Sign(random io.Reader, _ []byte, _ crypto.SignerOpts) ([]byte, error) {
	signature := make([]byte, 256)
	_, err := io.ReadFull(random, signature)
	return signature, err
}

// modulus is a number of so many bits that could be that of an RSA key.
func modulus(t *testing.T, bits int) *rsa.PublicKey {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(bits-1)))
	if err != nil {
		t.Fatal(err)
	}
	return &rsa.PublicKey{N: n.SetBit(n.SetBit(n, bits-1, 1), 0, 1), E: 65537}
}

// Names that certificates of these tests are for.

func uris(names ...string) alteration {
	return func(c *x509.Certificate) {
		for _, name := range names {
			parsed, err := url.Parse(name)
			if err != nil {
				panic(err)
			}
			c.URIs = append(c.URIs, parsed)
		}
	}
}

func dnsNames(names ...string) alteration { return func(c *x509.Certificate) { c.DNSNames = names } }

func mailboxes(names ...string) alteration {
	return func(c *x509.Certificate) { c.EmailAddresses = names }
}

func subjectOf(organization, name string) alteration {
	return func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: name}
		if organization != "" {
			c.Subject.Organization = []string{organization}
		}
	}
}

// generalName puts one name in the form of the wire into a certificate: 2 is a DNS
// name, 6 a URI (RFC 5280 section 4.2.1.6).
func generalName(tag int, name string) alteration {
	return func(c *x509.Certificate) {
		value, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: []byte(name)}})
		if err != nil {
			panic(err)
		}
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: value})
	}
}

// ballast makes a certificate larger by so many bytes.
func ballast(size int) alteration {
	return func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1}, Value: make([]byte, size)})
	}
}
