// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"crypto/x509"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// tokensFrom is a gateway for tokens, whose listener asks for certificates and
// requires none, and whose rules read them.
func tokensFrom(t *testing.T, i *issuer, when string, cas ...*wstest.CA) *partnership {
	t.Helper()
	r, echo := startBase(t, nil)
	config := baseConfig()
	withTokens(t, i)(&config)
	config.Policies[0].Methods = config.Policies[0].Methods[:1]
	config.Policies[0].Authorization = rules("Allow: " + when)
	config.Listeners[0].ClientCertificates = askFor(false, cas...)
	r.put(t, echo, config)
	return &partnership{running: r, config: config, echo: echo}
}

func TestATokenCountsOnlyBesideTheCertificateThatARuleAsksFor(t *testing.T) {
	t.Parallel()
	i, ca, other := newIssuer(t), wstest.NewCA(t), wstest.NewCA(t)
	r := tokensFrom(t, i, "certificate.uris.exists(u, u.startsWith('spiffe://example.com/ns/shop/'))", ca, other)
	elsewhere := workload(t, ca, "spiffe://example.com/ns/other/eve")
	d := r.dialer("public")
	d.Header = http.Header{"Authorization": {"Bearer " + i.token(t, time.Hour)}}
	for name, tt := range map[string]struct {
		pair *wstest.Pair
		want int
	}{
		"no certificate": {nil, http.StatusForbidden}, "one for another name": {&elsewhere, http.StatusForbidden},
		"the one": {new(workload(t, ca, alice)), http.StatusSwitchingProtocols},
	} {
		one := d
		if tt.pair != nil {
			one.TLS = with(t, *tt.pair)
		}
		conn, response, err := one.Dial(t.Context(), chatURL)
		if err == nil {
			_ = conn.Close()
		}
		if response == nil || response.StatusCode != tt.want {
			t.Errorf("%s: answered %v (%v), want %d", name, response, err, tt.want)
		}
	}
}

func TestAChangeOfRulesOnCertificatesClosesExactlyThoseThatItConcerns(t *testing.T) {
	t.Parallel()
	i, old, fresh := newIssuer(t), wstest.NewCA(t), wstest.NewCA(t)
	when := func(text string) func(*contract.Config) {
		return func(c *contract.Config) { c.Policies[0].Authorization = rules("Allow: " + text) }
	}
	for name, tt := range map[string]struct {
		before string
		change func(*contract.Config)
		lost   []string
	}{
		"none may come any more without": {"true", when("certificate.presented"), []string{"bare"}},
		"one name only":                  {"true", when("certificate.uris == ['" + bob + "']"), []string{"bare", "alice"}},
		"a CA is taken out that no rule": {"true", func(c *contract.Config) { c.Listeners[0].ClientCertificates = askFor(false, fresh) }, nil},
		"a CA is taken out that a rule":  {"true || certificate.presented", func(c *contract.Config) { c.Listeners[0].ClientCertificates = askFor(false, fresh) }, []string{"alice"}},
		"certificates are asked no more": {"certificate.presented || identity.subject == 'ann'", func(c *contract.Config) { c.Listeners[0].ClientCertificates = nil }, nil},
		"and a rule wanted one":          {"true", func(c *contract.Config) { when("certificate.presented")(c); c.Listeners[0].ClientCertificates = nil }, []string{"bare", "alice", "bob"}},
		"a rule on another part of it":   {"true", when("!certificate.presented || certificate.notAfter - certificate.notBefore <= duration('24h')"), nil},
		"a Deny rule that does not ask": {"true", func(c *contract.Config) {
			c.Policies[0].Authorization = rules("Deny: certificate.uris == ['x']", "Allow: true")
		}, []string{"bare"}},
		"a rule that is tried only":        {"true", func(c *contract.Config) { when("certificate.presented")(c); c.Policies[0].DryRun = true }, nil},
		"a rule that closes, and all stay": {"true", func(c *contract.Config) { when("certificate.presented")(c); c.KeepAdmitted = true }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tokensFrom(t, i, tt.before, old, fresh)
			token := "Bearer " + i.token(t, time.Hour)
			conns := map[string]*websocket.Conn{
				"bare":  r.open(t, "Authorization", token),
				"alice": r.join(t, workload(t, old, alice), "Authorization", token),
				"bob":   r.join(t, workload(t, fresh, bob), "Authorization", token),
			}
			tt.change(&r.config)
			r.put(t, r.echo, r.config)
			lost(t, conns, tt.lost...)
		})
	}
}

// A credential that a rule asks for is one whose end is the end of the connection.
func TestACertificateThatARuleReadsEndsItsConnections(t *testing.T) {
	t.Parallel()
	i, ca := newIssuer(t), wstest.NewCA(t)
	r := tokensFrom(t, i, "certificate.presented || identity.subject == 'ann'", ca)
	short := ca.IssueClient(t, func(c *x509.Certificate) {
		named(t, alice)(c)
		c.NotAfter = time.Now().Add(8 * time.Second)
	})
	token := "Bearer " + i.token(t, time.Hour)
	bound, bare := r.join(t, short, "Authorization", token), r.open(t, "Authorization", token)
	_ = bound.SetReadDeadline(short.Leaf.NotAfter.Add(patience))
	if _, _, err := bound.ReadMessage(); !websocket.IsCloseError(err, outcome.CodeUnauthorized) || time.Now().Before(short.Leaf.NotAfter) {
		t.Errorf("ended with %v, %v before its certificate", err, time.Until(short.Leaf.NotAfter))
	}
	if err := echoOnce(bare); err != nil {
		t.Errorf("the connection without a certificate: %v", err)
	}
}
