// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package clientcert is about the certificates that clients show in TLS.
package clientcert

import (
	"crypto/tls"
	"crypto/x509"
)

// Certificate is a certificate that a caller showed in TLS, proved to have
// the key of, and that the listener's CAs verified. A nil Certificate is
// that of a caller who showed none; all methods may be called on it.
type Certificate struct {
	leaf *x509.Certificate
}

// Of returns the client certificate of a finished TLS handshake, nil
// where none was shown or nobody verified it. It keeps pointers to what the
// connection holds anyway, and no copy.
func Of(state *tls.ConnectionState) *Certificate {
	if len(state.VerifiedChains) == 0 {
		return nil
	}
	return &Certificate{leaf: state.PeerCertificates[0]}
}

// Leaf is the certificate itself.
func (c *Certificate) Leaf() *x509.Certificate {
	if c == nil {
		return nil
	}
	return c.leaf
}

// Serial is the serial number in lower-case hexadecimal, empty for none.
func (c *Certificate) Serial() string {
	if c == nil || c.leaf.SerialNumber == nil {
		return ""
	}
	return c.leaf.SerialNumber.Text(16)
}
