// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package certs judges the TLS pairs of listeners: a pair that clients could
// not use never replaces one that they can.
package certs

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

const (
	minRSABits = 2048
	// clockSkew is how far a new certificate may lie in the future: the issuer's
	// clock may be ahead of the pod's.
	clockSkew = 5 * time.Minute
)

// Files reads the mounted Secrets. A Secret or key that is missing is
// fs.ErrNotExist.
type Files interface {
	Read(secret, key string) ([]byte, error)
	List(secret string) ([]string, error)
}

// Served is the pair that a listener serves. It is immutable.
type Served struct {
	// The certificate holds its private key.
	secret.Sealed

	// Certificate has its Leaf parsed.
	Certificate *tls.Certificate
	// Report describes the leaf.
	Report contract.CertificateReport
}

// Covers tells whether the pair is good for any of the hostnames.
func (s *Served) Covers(hostnames []string) bool {
	return len(missing(s.Certificate.Leaf, hostnames)) < len(hostnames)
}

// Load returns what a listener shall serve from now on: the pair in its Secret
// if that is good, else previous, which may be nil. problem says what is wrong
// with the pair in the Secret; nil if nothing is.
func Load(l *contract.Listener, previous *Served, files Files, now time.Time) (served *Served, problem *contract.ReportProblem) {
	candidate, fault := load(l, files, now)
	if fault == nil && previous != nil {
		fault = worse(candidate, previous, l.Hostnames, now)
	}
	if fault == nil {
		return candidate, partial(l, candidate)
	}
	p := fault.problem
	p.Listener, p.Secret = l.Name, l.CertificateSecret
	p.Serving = previous != nil
	return previous, &p
}

// fault is a ReportProblem on its way up.
type fault struct{ problem contract.ReportProblem }

func invalid(key, format string, args ...any) *fault {
	return &fault{contract.ReportProblem{
		Reason: contract.ProblemSecretInvalid, Key: key, Message: fmt.Sprintf(format, args...),
	}}
}

func load(l *contract.Listener, files Files, now time.Time) (*Served, *fault) {
	if _, err := files.List(l.CertificateSecret); err != nil {
		return nil, unreadable(err, l.CertificateSecret, "")
	}
	certificate, err := files.Read(l.CertificateSecret, contract.TLSCertificateKey)
	if err != nil {
		return nil, unreadable(err, l.CertificateSecret, contract.TLSCertificateKey)
	}
	key, err := files.Read(l.CertificateSecret, contract.TLSPrivateKeyKey)
	if err != nil {
		return nil, unreadable(err, l.CertificateSecret, contract.TLSPrivateKeyKey)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		// crypto/tls says what is wrong without quoting the key.
		return nil, invalid("", "the certificate and key cannot be used together: %v", err)
	}
	if f := judge(pair.Leaf, l.Hostnames, now); f != nil {
		return nil, f
	}
	return &Served{Certificate: &pair, Report: report(pair.Leaf)}, nil
}

func unreadable(err error, secret, key string) *fault {
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		return invalid(key, "Secret %q cannot be read: %v", secret, err)
	case key == "":
		return &fault{contract.ReportProblem{
			Reason:  contract.ProblemSecretNotFound,
			Message: fmt.Sprintf("Secret %q does not exist or is not mounted yet", secret),
		}}
	}
	return &fault{contract.ReportProblem{
		Reason: contract.ProblemSecretKeyNotFound, Key: key,
		Message: fmt.Sprintf("Secret %q has no key %q", secret, key),
	}}
}

func judge(leaf *x509.Certificate, hostnames []string, now time.Time) *fault {
	if public, ok := leaf.PublicKey.(*rsa.PublicKey); ok && public.N.BitLen() < minRSABits {
		return invalid(contract.TLSCertificateKey, "the RSA key has %d bits, fewer than the %d that clients accept", public.N.BitLen(), minRSABits)
	}
	if len(leaf.ExtKeyUsage) > 0 && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny) {
		return invalid(contract.TLSCertificateKey, "the certificate is not meant for servers: its extended key usage lacks server auth")
	}
	switch {
	case now.After(leaf.NotAfter):
		return invalid(contract.TLSCertificateKey, "the certificate expired at %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Add(clockSkew).Before(leaf.NotBefore):
		return invalid(contract.TLSCertificateKey, "the certificate is valid only from %s on", leaf.NotBefore.UTC().Format(time.RFC3339))
	case len(missing(leaf, hostnames)) == len(hostnames):
		return invalid(contract.TLSCertificateKey, "the certificate is for none of the listener's hostnames (%s)", strings.Join(hostnames, ", "))
	}
	return nil
}

// worse tells why a good pair must not replace the one that is served: it would
// take names away that clients can use now.
func worse(candidate, previous *Served, hostnames []string, now time.Time) *fault {
	if now.After(previous.Report.NotAfter) {
		return nil
	}
	had := missing(previous.Certificate.Leaf, hostnames)
	for _, name := range missing(candidate.Certificate.Leaf, hostnames) {
		if !slices.Contains(had, name) {
			return invalid(contract.TLSCertificateKey, "the new certificate lacks hostname %q, which the one in use has", name)
		}
	}
	return nil
}

// partial reports hostnames that the served pair does not cover. They are
// usually those that have just been added; the pair is served meanwhile.
func partial(l *contract.Listener, served *Served) *contract.ReportProblem {
	names := missing(served.Certificate.Leaf, l.Hostnames)
	if len(names) == 0 {
		return nil
	}
	return &contract.ReportProblem{
		Listener: l.Name, Reason: contract.ProblemSecretInvalid,
		Secret: l.CertificateSecret, Key: contract.TLSCertificateKey, Serving: true,
		Message: "the certificate lacks hostnames of the listener: " + strings.Join(names, ", "),
	}
}

func missing(leaf *x509.Certificate, hostnames []string) []string {
	var names []string
	for _, hostname := range hostnames {
		// A wildcard is covered only by the same wildcard. Any label shows it.
		if leaf.VerifyHostname(strings.Replace(hostname, "*", "any-label", 1)) != nil {
			names = append(names, hostname)
		}
	}
	return names
}

func report(leaf *x509.Certificate) contract.CertificateReport {
	sum := sha256.Sum256(leaf.Raw)
	return contract.CertificateReport{
		SerialNumber: leaf.SerialNumber.Text(16),
		SHA256:       hex.EncodeToString(sum[:]),
		NotBefore:    leaf.NotBefore.UTC(),
		NotAfter:     leaf.NotAfter.UTC(),
		DNSNames:     leaf.DNSNames,
	}
}
