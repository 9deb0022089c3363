// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package certs_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/gateway/certs"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secrets are Secrets in memory.
type secrets map[string]map[string][]byte

func (s secrets) Read(secret, key string) ([]byte, error) {
	if data, ok := s[secret][key]; ok {
		return data, nil
	}
	return nil, fs.ErrNotExist
}

func (s secrets) List(secret string) ([]string, error) {
	if s[secret] == nil {
		return nil, fs.ErrNotExist
	}
	return []string{}, nil
}

// broken cannot be read at all.
type broken struct{}

func (broken) Read(string, string) ([]byte, error) { return nil, errors.New("input/output error") }
func (broken) List(string) ([]string, error)       { return []string{}, nil }

func holding(pair wstest.Pair) secrets {
	return secrets{"tls": {contract.TLSCertificateKey: pair.Certificate, contract.TLSPrivateKeyKey: pair.Key}}
}

func listenerFor(hostnames ...string) *contract.Listener {
	return &contract.Listener{Name: "public", Hostnames: hostnames, CertificateSecret: "tls"}
}

func newKey(t *testing.T, generate func() (crypto.Signer, error)) crypto.Signer {
	t.Helper()
	key, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func p256() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

func TestAPairIsServedOnlyIfClientsCanUseIt(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	names := func(c *x509.Certificate) { c.DNSNames = []string{"ws.example.com"} }
	good := ca.Issue(t, "ws.example.com")
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		files  certs.Files
		reason contract.ProblemReason
		key    string
		says   string
	}{
		"ECDSA P-256": {files: holding(good)},
		"RSA 2048":    {files: holding(ca.IssueWith(t, newKey(t, func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }), names))},
		"Ed25519": {files: holding(ca.IssueWith(t, newKey(t, func() (crypto.Signer, error) {
			_, key, err := ed25519.GenerateKey(rand.Reader)
			return key, err
		}), names))},
		"P-521": {files: holding(ca.IssueWith(t, newKey(t, func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P521(), rand.Reader) }), names))},
		"a chain and comments": {files: secrets{"tls": {
			contract.TLSCertificateKey: append(append([]byte("subject=x\r\n"), good.Certificate...), ca.PEM...),
			contract.TLSPrivateKeyKey:  good.Key,
		}}},
		"valid a minute from now": {files: holding(ca.IssueWith(t, newKey(t, p256), func(c *x509.Certificate) {
			names(c)
			c.NotBefore = time.Now().Add(time.Minute)
		}))},

		"no Secret":      {files: secrets{}, reason: contract.ProblemSecretNotFound, says: "does not exist"},
		"no certificate": {files: secrets{"tls": {contract.TLSPrivateKeyKey: good.Key}}, reason: contract.ProblemSecretKeyNotFound, key: "tls.crt", says: "no key"},
		"no key":         {files: secrets{"tls": {contract.TLSCertificateKey: good.Certificate}}, reason: contract.ProblemSecretKeyNotFound, key: "tls.key", says: "no key"},
		"unreadable":     {files: broken{}, reason: contract.ProblemSecretInvalid, key: "tls.crt", says: "cannot be read"},
		"empty files": {
			files:  secrets{"tls": {contract.TLSCertificateKey: {}, contract.TLSPrivateKeyKey: {}}},
			reason: contract.ProblemSecretInvalid, says: "cannot be used together",
		},
		"truncated": {
			files:  secrets{"tls": {contract.TLSCertificateKey: good.Certificate[:200], contract.TLSPrivateKeyKey: good.Key}},
			reason: contract.ProblemSecretInvalid, says: "cannot be used together",
		},
		"key of another": {
			files:  secrets{"tls": {contract.TLSCertificateKey: good.Certificate, contract.TLSPrivateKeyKey: ca.Issue(t, "ws.example.com").Key}},
			reason: contract.ProblemSecretInvalid, says: "cannot be used together",
		},
		"encrypted key": {
			files: secrets{"tls": {contract.TLSCertificateKey: good.Certificate, contract.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{
				Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x"),
			})}},
			reason: contract.ProblemSecretInvalid, says: "cannot be used together",
		},
		"RSA 1024": {files: holding(ca.IssueWith(t, small, names)), reason: contract.ProblemSecretInvalid, key: "tls.crt", says: "1024 bits"},
		"expired": {files: holding(ca.IssueWith(t, newKey(t, p256), func(c *x509.Certificate) {
			names(c)
			c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Second)
		})), reason: contract.ProblemSecretInvalid, key: "tls.crt", says: "expired"},
		"valid an hour from now": {files: holding(ca.IssueWith(t, newKey(t, p256), func(c *x509.Certificate) {
			names(c)
			c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
		})), reason: contract.ProblemSecretInvalid, key: "tls.crt", says: "only from"},
		"for clients only": {files: holding(ca.IssueWith(t, newKey(t, p256), func(c *x509.Certificate) {
			names(c)
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		})), reason: contract.ProblemSecretInvalid, key: "tls.crt", says: "server auth"},
		"other name": {files: holding(ca.Issue(t, "other.example.com")), reason: contract.ProblemSecretInvalid, key: "tls.crt", says: "none of the listener's hostnames"},
		"common name only": {files: holding(ca.IssueWith(t, newKey(t, p256), func(c *x509.Certificate) {
			c.Subject.CommonName = "ws.example.com"
		})), reason: contract.ProblemSecretInvalid, key: "tls.crt", says: "none of the listener's hostnames"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			served, problem := certs.Load(listenerFor("ws.example.com"), nil, test.files, time.Now())
			if test.reason == "" {
				if problem != nil || served == nil || served.Certificate.Leaf == nil {
					t.Fatalf("served %v, problem %+v", served, problem)
				}
				return
			}
			if served != nil || problem == nil {
				t.Fatalf("served %v, problem %+v", served, problem)
			}
			if problem.Reason != test.reason || problem.Key != test.key || problem.Secret != "tls" || problem.Listener != "public" || problem.Serving {
				t.Errorf("problem %+v", problem)
			}
			if !strings.Contains(problem.Message, test.says) || strings.Contains(problem.Message, "PRIVATE KEY-----") {
				t.Errorf("message %q", problem.Message)
			}
			// With a last good pair, that one stays and the problem says so.
			previous, _ := certs.Load(listenerFor("ws.example.com"), nil, holding(good), time.Now())
			if again, problem := certs.Load(listenerFor("ws.example.com"), previous, test.files, time.Now()); again != previous || problem == nil || !problem.Serving {
				t.Errorf("the last good pair was given up: %+v", problem)
			}
		})
	}
}

