// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package clientcert_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOnlyAVerifiedCertificateCounts(t *testing.T) {
	t.Parallel()
	leaf := &x509.Certificate{SerialNumber: big.NewInt(0xABC)}
	for name, tt := range map[string]struct {
		sent   []*x509.Certificate
		chains [][]*x509.Certificate
		serial string
	}{
		"none shown":             {},
		"shown and not verified": {sent: []*x509.Certificate{leaf}},
		"verified":               {[]*x509.Certificate{leaf}, [][]*x509.Certificate{{leaf}}, "abc"},
	} {
		got := clientcert.Of(tt.sent, tt.chains, nil)
		if got.Serial() != tt.serial || (got.Leaf() == leaf) != (tt.serial != "") {
			t.Errorf("%s: serial %q, certificate %v", name, got.Serial(), got.Leaf())
		}
	}
}

func TestASerialNumberIsBounded(t *testing.T) {
	t.Parallel()
	huge := new(big.Int).Lsh(big.NewInt(1), 100_000)
	if got := clientcert.Serial(&x509.Certificate{SerialNumber: huge}); len(got) != 40 {
		t.Errorf("%d digits", len(got))
	}
}

// trusting are CAs that trust these, through one ConfigMap each.
func trusting(previous *clientcert.CAs, cas ...*wstest.CA) *clientcert.CAs {
	c := &contract.ClientCertificates{}
	for _, ca := range cas {
		c.Bundles = append(c.Bundles, contract.CABundle{ConfigMap: "partners", Key: "ca.crt", Certificates: string(ca.PEM)})
	}
	return clientcert.New(c, previous)
}

// shown is a certificate that TLS has verified by cas.
func shown(t *testing.T, cas *clientcert.CAs, pair wstest.Pair) *clientcert.Certificate {
	t.Helper()
	var sent []*x509.Certificate
	for block, rest := pem.Decode(pair.Certificate); block != nil; block, rest = pem.Decode(rest) {
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, one)
	}
	certificate, err := clientcert.Show(sent, cas, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestACertificateIsJudgedByOtherCAsAsTLSWould(t *testing.T) {
	t.Parallel()
	old, other := wstest.NewCA(t), wstest.NewCA(t)
	pair := old.Intermediate(t).IssueClient(t, func(*x509.Certificate) {})
	short := old.Renewed(t, 10*time.Minute)
	for name, tt := range map[string]struct {
		cas    *clientcert.CAs
		reason outcome.Reason
		until  time.Time
	}{
		"the same CA in another list": {trusting(nil, other, old), "", pair.Leaf.NotAfter},
		"another CA":                  {trusting(nil, other), outcome.ClientCertificateInvalid, time.Time{}},
		"the CA renewed, for less":    {trusting(nil, short), "", time.Now().Add(10 * time.Minute)},
		"no CA":                       {trusting(nil), outcome.ClientCertificateInvalid, time.Time{}},
		"a CA is missing": {
			cas:    clientcert.New(&contract.ClientCertificates{Fault: contract.FaultClientCAUnavailable}, nil),
			reason: outcome.ClientCAUnavailable,
		},
	} {
		until, err := tt.cas.Verify(shown(t, trusting(nil, old), pair), time.Now())
		if d := until.Sub(tt.until); d < -2*time.Second || d > 2*time.Second {
			t.Errorf("%s: good until %v, want %v", name, until, tt.until)
		}
		refusal, _ := errors.AsType[*outcome.Refusal](err)
		if (err == nil) != (tt.reason == "") || err != nil && refusal.Reason != tt.reason {
			t.Errorf("%s: %v, want %q", name, err, tt.reason)
		}
	}
}

func TestAnExpiredCertificateIsLeftToItsEnd(t *testing.T) {
	t.Parallel()
	old, other := wstest.NewCA(t), wstest.NewCA(t)
	certificate := shown(t, trusting(nil, old), old.IssueClient(t, func(*x509.Certificate) {}))
	late := time.Now().Add(2 * time.Hour)
	if until, err := trusting(nil, other, old).Verify(certificate, late); err != nil || !until.Equal(certificate.Leaf().NotAfter) {
		t.Errorf("within the grace after its end: %v, %v", until, err)
	}
	if _, err := trusting(nil, other).Verify(certificate, late); err == nil {
		t.Error("within the grace, a CA that was taken away still vouches for it")
	}
}

func TestCAsThatAreNotInOrder(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	good := trusting(nil, ca)
	broken := &contract.ClientCertificates{Bundles: []contract.CABundle{{ConfigMap: "partners", Key: "ca.crt", Certificates: "SECRET"}}}
	for name, tt := range map[string]struct {
		cas             *clientcert.CAs
		now             time.Time
		empty, complete bool
		message         string // of the problem, empty for none
		serving         bool
	}{
		"in order":                 {cas: good, complete: true},
		"malformed":                {cas: clientcert.New(broken, nil), empty: true, message: "ConfigMap \"partners\""},
		"malformed, and good once": {cas: clientcert.New(broken, good), message: "key \"ca.crt\"", serving: true},
		"malformed twice":          {cas: clientcert.New(broken, clientcert.New(broken, good)), message: "repair", serving: true},
		"expired":                  {cas: good, now: time.Now().Add(2 * time.Hour), complete: true, message: "1 of the 1 CAs"},
		"one of two expired": {
			cas: trusting(nil, ca, ca.Renewed(t, 5*time.Hour)), now: time.Now().Add(2 * time.Hour),
			complete: true, message: "1 of the 2 CAs", serving: true,
		},
	} {
		if tt.now.IsZero() {
			tt.now = time.Now()
		}
		if tt.cas.Empty() != tt.empty || tt.cas.Complete() != tt.complete || tt.cas.Pool() == nil {
			t.Errorf("%s: empty %v, complete %v, pool %v", name, tt.cas.Empty(), tt.cas.Complete(), tt.cas.Pool())
		}
		problems := tt.cas.Problems("public", tt.now)
		if len(problems) == 0 && tt.message == "" {
			continue
		}
		if len(problems) != 1 || tt.message == "" || !strings.Contains(problems[0].Message, tt.message) || problems[0].Serving != tt.serving ||
			problems[0].Listener != "public" || strings.Contains(problems[0].Message, "SECRET") {
			t.Errorf("%s: problems %+v", name, problems)
		}
	}
	if again := trusting(good, ca); again != good {
		t.Error("equal CAs are not taken for the same")
	}
}
