// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package clientcert

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net/url"
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

// URIs are those among the subject alternative names, in the spelling of
// CanonicalURI.
func URIs(leaf *x509.Certificate) []string {
	names := make([]string, 0, len(leaf.URIs))
	for _, uri := range leaf.URIs {
		names = append(names, CanonicalURI(uri))
	}
	return names
}

// DNSNames are those among the subject alternative names, in lower case (RFC 4343).
func DNSNames(leaf *x509.Certificate) []string {
	names := make([]string, 0, len(leaf.DNSNames))
	for _, name := range leaf.DNSNames {
		names = append(names, strings.ToLower(name))
	}
	return names
}

// Mailboxes are the e-mail addresses among the subject alternative names, in the
// spelling of CanonicalMailbox.
func Mailboxes(leaf *x509.Certificate) []string {
	names := make([]string, 0, len(leaf.EmailAddresses))
	for _, name := range leaf.EmailAddresses {
		names = append(names, CanonicalMailbox(name))
	}
	return names
}

// CanonicalURI writes a URI with its host in lower case: of all that rules and
// revocations compare, it alone knows no case (RFC 3986 section 6.2.2.1).
func CanonicalURI(uri *url.URL) string {
	lower := *uri
	lower.Host = strings.ToLower(uri.Host)
	return lower.String()
}

// CanonicalMailbox writes a mailbox with its domain in lower case. What stands
// before the sign belongs to whoever runs the mail there.
func CanonicalMailbox(mailbox string) string {
	if at := strings.IndexByte(mailbox, '@'); at >= 0 {
		return mailbox[:at] + strings.ToLower(mailbox[at:])
	}
	return mailbox
}
