// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// certificateMethod accepts callers who showed a client certificate in TLS. That
// a CA has signed it was checked there; who it is for is checked here.
type certificateMethod struct {
	policy   string
	from     string
	patterns []string
}

func newCertificateMethod(policy string, c *contract.ClientCertificate) *certificateMethod {
	m := &certificateMethod{policy: policy, from: c.IdentityFrom}
	for _, pattern := range c.Patterns {
		m.patterns = append(m.patterns, lower(pattern, c.IdentityFrom))
	}
	return m
}

// lower writes the part of a name or pattern in lower case that knows no case.
func lower(name, from string) string {
	switch from {
	case contract.IdentityFromDNS:
		return strings.ToLower(name)
	case contract.IdentityFromEmail:
		return clientcert.CanonicalMailbox(name)
	}
	return name
}

// Authenticate implements Authenticator.
func (m *certificateMethod) Authenticate(_ context.Context, r *Request) (Identity, error) {
	if r.Certificate == nil {
		return Identity{}, ErrNoCredential
	}
	name, err := m.admit(r.Certificate)
	if err != nil {
		return Identity{}, err
	}
	issuer, err := clientcert.DistinguishedName(r.Certificate.RawIssuer)
	if err != nil {
		return Identity{}, outcome.Refuse(outcome.BadCredential, "issuer of the client certificate: %v", err)
	}
	return Identity{
		Policy: m.policy, Method: MethodClientCertificate, Issuer: issuer, Subject: name,
		Claims: map[string]any{"sub": name}, ExpiresAt: r.CertificateExpires,
		Proof: &Proof{method: MethodClientCertificate, source: certificatePlace(), id: name, certificate: r.Certificate},
	}, nil
}

// admit returns the name in a certificate that the policy lets in.
func (m *certificateMethod) admit(leaf *x509.Certificate) (string, error) {
	name, err := nameIn(leaf, m.from)
	if err != nil {
		return "", outcome.Refuse(outcome.BadCredential, "client certificate: %v", err)
	}
	fits := func(pattern string) bool { return nameFits(pattern, name, m.from) }
	if len(m.patterns) > 0 && !slices.ContainsFunc(m.patterns, fits) {
		return "", outcome.Refuse(outcome.BadCredential, "client certificate of somebody whom the policy does not list")
	}
	return name, nil
}

// certificatePlace is no place of a request: no other method looks there.
func certificatePlace() contract.Source { return contract.Source{Header: "TLS client certificate"} }

func (m *certificateMethod) reads(source contract.Source) bool { return source == certificatePlace() }

func (m *certificateMethod) reconsider(proof *Proof) (judged bool, err error) {
	if proof.method != MethodClientCertificate {
		return false, nil
	}
	name, err := m.admit(proof.certificate)
	switch {
	case err != nil:
		return true, err
	case name != proof.id:
		// The backend, the limits and the revocations know the caller by a name
		// that nobody would have any more.
		return true, outcome.Refuse(outcome.BadCredential, "the policy takes another name from the client certificate now")
	}
	return true, nil
}

// nameIn returns who a certificate is for. Two names of the wanted kind are no
// name: nobody could say by which of them the caller is to be judged, and whoever
// gets the choice takes the better one.
func nameIn(leaf *x509.Certificate, from string) (string, error) {
	var names []string
	switch from {
	case contract.IdentityFromURI:
		for _, uri := range leaf.URIs {
			if !uri.IsAbs() || uri.User != nil {
				return "", errors.New("its URI is not absolute, or holds a user")
			}
			names = append(names, clientcert.CanonicalURI(uri))
		}
	case contract.IdentityFromDNS:
		names = leaf.DNSNames
	case contract.IdentityFromEmail:
		names = leaf.EmailAddresses
	case contract.IdentityFromSubject:
		return clientcert.DistinguishedName(leaf.RawSubject)
	}
	if len(names) != 1 {
		return "", fmt.Errorf("it has %d names in %s, and exactly one is needed", len(names), from)
	}
	return canonicalName(names[0], from)
}

// canonicalName gives a name the one spelling that is compared, counted and
// revoked: DNS names, also those of mailboxes and URIs, know no case (RFC 4343).
func canonicalName(name, from string) (string, error) {
	if name == "" || len(name) > clientcert.MaxNameBytes || strings.Contains(name, "*") ||
		strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("its name in %s is empty, too long, a wildcard, or holds a character that has no place there", from)
	}
	switch from {
	case contract.IdentityFromDNS:
		if !isDNSName(name) {
			return "", fmt.Errorf("its name in %s is no DNS name", from)
		}
	case contract.IdentityFromEmail:
		mailbox, domain, ok := strings.Cut(name, "@")
		if !ok || mailbox == "" || !isDNSName(domain) {
			return "", fmt.Errorf("its name in %s is no mailbox", from)
		}
	}
	return lower(name, from), nil
}

func isDNSName(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || strings.ContainsFunc(label, func(r rune) bool {
			letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
			return !letter && (r < '0' || r > '9') && r != '-' && r != '_'
		}) {
			return false
		}
	}
	return true
}

// nameFits compares a name with a pattern, whose star stands for one part of it:
// a star that went over the borders of parts would let in whoever may choose the
// part in front of them.
func nameFits(pattern, name, from string) bool {
	before, behind, wildcard := strings.Cut(pattern, "*")
	if !wildcard {
		return pattern == name
	}
	part, ok := strings.CutPrefix(name, before)
	if !ok || len(part) <= len(behind) {
		return false
	}
	part, ok = strings.CutSuffix(part, behind)
	return ok && !strings.ContainsAny(part, borders(from))
}

// borders are the characters that part a name of a kind.
func borders(from string) string {
	switch from {
	case contract.IdentityFromURI:
		return ":/?#@"
	case contract.IdentityFromDNS:
		return "."
	case contract.IdentityFromEmail:
		return "@"
	}
	return ",+=\\"
}
