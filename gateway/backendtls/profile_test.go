// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package backendtls_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/backendtls"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

const name = "chat.default.svc"

// secrets are the mounted Secrets.
type secrets map[string]map[string][]byte

func (s secrets) Read(secret, key string) ([]byte, error) {
	data, ok := s[secret][key]
	if !ok {
		return nil, fmt.Errorf("%s of %s: %w", key, secret, fs.ErrNotExist)
	}
	return data, nil
}

func (s secrets) List(secret string) ([]string, error) {
	if s[secret] == nil {
		return nil, fmt.Errorf("%s: %w", secret, fs.ErrNotExist)
	}
	return slices.Collect(maps.Keys(s[secret])), nil
}

func pairOf(p wstest.Pair) map[string][]byte {
	return map[string][]byte{contract.TLSCertificateKey: p.Certificate, contract.TLSPrivateKeyKey: p.Key}
}

func bundle(ca *wstest.CA) []contract.CABundle {
	return []contract.CABundle{{ConfigMap: "ca", Key: "ca.crt", Certificates: string(ca.PEM)}}
}

func build(c *contract.BackendTLS, files secrets, previous *backendtls.Profile) (*backendtls.Profile, *contract.ReportProblem) {
	c.Name = "inside"
	return backendtls.New(c, backendtls.Options{ServerNames: []string{name}, Previous: previous, Files: files, Now: time.Now})
}

func TestTheConfigurationVerifies(t *testing.T) {
	t.Parallel()
	p, problem := build(&contract.BackendTLS{Bundles: bundle(wstest.NewCA(t))}, nil, nil)
	config := p.Config(name)
	if problem != nil || config == nil || !p.Usable() {
		t.Fatalf("not usable: %v", problem)
	}
	if config.InsecureSkipVerify || config.ServerName != name || config.RootCAs == nil || config.MinVersion != tls.VersionTLS12 {
		t.Errorf("server name %q, roots %v", config.ServerName, config.RootCAs)
	}
	for _, suite := range tls.InsecureCipherSuites() {
		if slices.Contains(config.CipherSuites, suite.ID) {
			t.Errorf("offers %s", suite.Name)
		}
	}
	if p.Config("another.example.com") != nil {
		t.Error("there is a configuration for a name that nobody has asked for")
	}
}

func TestWithoutBundlesThePublicCAsAreTrusted(t *testing.T) {
	t.Parallel()
	p, _ := build(&contract.BackendTLS{}, nil, nil)
	if p.Config(name).RootCAs != nil {
		t.Error("roots of its own")
	}
}

func TestABundleThatCannotBeReadTrustsNobody(t *testing.T) {
	t.Parallel()
	p, _ := build(&contract.BackendTLS{Bundles: []contract.CABundle{{Certificates: "no certificate"}}}, nil, nil)
	if roots := p.Config(name).RootCAs; roots == nil || !roots.Equal(x509.NewCertPool()) {
		t.Error("somebody is trusted")
	}
}

func TestWhatIsWrongWithAClientCertificate(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	good, second := ca.IssueClient(t, func(*x509.Certificate) {}), ca.IssueClient(t, func(*x509.Certificate) {})
	aged := ca.IssueClient(t, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	})
	early := ca.IssueClient(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(10 * time.Minute) })
	for name, test := range map[string]struct {
		files map[string][]byte
		want  contract.ReportProblem
	}{
		"no Secret": {nil, contract.ReportProblem{Reason: contract.ProblemSecretNotFound, Message: `Secret "client" does not exist or is not mounted yet`}},
		"an empty Secret": {map[string][]byte{}, contract.ReportProblem{
			Reason: contract.ProblemSecretNotFound, Message: `Secret "client" does not exist or is not mounted yet`,
		}},
		"no key": {map[string][]byte{contract.TLSCertificateKey: good.Certificate}, contract.ReportProblem{
			Reason: contract.ProblemSecretKeyNotFound, Key: contract.TLSPrivateKeyKey, Message: `Secret "client" has no key "tls.key"`,
		}},
		"the key of another": {map[string][]byte{contract.TLSCertificateKey: good.Certificate, contract.TLSPrivateKeyKey: second.Key}, contract.ReportProblem{
			Reason: contract.ProblemSecretInvalid, Message: "the certificate and key cannot be used together: tls: private key does not match public key",
		}},
		"expired": {pairOf(aged), contract.ReportProblem{
			Reason: contract.ProblemSecretInvalid, Key: contract.TLSCertificateKey, Message: "the certificate expired at " + aged.Leaf.NotAfter.UTC().Format(time.RFC3339),
		}},
		"not valid yet": {pairOf(early), contract.ReportProblem{
			Reason: contract.ProblemSecretInvalid, Key: contract.TLSCertificateKey,
			Message: "the certificate is valid only from " + early.Leaf.NotBefore.UTC().Format(time.RFC3339) + " on",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &contract.BackendTLS{CertificateSecret: "client", Bundles: bundle(ca)}
			test.want.BackendTLS, test.want.Secret = "inside", "client"
			p, problem := build(c, secrets{"client": test.files}, nil)
			if diff := cmp.Diff(&test.want, problem); diff != "" || p.Usable() || p.Config("chat.default.svc") != nil {
				t.Errorf("usable %t, problem (-want +got):\n%s", p.Usable(), diff)
			}
			previous, _ := build(c, secrets{"client": pairOf(good)}, nil)
			p, problem = build(c, secrets{"client": test.files}, previous)
			test.want.Serving = true
			if diff := cmp.Diff(&test.want, problem); diff != "" || !p.Usable() {
				t.Errorf("after it was good: usable %t, problem (-want +got):\n%s", p.Usable(), diff)
			}
			if shown, _ := p.Config("chat.default.svc").GetClientCertificate(nil); shown == nil || !shown.Leaf.Equal(good.Leaf) {
				t.Error("the last good one is not shown")
			}
		})
	}
}

// Whoever resumes a session is not verified again.
func TestSessionsAreKeptAsLongAsNothingChangesThatTheyWereVerifiedBy(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	client := func() secrets { return secrets{"client": pairOf(ca.IssueClient(t, func(*x509.Certificate) {}))} }
	files := client()
	c := contract.BackendTLS{CertificateSecret: "client", Bundles: bundle(ca)}
	first, _ := build(&c, files, nil)
	same, _ := build(&c, files, first)
	if same.Config(name) != first.Config(name) {
		t.Error("sessions are forgotten although nothing has changed")
	}
	renewed, _ := build(&c, client(), same)
	if renewed.Config(name).ClientSessionCache == same.Config(name).ClientSessionCache {
		t.Error("sessions of another client certificate are resumed")
	}
	if shown, _ := renewed.Config(name).GetClientCertificate(nil); shown == nil {
		t.Error("nothing is shown")
	}
	c.Bundles = bundle(wstest.NewCA(t))
	distrusting, _ := build(&c, files, same)
	if distrusting.Config(name).ClientSessionCache == same.Config(name).ClientSessionCache {
		t.Error("sessions of a server that is not trusted any more are resumed")
	}
}

func TestNoProfileIsNotUsable(t *testing.T) {
	t.Parallel()
	var none *backendtls.Profile
	if none.Usable() || none.Config(name) != nil {
		t.Error("something would be sent")
	}
}
