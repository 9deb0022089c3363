// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

const bob = "spiffe://example.com/ns/shop/bob"

// partnership is a gateway with its configuration and its backend.
type partnership struct {
	*running

	config contract.Config
	echo   *wstest.Upstream
}

// partners is a gateway with a connection of each kind: by certificates of two
// CAs, and by tokens beside them where the listener requires none.
func partners(t *testing.T, required bool, i *issuer, old, fresh *wstest.CA) (*partnership, map[string]*websocket.Conn) {
	t.Helper()
	r, echo := startBase(t, nil)
	config := baseConfig()
	withTokens(t, i)(&config)
	config.Policies[0].Methods = []contract.Method{
		config.Policies[0].Methods[0],
		{ClientCertificate: &contract.ClientCertificate{IdentityFrom: contract.IdentityFromURI}},
	}
	config.Listeners[0].ClientCertificates = askFor(required, old, fresh)
	r.put(t, echo, config)
	both := func(uri string) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			named(t, uri)(c)
			c.DNSNames = []string{"node-1.example.com"}
		}
	}
	token := "Bearer " + i.token(t, time.Hour)
	conns := map[string]*websocket.Conn{
		"old alice": r.join(t, old.IssueClient(t, both(alice))), "fresh bob": r.join(t, fresh.Intermediate(t).IssueClient(t, both(bob))),
		"old with token": r.join(t, old.IssueClient(t, both(alice)), "Authorization", token),
	}
	if !required {
		conns["bare with token"] = r.open(t, "Authorization", token)
	}
	return &partnership{running: r, config: config, echo: echo}, conns
}

func TestAChangeOfCertificateRulesClosesExactlyThoseThatItConcerns(t *testing.T) {
	t.Parallel()
	i, old, fresh := newIssuer(t), wstest.NewCA(t), wstest.NewCA(t)
	asks := func(c *contract.Config) *contract.ClientCertificates { return c.Listeners[0].ClientCertificates }
	method := func(c *contract.Config) *contract.ClientCertificate {
		return c.Policies[0].Methods[1].ClientCertificate
	}
	without := func(c *contract.Config) { asks(c).Bundles = asks(c).Bundles[1:] }
	for name, tt := range map[string]struct {
		required bool
		change   func(*contract.Config)
		lost     []string
	}{
		"a CA taken out where certificates are required": {true, without, []string{"old"}},
		"a CA taken out where they are optional":         {false, without, []string{"old alice"}},
		"a CA added": {true, func(c *contract.Config) {
			asks(c).Bundles = append(asks(c).Bundles, askFor(true, wstest.NewCA(t)).Bundles...)
		}, nil},
		"a CA renewed": {true, func(c *contract.Config) {
			asks(c).Bundles = askFor(true, old.Renewed(t, 2*time.Hour), fresh).Bundles
		}, nil},
		"a bundle that is missing": {true, func(c *contract.Config) {
			without(c)
			asks(c).Fault = contract.FaultClientCAUnavailable
		}, nil},
		"all bundles missing": {true, func(c *contract.Config) {
			asks(c).Bundles, asks(c).Fault = nil, contract.FaultClientCAUnavailable
		}, nil},
		"a malformed bundle":    {true, func(c *contract.Config) { asks(c).Bundles[0].Certificates = "gone" }, nil},
		"required from now on":  {false, func(c *contract.Config) { asks(c).Required = true }, []string{"bare"}},
		"optional from now on":  {true, func(c *contract.Config) { asks(c).Required = false }, nil},
		"no certificates asked": {true, func(c *contract.Config) { c.Listeners[0].ClientCertificates = nil }, []string{"alice", "bob"}},
		"another pattern":       {true, func(c *contract.Config) { method(c).Patterns = []string{"spiffe://example.com/ns/*/bob"} }, []string{"alice"}},
		"another name":          {true, func(c *contract.Config) { method(c).IdentityFrom = contract.IdentityFromDNS }, []string{"alice", "bob"}},
		"no method for them":    {true, func(c *contract.Config) { c.Policies[0].Methods = c.Policies[0].Methods[:1] }, []string{"alice", "bob"}},
		"and those within are kept": {true, func(c *contract.Config) {
			without(c)
			c.KeepAdmitted = true
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, conns := partners(t, tt.required, i, old, fresh)
			tt.change(&r.config)
			r.put(t, r.echo, r.config)
			lost(t, conns, tt.lost...)
		})
	}
}

