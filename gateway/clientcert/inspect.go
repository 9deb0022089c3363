// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package clientcert

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// What a client may send, be it its certificate or anything: it is verified before
// the client has proved to have a key, so each stranger can have it done.
const (
	// MaxShown bounds the certificates. Chains have two or three.
	MaxShown = 8
	// maxLinks bounds the signatures that may have to be checked among them. A
	// chain of MaxShown has seven. But few certificates whose names lead from each
	// to each can be put together in many ways, and crypto/x509 goes on until it
	// has made a hundred attempts.
	maxLinks = 12
	// maxAboveBytes bounds what is sent beside the client's own certificate:
	// constraints on names are compared with names. crypto/tls takes 256 KiB of all.
	maxAboveBytes = 32 << 10
	// minRSABits is what CAs of clients and certificates of listeners need, too.
	minRSABits = 2048
)

// inspect looks at what a client sent apart from who has signed it: how many there
// are, how large, and whether their keys can be relied on, since
// crypto/x509 counts a chain as good whose keys others may have worked out. The
// error is an *outcome.Refusal.
func inspect(leaf *x509.Certificate, above []*x509.Certificate) error {
	const invalid = outcome.ClientCertificateInvalid
	if 1+len(above) > MaxShown {
		return outcome.Refuse(invalid, "more than %d certificates were sent", MaxShown)
	}
	size, weak := 0, tooShort(leaf)
	for _, one := range above {
		size, weak = size+len(one.Raw), weak || tooShort(one)
	}
	switch {
	case size > maxAboveBytes:
		return outcome.Refuse(invalid, "the certificates above that of the client have more than %d KiB", maxAboveBytes>>10)
	case weak:
		return outcome.Refuse(invalid, "the certificate, or one sent with it, has an RSA key of fewer than %d bits", minRSABits)
	case links(leaf, above, make([]bool, len(above)), 0) > maxLinks:
		return outcome.Refuse(invalid, "the certificates that were sent can be put together in too many ways: send one chain")
	}
	return nil
}

func tooShort(certificate *x509.Certificate) bool {
	public, ok := certificate.PublicKey.(*rsa.PublicKey)
	return ok && public.N.BitLen() < minRSABits
}

// links counts the signatures that crypto/x509 may check among what was sent: it
// tries each certificate that has the name of an issuer, and goes on from each
// whose signature is good, which may be all. It counts on from a number, and no
// further than to one more than maxLinks.
func links(child *x509.Certificate, above []*x509.Certificate, taken []bool, from int) int {
	for i, parent := range above {
		if from > maxLinks {
			break
		}
		if taken[i] || !bytes.Equal(parent.RawSubject, child.RawIssuer) {
			continue
		}
		taken[i] = true
		from = links(parent, above, taken, from+1)
		taken[i] = false
	}
	return from
}
