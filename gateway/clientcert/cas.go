// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package clientcert

import (
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// CAs are those that a listener trusts to certify its clients. They do not change
// and are safe for concurrent use.
type CAs struct {
	bundles []contract.CABundle
	all     []*x509.Certificate
	pool    *x509.CertPool
	// missing is true when a bundle is not there and never was.
	missing bool
	// unreadable says what is wrong with the bundles that should be in force; kept
	// is true when those before them stand in.
	unreadable error
	kept       bool
}

// New makes the CAs of a listener. previous are those in force, or nil: they are
// returned when nothing has changed, so that what they have verified stays so;
// and where a bundle is malformed its predecessors stay in force.
func New(c *contract.ClientCertificates, previous *CAs) *CAs {
	cas := &CAs{bundles: c.Bundles, missing: c.Fault != "", pool: x509.NewCertPool()}
	if previous != nil && previous.unreadable == nil && previous.missing == cas.missing && slices.Equal(previous.bundles, cas.bundles) {
		return previous
	}
	for i := range c.Bundles {
		parsed, err := contract.ParseClientCAs(c.Bundles[i].Certificates)
		if err != nil {
			return cas.broken(fmt.Errorf("key %q of ConfigMap %q: %w", c.Bundles[i].Key, c.Bundles[i].ConfigMap, err), previous)
		}
		cas.all = append(cas.all, parsed...)
	}
	for _, ca := range cas.all {
		cas.pool.AddCert(ca)
	}
	return cas
}

func (c *CAs) broken(err error, previous *CAs) *CAs {
	c.unreadable, c.all = err, nil
	if previous != nil {
		c.kept, c.all, c.pool = len(previous.all) > 0, previous.all, previous.pool
	}
	return c
}

// Pool holds the CAs. It is never nil, which crypto/tls takes for the CAs of the
// operating system; and it must not be changed.
func (c *CAs) Pool() *x509.CertPool { return c.pool }

// Empty is true when there is no CA at all, so that no certificate can be good.
func (c *CAs) Empty() bool { return len(c.all) == 0 }

// Complete is false while a bundle is missing or malformed: then nobody can tell
// whether a certificate without a known CA is bad.
func (c *CAs) Complete() bool { return !c.missing && c.unreadable == nil }

// Verify tells until when a certificate is good by these CAs. What they, or CAs
// equal to them, have verified is not verified again. An expired one is judged as
// of its last moment: its connection has been told when to end, grace included,
// and a CA that was taken away in the meantime ends it at once. The error is an
// *outcome.Refusal.
func (c *CAs) Verify(shown *Certificate, now time.Time) (time.Time, error) {
	last := shown.last.Load()
	if last.by == c {
		return last.until, nil
	}
	if now.After(last.until) {
		now = last.until
	}
	chains, err := c.verify(shown.leaf, shown.above, now)
	if err != nil {
		return time.Time{}, err
	}
	fresh := &verdict{by: c, until: until(chains)}
	shown.last.Store(fresh)
	return fresh.until, nil
}

// verify asks crypto/x509 what crypto/tls asks it where it verifies clients
// itself, and before that what it would cost to ask.
func (c *CAs) verify(leaf *x509.Certificate, above []*x509.Certificate, now time.Time) ([][]*x509.Certificate, error) {
	if err := inspect(leaf, above); err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, one := range above {
		pool.AddCert(one)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots: c.pool, Intermediates: pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, c.refuse(err)
	}
	return chains, nil
}

// refuse returns the refusal for what crypto/x509 found wrong with a certificate.
func (c *CAs) refuse(err error) *outcome.Refusal {
	reason := outcome.ClientCertificateInvalid
	if !c.Complete() && unknownAuthority(err) {
		reason = outcome.ClientCAUnavailable
	}
	return outcome.Refuse(reason, "%s", explain(err))
}

// Problems says what is wrong with the CAs of a listener at a time.
func (c *CAs) Problems(listener string, now time.Time) []contract.ReportProblem {
	problem := contract.ReportProblem{Listener: listener, Reason: contract.ProblemClientCAInvalid, Serving: c.kept}
	if c.unreadable != nil {
		problem.Message = fmt.Sprintf("the CAs of clients cannot be used: %v: repair the content", c.unreadable)
		return []contract.ReportProblem{problem}
	}
	var expired []*x509.Certificate
	for _, ca := range c.all {
		if now.After(ca.NotAfter) {
			expired = append(expired, ca)
		}
	}
	if len(expired) == 0 {
		return nil
	}
	problem.Serving = len(expired) < len(c.all)
	problem.Message = fmt.Sprintf("%d of the %d CAs of clients have expired, serial number %s at %s: nobody is let in by them, replace them",
		len(expired), len(c.all), Serial(expired[0]), expired[0].NotAfter.UTC().Format(time.RFC3339))
	return []contract.ReportProblem{problem}
}
