// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// askFor has a listener ask for certificates of the CAs.
func askFor(required bool, cas ...*wstest.CA) *contract.ClientCertificates {
	asked := &contract.ClientCertificates{Required: required}
	for _, ca := range cas {
		asked.Bundles = append(asked.Bundles, contract.CABundle{ConfigMap: "partners", Key: "ca.crt", Certificates: string(ca.PEM)})
	}
	return asked
}

// byCertificate is a policy of certificates alone, for clients that are no pages.
func byCertificate(from string, patterns ...string) contract.Policy {
	return contract.Policy{
		Name:            "partners",
		Methods:         []contract.Method{{ClientCertificate: &contract.ClientCertificate{IdentityFrom: from, Patterns: patterns}}},
		Origins:         &contract.Origins{Allow: []string{"https://app.example.com"}, AllowMissing: true},
		IdentityHeaders: []contract.IdentityHeader{{Name: "X-Partner", Claim: "sub"}},
	}
}

// withCertificates has the public listener ask for certificates of the CAs, and
// the route take the identity from their URI.
func withCertificates(required bool, cas ...*wstest.CA) func(*contract.Config) {
	return func(c *contract.Config) {
		c.Listeners[0].ClientCertificates = askFor(required, cas...)
		c.Policies = []contract.Policy{byCertificate(contract.IdentityFromURI)}
		c.Routes[0].Policy = "partners"
	}
}

// workload issues a certificate for a URI.
func workload(t *testing.T, ca *wstest.CA, uri string) wstest.Pair {
	t.Helper()
	return ca.IssueClient(t, named(t, uri))
}

func named(t *testing.T, uris ...string) func(*x509.Certificate) {
	t.Helper()
	return func(c *x509.Certificate) {
		for _, uri := range uris {
			parsed, err := url.Parse(uri)
			if err != nil {
				t.Fatal(err)
			}
			c.URIs = append(c.URIs, parsed)
		}
	}
}

// with shows a pair, whatever CAs the server names.
func with(t *testing.T, pair wstest.Pair) func(*tls.Config) {
	t.Helper()
	loaded, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *tls.Config) {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &loaded, nil }
	}
}

// join opens a connection with a certificate.
func (r *running) join(t *testing.T, pair wstest.Pair, header ...string) *websocket.Conn {
	t.Helper()
	d := r.dialer("public")
	d.TLS, d.Header = with(t, pair), http.Header{}
	for i := 0; i < len(header); i += 2 {
		d.Header.Set(header[i], header[i+1])
	}
	return d.MustDial(t, chatURL)
}

const alice = "spiffe://example.com/ns/shop/alice"

// A client with several certificates chooses by the names of the CAs.
func TestClientsAreToldWhichCAsAListenerTrusts(t *testing.T) {
	ca := wstest.NewCA(t)
	name := forgerOf(t, ca).certificate.RawSubject
	r, _ := startBase(t, withCertificates(false, ca))
	defer r.end(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		var told [][]byte
		d := r.dialer("public")
		d.TLS = func(c *tls.Config) {
			c.MaxVersion = version
			c.GetClientCertificate = func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
				told = asked.AcceptableCAs
				return &tls.Certificate{}, nil
			}
		}
		if _, response, err := d.Dial(t.Context(), chatURL); response == nil || response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: without a certificate: %v", tls.VersionName(version), err)
		}
		if len(told) != 1 || !bytes.Equal(told[0], name) {
			t.Errorf("%s: told %q, want the name %q", tls.VersionName(version), told, name)
		}
	}
}