func TestAWildcardIsCoveredByTheSameWildcardOnly(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	for san, want := range map[string]bool{"*.chat.example.com": true, "a.chat.example.com": false, "*.example.com": false, "chat.example.com": false} {
		served, _ := certs.Load(listenerFor("*.chat.example.com"), nil, holding(ca.Issue(t, san)), time.Now())
		if (served != nil) != want {
			t.Errorf("%s: served %v", san, served != nil)
		}
	}
}

func TestAPairThatLacksANewHostnameIsServedAndReported(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	files := holding(ca.Issue(t, "ws.example.com"))
	for name, previous := range map[string]bool{"at the start": false, "after a hostname was added": true} {
		var before *certs.Served
		if previous {
			before, _ = certs.Load(listenerFor("ws.example.com"), nil, files, time.Now())
		}
		served, problem := certs.Load(listenerFor("ws.example.com", "new.example.com"), before, files, time.Now())
		if served == nil || problem == nil || !problem.Serving || !strings.Contains(problem.Message, "new.example.com") {
			t.Errorf("%s: served %v, problem %+v", name, served, problem)
		}
	}
}

func TestAnExpiredLastGoodPairGivesWayToOneWithFewerNames(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	l := listenerFor("ws.example.com", "old.example.com")
	previous, _ := certs.Load(l, nil, holding(ca.Issue(t, "ws.example.com", "old.example.com")), time.Now())
	key := newKey(t, p256)
	longer := ca.IssueWith(t, key, func(c *x509.Certificate) {
		c.DNSNames, c.NotAfter = []string{"ws.example.com"}, time.Now().Add(3*time.Hour)
	})
	if served, problem := certs.Load(l, previous, holding(longer), time.Now()); served != previous || problem == nil {
		t.Errorf("while valid: %+v", problem)
	}
	if served, _ := certs.Load(l, previous, holding(longer), time.Now().Add(2*time.Hour)); served == previous {
		t.Error("an expired pair is kept although a valid one is there")
	}
}
