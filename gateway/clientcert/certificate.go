// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package clientcert

import (
	"crypto/x509"
	"sync/atomic"
	"time"
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

// Of returns the first of the certificates that a client sent, which cas have
// verified by these chains; nil where none was sent or nobody verified it.
func Of(sent []*x509.Certificate, chains [][]*x509.Certificate, cas *CAs) *Certificate {
	if len(chains) == 0 || len(sent) == 0 {
		return nil
	}
	c := &Certificate{leaf: sent[0], above: sent[1:]}
	c.last.Store(&verdict{by: cas, until: until(chains)})
	return c
}

// Show verifies what a client sent, its own certificate first, and returns nil
// where that is nothing. In a TLS handshake it is called before the client has
// proved to have the key, and elsewhere for one that somebody only says to have.
// The error is an *outcome.Refusal.
func Show(sent []*x509.Certificate, cas *CAs, now time.Time) (*Certificate, error) {
	if len(sent) == 0 || cas == nil {
		return nil, nil //nolint:nilnil // a nil Certificate is that of a caller who shows none
	}
	chains, err := cas.verify(sent[0], sent[1:], now)
	if err != nil {
		return nil, err
	}
	return Of(sent, chains, cas), nil
}

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