func TestOnlyCertificatesThatTheCAsVouchForGetIn(t *testing.T) {
	t.Parallel()
	ca, other := wstest.NewCA(t), wstest.NewCA(t)
	below := ca.Intermediate(t)
	foreign := workload(t, other, alice)
	alone := workload(t, below, alice)
	alone.Certificate = alone.Certificate[:strings.Index(string(alone.Certificate), "-----END CERTIFICATE-----")+26]
	deep := ca
	for range 9 {
		deep = deep.Intermediate(t)
	}
	tests := map[string]struct {
		pair   *wstest.Pair
		reason outcome.Reason // of the refusal, empty for none
		detail string
		alert  string
	}{
		"none":                         {nil, outcome.ClientCertificateRequired, "showed no certificate", "certificate required"},
		"one of the CA":                {pair: new(workload(t, ca, alice))},
		"one of an intermediate CA":    {pair: new(workload(t, below, alice))},
		"the intermediate is not sent": {&alone, outcome.ClientCertificateInvalid, "intermediate", "bad certificate"},
		"one of another CA":            {&foreign, outcome.ClientCertificateInvalid, "none of the listener's CAs", "bad certificate"},
		"one that signed itself":       {new(wstest.NewCA(t).Self(t)), outcome.ClientCertificateInvalid, "none of the listener's CAs", "bad certificate"},
		"an expired one": {new(ca.IssueClient(t, func(c *x509.Certificate) {
			named(t, alice)(c)
			c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)
		})), outcome.ClientCertificateInvalid, "valid only from", "bad certificate"},
		"one of tomorrow": {new(ca.IssueClient(t, func(c *x509.Certificate) {
			named(t, alice)(c)
			c.NotBefore = time.Now().Add(30 * time.Minute)
		})), outcome.ClientCertificateInvalid, "valid only from", "bad certificate"},
		"one for servers": {new(ca.IssueClient(t, func(c *x509.Certificate) {
			named(t, alice)(c)
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		})), outcome.ClientCertificateInvalid, "lacks client auth", "bad certificate"},
		"a chain of ten": {new(workload(t, deep, alice)), outcome.ClientCertificateInvalid, "more than 8 certificates", "bad certificate"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := startBase(t, withCertificates(true, ca))
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				d := r.dialer("public")
				d.TLS = func(c *tls.Config) {
					c.MaxVersion = version
					if test.pair != nil {
						with(t, *test.pair)(c)
					}
				}
				alert := test.alert
				if version == tls.VersionTLS12 && alert == "certificate required" {
					alert = "handshake failure"
				}
				conn, _, err := d.Dial(t.Context(), chatURL)
				switch {
				case err == nil && test.reason == "":
					_ = conn.Close()
				case err == nil || test.reason == "" || !strings.Contains(err.Error(), alert):
					t.Errorf("%s: %v, want the alert %q", tls.VersionName(version), err, alert)
				}
			}
			r.end(t)
			denied := r.audit.records(t, "denied")
			if test.reason != "" && len(denied) != 2 {
				t.Errorf("%d records, want 2", len(denied))
			}
			for _, record := range denied {
				if record.Reason != test.reason || !strings.Contains(record.Message, test.detail) || record.Listener != "public" {
					t.Errorf("record %v, want %s with %q", record, test.reason, test.detail)
				}
				if test.pair == &foreign && !strings.EqualFold(record.CertificateSerial, foreign.Leaf.SerialNumber.Text(16)) {
					t.Errorf("the record does not tell of the certificate: %v", record)
				}
			}
		})
	}
}

func TestACertificateIsAnIdentity(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	r, echo := startBase(t, withCertificates(true, ca))
	pair := ca.IssueClient(t, func(c *x509.Certificate) {
		named(t, alice)(c)
		c.Subject = pkix.Name{CommonName: "alice\u202e\x1b[2J"}
	})
	conn := r.join(t, pair, "X-Partner", "mallory")
	if got := echo.Requests()[0].Header.Get("X-Partner"); got != alice {
		t.Errorf("the backend was told %q", got)
	}
	_ = conn.Close()
	r.end(t)
	record := r.audit.records(t, "opened")[0]
	for field, values := range map[string][2]string{
		"method": {record.Method, "clientCertificate"}, "subject": {record.Subject, alice}, "issuer": {record.Issuer, "CN=throw-away CA"},
		"serial of the certificate":  {record.CertificateSerial, strings.ToUpper(pair.Leaf.SerialNumber.Text(16))},
		"issuer of the certificate":  {record.CertificateIssuer, "CN=throw-away CA"},
		"subject of the certificate": {record.CertificateSubject, "CN=alice\ufffd\ufffd[2J"},
	} {
		if values[0] != values[1] {
			t.Errorf("%s is %q, want %q", field, values[0], values[1])
		}
	}
}

