// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package clientcert

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxNameBytes bounds what of a certificate becomes an identity: URIs of workloads
// have hundreds of bytes, and whatever is longer would be kept by every
// connection.
const MaxNameBytes = 1024

// DistinguishedName writes a name as RFC 2253 says, from what was signed:
// pkix.Name, which crypto/x509 offers, brings the parts into an order of its own,
// so that different names would look the same.
func DistinguishedName(raw []byte) (string, error) {
	name, err := readName(raw)
	if err != nil {
		return "", err
	}
	if name == "" || len(name) > MaxNameBytes || !utf8.ValidString(name) ||
		strings.ContainsFunc(name, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return "", errors.New("its distinguished name is empty, too long, or holds a character that cannot be shown")
	}
	return name, nil
}

// readName also bounds the work: escaping makes a name at most a few times longer.
func readName(raw []byte) (string, error) {
	var parts pkix.RDNSequence
	if len(raw) > 2*MaxNameBytes {
		return "", errors.New("its distinguished name is too long")
	}
	if rest, err := asn1.Unmarshal(raw, &parts); err != nil || len(rest) > 0 {
		return "", errors.New("its distinguished name cannot be read")
	}
	return parts.String(), nil
}

// Names are subject and issuer for a record, empty where they cannot be read. They
// may hold anything: who writes them down has to make them fit to be shown.
func Names(leaf *x509.Certificate) (subject, issuer string) {
	if leaf == nil {
		return "", ""
	}
	// What cannot be read is no loss: the serial number is told as well.
	subject, _ = readName(leaf.RawSubject)
	issuer, _ = readName(leaf.RawIssuer)
	return subject, issuer
}
