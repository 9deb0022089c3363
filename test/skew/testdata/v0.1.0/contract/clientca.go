// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Bounds of the CAs that a listener trusts to certify its clients.
const (
	// MaxClientCABundles is how many ConfigMaps a listener may name.
	MaxClientCABundles = 8
	// MaxClientCAs of a listener, over all its bundles. Their names go to every
	// client that begins a handshake, whoever it is.
	MaxClientCAs = 64
	// maxCANameBytes keeps the names of MaxClientCAs below the 64 KiB that TLS has
	// room for (RFC 8446 section 4.2.4): one byte more, and no handshake succeeds.
	maxCANameBytes = 512
	minCAKeyBits   = 2048
)

// ErrNoCertificates means that a bundle holds nothing.
var ErrNoCertificates = errors.New("there is no certificate in PEM in it")

// ParseClientCAs judges a bundle of CAs that certify clients: PEM blocks of
// certificates, each of a CA that may sign certificates. It does not look at the
// time, and its errors quote nothing of the content. Both planes use it, so that
// a pod takes what the operator took.
func ParseClientCAs(bundle string) ([]*x509.Certificate, error) {
	var cas []*x509.Certificate
	rest := []byte(bundle)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return cas, wholeBundle(bundle, len(cas))
		}
		if block.Type != pemCertificate {
			return nil, fmt.Errorf("block %d is no certificate: only CERTIFICATE blocks belong here", len(cas))
		}
		if len(cas) == MaxClientCAs {
			return nil, fmt.Errorf("there are more than %d CAs in it", MaxClientCAs)
		}
		ca, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("block %d is no certificate that can be read", len(cas))
		}
		if err := checkCA(ca); err != nil {
			return nil, fmt.Errorf("certificate %d %w", len(cas), err)
		}
		cas = append(cas, ca)
	}
}

const pemCertificate = "CERTIFICATE"

// wholeBundle finds blocks that pem.Decode has passed over, such as a truncated
// one: a bundle that trusts fewer CAs than it seems to is a broken one.
func wholeBundle(bundle string, count int) error {
	begun := strings.Count(bundle, "-----BEGIN ")
	switch {
	case begun != count:
		return fmt.Errorf("of %d PEM blocks only %d can be read", begun, count)
	case count == 0:
		return ErrNoCertificates
	}
	return nil
}

// checkCA refuses what crypto/x509 would take as an anchor of trust without a
// question: in a pool of roots it lets even a server's certificate vouch for
// itself.
func checkCA(ca *x509.Certificate) error {
	public, isRSA := ca.PublicKey.(*rsa.PublicKey)
	switch {
	case !ca.BasicConstraintsValid || !ca.IsCA:
		return errors.New("is not that of a CA: put the certificate of the CA there, not one that it has issued")
	case ca.KeyUsage != 0 && ca.KeyUsage&x509.KeyUsageCertSign == 0:
		return errors.New("is of a CA that may not sign certificates (key usage)")
	case isRSA && public.N.BitLen() < minCAKeyBits:
		return fmt.Errorf("has an RSA key of fewer than %d bits", minCAKeyBits)
	case len(ca.RawSubject) > maxCANameBytes:
		return fmt.Errorf("has a subject of more than %d bytes", maxCANameBytes)
	case ca.PublicKeyAlgorithm == x509.UnknownPublicKeyAlgorithm:
		return errors.New("has a key of a kind that no certificate can be checked with")
	}
	return nil
}

// EncodeClientCAs writes CAs in PEM without anything around them.
func EncodeClientCAs(cas []*x509.Certificate) string {
	var bundle strings.Builder
	for _, ca := range cas {
		bundle.Write(pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: ca.Raw}))
	}
	return bundle.String()
}
