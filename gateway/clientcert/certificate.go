// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package clientcert

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Certificate is a certificate that a caller showed in TLS, proved to have the
// key of, and that the listener's CAs verified. A nil Certificate is that of a
// caller who showed none; all methods may be called on it. It is safe for
// concurrent use.
type Certificate struct {
	// leaf and above are what the client sent. They are public, the TLS connection
	// holds them for as long as it lives, and here they are not copied.
	leaf  *x509.Certificate
	above []*x509.Certificate
	// last is the newest verdict in its favour.
	last atomic.Pointer[verdict]
}

// verdict says by which CAs a certificate was found good, and until when.
type verdict struct {
	by    *CAs
	until time.Time
}

// Of returns the client certificate of a finished TLS handshake that was verified
// by cas; nil where none was shown or nobody verified it.
func Of(state *tls.ConnectionState, cas *CAs) *Certificate {
	if len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return nil
	}
	c := &Certificate{leaf: state.PeerCertificates[0], above: state.PeerCertificates[1:]}
	c.last.Store(&verdict{by: cas, until: until(state.VerifiedChains)})
	return c
}

// Show is what becomes of certificates, that of the client first, which somebody
// only says to have: nobody has proved to have the key. The error is an
// *outcome.Refusal.
func Show(certificates []*x509.Certificate, cas *CAs, now time.Time) (*Certificate, error) {
	if len(certificates) == 0 || cas == nil {
		return nil, nil //nolint:nilnil // a nil Certificate is that of a caller who shows none
	}
	c := &Certificate{leaf: certificates[0], above: certificates[1:]}
	fresh, err := cas.verify(c, now)
	if err != nil {
		return nil, err
	}
	c.last.Store(fresh)
	return c, nil
}

// Inspect looks at what a client sent, its own certificate first, apart from who
// has signed it: how many there are, and whether their keys can be relied on.
// crypto/x509 counts a chain as good whose keys others may have worked out. The
// error is an *outcome.Refusal.
func Inspect(sent []*x509.Certificate) error {
	if len(sent) > MaxShown {
		return outcome.Refuse(outcome.ClientCertificateInvalid, "more than %d certificates were sent", MaxShown)
	}
	for _, one := range sent {
		if public, ok := one.PublicKey.(*rsa.PublicKey); ok && public.N.BitLen() < minRSABits {
			return outcome.Refuse(outcome.ClientCertificateInvalid,
				"the certificate, or one sent with it, has an RSA key of fewer than %d bits", minRSABits)
		}
	}
	return nil
}

// minRSABits is what CAs of clients and certificates of listeners need, too.
const minRSABits = 2048

// Leaf is the certificate itself.
func (c *Certificate) Leaf() *x509.Certificate {
	if c == nil {
		return nil
	}
	return c.leaf
}

// Serial is the serial number in lower-case hexadecimal without leading zeros,
// empty for none.
func (c *Certificate) Serial() string { return Serial(c.Leaf()) }

// Serial is the serial number of a certificate in lower-case hexadecimal without
// leading zeros, empty for none. RFC 5280 section 4.1.2.2 allows 20 octets; of
// what is longer the first 40 digits are told.
func Serial(leaf *x509.Certificate) string {
	if leaf == nil || leaf.SerialNumber == nil {
		return ""
	}
	digits := leaf.SerialNumber.Text(16)
	return digits[:min(len(digits), maxSerialDigits)]
}

const maxSerialDigits = 40

// Until is when the certificate, or a CA above it, expires; zero for none.
func (c *Certificate) Until() time.Time {
	if c == nil {
		return time.Time{}
	}
	return c.last.Load().until
}

// until is when the last of several chains becomes invalid. Each of them is as
// good as its certificate that expires first.
func until(chains [][]*x509.Certificate) time.Time {
	var latest time.Time
	for _, chain := range chains {
		var earliest time.Time
		for _, one := range chain {
			if earliest.IsZero() || one.NotAfter.Before(earliest) {
				earliest = one.NotAfter
			}
		}
		if earliest.After(latest) {
			latest = earliest
		}
	}
	return latest
}