func TestAnOptionalCertificateLeavesOtherMethods(t *testing.T) {
	t.Parallel()
	i, ca := newIssuer(t), wstest.NewCA(t)
	r, _ := startBase(t, func(c *contract.Config) {
		withTokens(t, i)(c)
		c.Listeners[0].ClientCertificates = askFor(false, ca)
		method := contract.Method{ClientCertificate: &contract.ClientCertificate{IdentityFrom: contract.IdentityFromURI}}
		c.Policies[0].Methods = append([]contract.Method{method}, c.Policies[0].Methods...)
	})
	r.root.Secret(t, "keys", map[string][]byte{"device-1": []byte(aKey)})
	until(t, func() string {
		if response, _ := r.ask(t, "ws.example.com", request("X-API-Key: "+aKey)); response.StatusCode != http.StatusSwitchingProtocols {
			return "the API key is not known yet"
		}
		return ""
	})
	_ = r.open(t, "Authorization", "Bearer "+i.token(t, time.Hour))
	if response, _ := r.ask(t, "ws.example.com", request()); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("nothing shown: status %d", response.StatusCode)
	}
	_ = r.join(t, workload(t, ca, alice))
	for name, pair := range map[string]wstest.Pair{
		"of another CA": workload(t, wstest.NewCA(t), alice), "without a URI": ca.IssueClient(t, named(t)),
	} {
		d := r.dialer("public")
		d.TLS, d.Header = with(t, pair), http.Header{"Authorization": {"Bearer " + i.token(t, time.Hour)}}
		if _, _, err := d.Dial(t.Context(), chatURL); err == nil {
			t.Errorf("a certificate %s was passed over", name)
		}
	}
}

func TestNoHostLeadsAroundTheListenerThatAsksForCertificates(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	server := wstest.NewCA(t)
	echo, root := wstest.Echo(t), wstest.NewRoot(t)
	config := baseConfig()
	config.Listeners[0].Hostnames = []string{"ws.example.com"}
	guarded := config.Listeners[0]
	guarded.Name, guarded.Hostnames, guarded.ClientCertificates = "other", []string{"guarded.example.com"}, askFor(true, ca)
	config.Listeners = append(config.Listeners, guarded)
	config.Routes[0].Hostnames = []string{"ws.example.com", "guarded.example.com"}
	root.TLSSecret(t, "public-tls", server.Issue(t, "ws.example.com", "guarded.example.com"))
	root.Config(t, config, endpoints(echo.Address))
	r := start(t, root, server, nil)
	response, _ := r.ask(t, "ws.example.com", request("Host: guarded.example.com"))
	if response.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("status %d, want 421", response.StatusCode)
	}
	d := r.dialer("other")
	if _, _, err := d.Dial(t.Context(), "wss://guarded.example.com/chat"); err == nil {
		t.Error("the guarded listener let somebody in without a certificate")
	}
	d.TLS = with(t, workload(t, ca, alice))
	_ = d.MustDial(t, "wss://guarded.example.com/chat")
	// The name moves to the listener that asks: who came in by the other is out.
	stays := r.dialer("other").MustDial(t, chatURL)
	config.Listeners[0].Hostnames, config.Listeners[1].Hostnames = []string{"free.example.com"}, []string{"guarded.example.com", "ws.example.com"}
	r.put(t, echo, config)
	lost(t, map[string]*websocket.Conn{"without": stays}, "without")
}