func TestAMissingCARefusesAndAMalformedOneDoesNot(t *testing.T) {
	t.Parallel()
	i, old, fresh := newIssuer(t), wstest.NewCA(t), wstest.NewCA(t)
	r, _ := partners(t, true, i, old, fresh)
	config, echo := r.config, r.echo
	d := r.dialer("public")
	d.TLS = with(t, workload(t, old, alice))
	good := config.Listeners[0].ClientCertificates.Bundles
	config.Listeners[0].ClientCertificates = &contract.ClientCertificates{Required: true, Fault: contract.FaultClientCAUnavailable, Bundles: good[1:]}
	r.put(t, echo, config)
	if _, _, err := d.Dial(t.Context(), chatURL); err == nil {
		t.Error("let in by a CA that is missing")
	}
	_ = r.join(t, workload(t, fresh, bob))
	config.Listeners[0].ClientCertificates = &contract.ClientCertificates{Required: true, Fault: contract.FaultClientCAUnavailable}
	r.put(t, echo, config)
	if _, _, err := d.Dial(t.Context(), chatURL); err == nil {
		t.Error("let in without any CA")
	}
	config.Listeners[0].ClientCertificates = askFor(true, old)
	r.put(t, echo, config)
	broken := *config.Listeners[0].ClientCertificates
	broken.Bundles = []contract.CABundle{{ConfigMap: "partners", Key: "ca.crt", Certificates: "-----BEGIN CERTIFICATE-----\n"}}
	config.Listeners[0].ClientCertificates = &broken
	r.put(t, echo, config)
	_ = r.join(t, workload(t, old, alice))
	if p := r.report(t).Problems; len(p) != 1 || p[0].Reason != contract.ProblemClientCAInvalid || p[0].Listener != "public" || !p[0].Serving {
		t.Errorf("problems %+v", p)
	}
	r.end(t)
	for _, record := range r.audit.records(t, "denied") {
		if record.Reason != outcome.ClientCAUnavailable || record.Listener != "public" {
			t.Errorf("record %v", record)
		}
	}
}

func TestACertificateEndsItsConnections(t *testing.T) {
	t.Parallel()
	const lifetime = 8 * time.Second
	i, old, fresh := newIssuer(t), wstest.NewCA(t), wstest.NewCA(t)
	for _, required := range []bool{true, false} {
		r, _ := partners(t, required, i, old, fresh)
		short := old.IssueClient(t, func(c *x509.Certificate) {
			named(t, alice)(c)
			c.NotAfter = time.Now().Add(lifetime)
		})
		ends := short.Leaf.NotAfter
		byCertificate, byToken := r.join(t, short), r.join(t, short, "Authorization", "Bearer "+i.token(t, time.Hour))
		for _, conn := range []*websocket.Conn{byCertificate, byToken} {
			if conn == byToken && !required {
				// It has a reason to stay, and does.
				if err := echoOnce(conn); err != nil {
					t.Errorf("the connection by a token that needed no certificate: %v", err)
				}
				continue
			}
			_ = conn.SetReadDeadline(ends.Add(patience))
			if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, outcome.CodeUnauthorized) || time.Now().Before(ends) {
				t.Errorf("required %v: ended with %v, %v before its certificate", required, err, time.Until(ends))
			}
		}
	}
}

func TestNoSessionOutlivesTheCAThatLetItIn(t *testing.T) {
	t.Parallel()
	old, fresh := wstest.NewCA(t), wstest.NewCA(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		r, echo := startBase(t, withCertificates(true, old))
		d := r.dialer("public")
		cache := tls.NewLRUClientSessionCache(8)
		resumed := false
		d.TLS = func(c *tls.Config) {
			with(t, workload(t, old, alice))(c)
			c.MaxVersion, c.ClientSessionCache = version, cache
			c.VerifyConnection = func(state tls.ConnectionState) error {
				resumed = resumed || state.DidResume
				return nil
			}
		}
		for range 2 {
			if err := echoOnce(d.MustDial(t, chatURL)); err != nil {
				t.Fatal(err)
			}
		}
		config := baseConfig()
		withCertificates(true, fresh)(&config)
		r.put(t, echo, config)
		if _, _, err := d.Dial(t.Context(), chatURL); err == nil {
			t.Errorf("%s: a session from before the change got in", tls.VersionName(version))
		}
		if resumed {
			t.Errorf("%s: a session was resumed", tls.VersionName(version))
		}
	}
}
