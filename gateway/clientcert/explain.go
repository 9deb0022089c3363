// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package clientcert

import (
	"crypto/x509"
	"errors"
	"time"
)

// unknownAuthority tells whether a chain leads to none of the CAs.
func unknownAuthority(err error) bool {
	_, ok := errors.AsType[x509.UnknownAuthorityError](err)
	return ok
}

// explain says in fixed words what crypto/x509 found: its own words quote names
// that a stranger has chosen.
func explain(err error) string {
	if unknownAuthority(err) {
		return "none of the listener's CAs has signed the certificate, or an intermediate certificate was not sent"
	}
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	if !ok {
		return "the certificate cannot be verified"
	}
	switch invalid.Reason {
	case x509.Expired:
		if invalid.Cert == nil {
			return "the certificate has expired, or is not valid yet"
		}
		return "the certificate, or a CA above it, is valid only from " + invalid.Cert.NotBefore.UTC().Format(time.RFC3339) +
			" to " + invalid.Cert.NotAfter.UTC().Format(time.RFC3339)
	case x509.IncompatibleUsage:
		return "the certificate is not meant for clients: its extended key usage, or that of a CA above it, lacks client auth"
	case x509.NotAuthorizedToSign:
		return "the certificate is signed by one that is not that of a CA"
	case x509.TooManyIntermediates, x509.TooManyConstraints:
		return "the chain of the certificate is too long"
	case x509.CANotAuthorizedForThisName, x509.NameConstraintsWithoutSANs, x509.UnconstrainedName:
		return "the certificate has a name that its CA may not certify"
	default:
		return "the certificate cannot be verified"
	}
}
