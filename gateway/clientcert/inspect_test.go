// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package clientcert_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// counting is a curve that counts the signatures which are checked with keys on
// it: crypto/ecdsa asks each time which curve it is.
type counting struct {
	elliptic.Curve

	asked *int
}

// Params implements elliptic.Curve.
func (c counting) Params() *elliptic.CurveParams {
	*c.asked++
	return c.Curve.Params()
}

// mint makes certificates whose use is counted.
type mint struct {
	t     *testing.T
	asked int
	next  int64
}

func (m *mint) key() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		m.t.Fatal(err)
	}
	return key
}

// make makes a certificate of subject, signed in the name of issuer. All of them
// differ, so that each counts as another step of a chain.
func (m *mint) make(subject, issuer string, key, by *ecdsa.PrivateKey, ca bool) *x509.Certificate {
	m.next++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(m.next), Subject: pkix.Name{CommonName: subject}, IsCA: ca, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		URIs: []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: fmt.Sprintf("/%d", m.next)}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, &x509.Certificate{Subject: pkix.Name{CommonName: issuer}}, &key.PublicKey, by)
	if err != nil {
		m.t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		m.t.Fatal(err)
	}
	public := certificate.PublicKey.(*ecdsa.PublicKey)
	public.Curve = counting{public.Curve, &m.asked}
	return certificate
}

// counted is how many signatures were checked while something was done.
func (m *mint) counted(do func()) int {
	m.t.Helper()
	key := m.key()
	parent := m.make("one", "one", key, key, true)
	m.asked = 0
	if err := m.make("two", "one", key, key, false).CheckSignatureFrom(parent); err != nil || m.asked == 0 {
		m.t.Fatalf("one signature: %v, asked %d times", err, m.asked)
	}
	each := m.asked
	m.asked = 0
	do()
	return m.asked / each
}

// anchors are the CAs of a listener; those in PEM are not counted.
func anchors(t *testing.T, cas ...*x509.Certificate) *clientcert.CAs {
	t.Helper()
	c := &contract.ClientCertificates{}
	for _, ca := range cas {
		c.Bundles = append(c.Bundles, contract.CABundle{
			ConfigMap: "partners", Key: "ca.crt", Certificates: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})),
		})
	}
	return clientcert.New(c, nil)
}

// Whoever can reach a listener can have a chain verified, before anything is known
// of them: what that may cost is bounded in signatures, not in time.
func TestWhatStrangersSendCostsFewSignatures(t *testing.T) {
	t.Parallel()
	m := &mint{t: t}
	root, own := m.key(), m.key()
	trusted := anchors(t, m.make("root", "root", root, root, true))
	// forged are CAs that have the name of the issuer, and have not signed.
	forged := func(count int) []*x509.Certificate {
		list := []*x509.Certificate{m.make("leaf", "a", own, root, false)}
		for range count {
			list = append(list, m.make("a", "a", own, root, true))
		}
		return list
	}
	// same have all signed each other, so that each way from one to the next is good.
	same := func(count int) []*x509.Certificate {
		list := []*x509.Certificate{m.make("leaf", "a", own, own, false)}
		for range count {
			list = append(list, m.make("a", "a", own, own, true))
		}
		return list
	}
	inTurn := []*x509.Certificate{m.make("leaf", "a", own, own, false)}
	for i := range 7 {
		inTurn = append(inTurn, m.make([]string{"a", "b"}[i%2], []string{"b", "a"}[i%2], own, own, true))
	}
	chain := []*x509.Certificate{m.make("leaf", "ca 6", own, own, false)}
	for i := 6; i > 0; i-- {
		chain = append(chain, m.make(fmt.Sprintf("ca %d", i), fmt.Sprintf("ca %d", i-1), own, own, true))
	}
	last := m.make("ca 0", "root", own, root, true)
	chain = append(chain, last)
	crossed := []*x509.Certificate{
		m.make("leaf", "b", own, own, false), m.make("b", "root", own, root, true), m.make("b", "ca 0", own, own, true), last,
	}
	for name, tt := range map[string]struct {
		sent []*x509.Certificate
		// most signatures, and whether they lead to the CA.
		most   int
		good   bool
		detail string
	}{
		"its own alone":                        {chain[:1], 0, false, "none of the listener's CAs"},
		"the longest chain":                    {chain, 7, true, ""},
		"an intermediate CA with two issuers":  {crossed, 3, true, ""},
		"150 of one name":                      {forged(150), 0, false, "more than 8 certificates"},
		"as many as may be":                    {forged(7), 0, false, "too many ways"},
		"as many, that have signed each other": {same(7), 0, false, "too many ways"},
		"two names in turn":                    {inTurn, 0, false, "too many ways"},
		"two of one name, in either order":     {same(2), 4, false, "none of the listener's CAs"},
	} {
		var err error
		got := m.counted(func() { _, err = clientcert.Show(tt.sent, trusted, time.Now()) })
		if got > tt.most || (tt.most > 0 && got == 0) {
			t.Errorf("%s: %d signatures were checked, want at most %d", name, got, tt.most)
		}
		if (err == nil) != tt.good || (err != nil && !strings.Contains(err.Error(), tt.detail)) {
			t.Errorf("%s: %v, want %q", name, err, tt.detail)
		}
	}
	// What is refused above is what crypto/x509 would have begun with.
	for name, tt := range map[string]struct {
		sent  []*x509.Certificate
		least int
	}{"150 of one name": {forged(150), 90}, "two names in turn": {inTurn, 30}} {
		pool := x509.NewCertPool()
		for _, one := range tt.sent[1:] {
			pool.AddCert(one)
		}
		got := m.counted(func() { _, _ = tt.sent[0].Verify(x509.VerifyOptions{Roots: trusted.Pool(), Intermediates: pool}) })
		t.Logf("%s: crypto/x509 checks %d signatures", name, got)
		if got < tt.least {
			t.Errorf("%s: crypto/x509 checks only %d signatures: is the bound still needed?", name, got)
		}
	}
}

// Whatever names and keys a stranger chooses, no more is checked than is said.
func TestNoChoiceOfNamesCostsMoreThanTheBound(t *testing.T) {
	t.Parallel()
	const most = 12
	m := &mint{t: t}
	keys := []*ecdsa.PrivateKey{m.key(), m.key()}
	names := []string{"a", "b", "c"}
	trusted := anchors(t, m.make("root", "root", keys[0], keys[0], true))
	checked := 0
	for seed := range 60 {
		sent := []*x509.Certificate{m.make("leaf", "a", keys[0], keys[0], false)}
		for i := range 2 + seed%6 {
			n := seed/3 + i*i*(seed%4+1)
			sent = append(sent, m.make(names[n%3], names[(n/2+seed)%3], keys[n%2], keys[(n+seed)%2], true))
		}
		var err error
		got := m.counted(func() { _, err = clientcert.Show(sent, trusted, time.Now()) })
		if err == nil {
			t.Errorf("%d: a stranger got in", seed)
		}
		if got > most {
			t.Errorf("%d: %d signatures were checked, want at most %d", seed, got, most)
		}
		checked = max(checked, got)
	}
	if checked < 5 {
		t.Errorf("at most %d signatures were checked, so that nothing was tried", checked)
	}
}
