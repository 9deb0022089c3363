// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// trusting has a listener ask for certificates of these CAs.
func trusting(required bool, cas ...*wstest.CA) map[string]handshake.ClientCertificates {
	c := &contract.ClientCertificates{}
	for _, ca := range cas {
		c.Bundles = append(c.Bundles, contract.CABundle{ConfigMap: "partners", Key: "ca.crt", Certificates: string(ca.PEM)})
	}
	trusted := clientcert.New(c, nil)
	return map[string]handshake.ClientCertificates{"public": {
		Required: required, Complete: trusted.Complete(),
		Verify: func(shown *clientcert.Certificate) (time.Time, error) { return trusted.Verify(shown, time.Now()) },
	}}
}

// presents is a certificate as TLS gives it to us, with what these CAs say of it.
func presents(t *testing.T, ca *wstest.CA, pair wstest.Pair) *clientcert.Certificate {
	t.Helper()
	chains, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: ca.Pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		t.Fatal(err)
	}
	return clientcert.Of([]*x509.Certificate{pair.Leaf}, chains, nil)
}

func deviceOf(t *testing.T, ca *wstest.CA, lifetime time.Duration) *clientcert.Certificate {
	t.Helper()
	return presents(t, ca, ca.IssueClient(t, func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: "device-7", Organization: []string{"Acme"}}
		c.NotAfter = time.Now().Add(lifetime)
		c.DNSNames, c.EmailAddresses = []string{"D7.Acme.Example"}, []string{"Ops@Acme.Example"}
		c.URIs = []*url.URL{{Scheme: "spiffe", Host: "Acme.Example", Path: "/Plant/1"}}
	}))
}

// certificateVariants are policies whose rules look at the certificate.
func certificateVariants() map[string]*contract.Policy {
	list := map[string]*contract.Policy{}
	for name, rules := range map[string][]string{
		"who has one":        {"Allow: certificate.presented"},
		"who has none":       {"Allow: !certificate.presented"},
		"of a subject":       {"Allow: certificate.subject == 'CN=device-7,O=Acme'"},
		"of no other issuer": {"Deny: certificate.issuer != 'CN=throw-away CA'", "Allow: true"},
		"of a name":          {"Allow: certificate.dnsNames.exists(name, name.endsWith('.acme.example'))"},
		"of a workload":      {"Allow: 'spiffe://acme.example/Plant/1' in certificate.uris"},
		"not of a mailbox":   {"Deny: certificate.presented && 'Ops@acme.example' in certificate.emails", "Allow: true"},
		"beside a token":     {"Allow: identity.method == 'jwt' && certificate.presented"},
		"short-lived":        {"Allow: certificate.presented && certificate.notAfter - certificate.notBefore < duration('30m')"},
	} {
		p := variants()["no rules"]
		p.Authorization = &contract.Authorization{}
		for i, rule := range rules {
			action, when, _ := strings.Cut(rule, ": ")
			p.Authorization.Rules = append(p.Authorization.Rules, contract.Rule{Name: string(rune('a' + i)), Action: contract.Action(action), When: when})
		}
		list[name] = p
	}
	return list
}

// Whoever was let in with a certificate, or without, is judged by other rules and
// other CAs as the same request with the same certificate would be, and is to end
// at the same time: every pair is tried.
func TestRulesOnCertificatesJudgeWhoIsInsideLikeWhoKnocks(t *testing.T) {
	t.Parallel()
	old, other := wstest.NewCA(t), wstest.NewCA(t)
	asking := map[string]map[string]handshake.ClientCertificates{
		"nobody asks": nil, "optional": trusting(false, old), "optional, both": trusting(false, old, other),
		"optional, another": trusting(false, other), "required": trusting(true, old),
	}
	compiled := map[string]*handshake.Rules{}
	for name, p := range certificateVariants() {
		for how, clients := range asking {
			rules := *rulesOf(t, p)
			rules.Clients = clients
			compiled[name+", "+how] = &rules
		}
	}
	certificates := map[string]*clientcert.Certificate{
		"bare": nil, "short": deviceOf(t, old, 20*time.Minute), "long": deviceOf(t, old, 50*time.Minute), "foreign": deviceOf(t, other, 20*time.Minute),
	}
	all := knocks(t)
	kept, refused := 0, 0
	for who, certificate := range certificates {
		for _, k := range []knock{all["nobody"], all["a token"]} {
			for before, rules := range compiled {
				shows := certificate
				if rules.Clients == nil {
					shows = nil // nobody asks in TLS
				}
				standing, _, err := k.with(t, rules, shows)
				if err != nil {
					continue
				}
				a, b := stays(t, k, standing, who+" under "+before, compiled)
				kept, refused = kept+a, refused+b
			}
		}
	}
	if kept < 300 || refused < 300 {
		t.Errorf("%d kept and %d refused: the test proves little", kept, refused)
	}
}

// stays compares Reconsider with a handshake under all of these rules.
func stays(t *testing.T, k knock, standing *handshake.Standing, who string, compiled map[string]*handshake.Rules) (kept, refused int) {
	t.Helper()
	for after, rules := range compiled {
		_, want, wantErr := k.with(t, rules, standing.Certificate)
		got, err := rules.Reconsider(standing)
		if reason(wantErr) != reason(err) || !got.Ends.Equal(want.Ends) {
			t.Errorf("%s, now %s: %v until %v, but a handshake gets %v until %v", who, after, err, got.Ends, wantErr, want.Ends)
		}
		if err == nil {
			kept++
		} else {
			refused++
		}
	}
	return kept, refused
}

func TestACertificateBindsWhereARuleReadsIt(t *testing.T) {
	t.Parallel()
	ca, other := wstest.NewCA(t), wstest.NewCA(t)
	certificate := deviceOf(t, ca, 20*time.Minute)
	ends := certificate.Leaf().NotAfter
	token := knocks(t)["a token"]
	missing := trusting(false)
	missing["public"] = handshake.ClientCertificates{Verify: missing["public"].Verify}
	reads, ignores := certificateVariants()["beside a token"], variants()["no rules"]
	tried := *reads
	tried.DryRun = true
	for name, tt := range map[string]struct {
		policy  *contract.Policy
		clients map[string]handshake.ClientCertificates
		want    outcome.Reason
		ends    time.Time
		would   outcome.Reason
	}{
		"a rule reads it":                           {reads, trusting(false, ca), "", ends, ""},
		"no rule does":                              {ignores, trusting(false, ca), "", time.Time{}, ""},
		"a rule reads it, and its CA is gone":       {reads, trusting(false, other), outcome.ClientCertificateInvalid, time.Time{}, ""},
		"no rule does, and its CA is gone":          {ignores, trusting(false, other), "", time.Time{}, ""},
		"a rule reads it, and CAs are missing":      {reads, missing, "", ends, ""},
		"a rule reads it, and nobody asks any more": {reads, nil, outcome.AccessDenied, time.Time{}, ""},
		"a rule is tried that reads it":             {&tried, trusting(false, ca), "", time.Time{}, ""},
		"a rule is tried, and its CA is gone":       {&tried, trusting(false, other), "", time.Time{}, outcome.AccessDenied},
		"a rule is tried, and CAs are missing":      {&tried, missing, "", time.Time{}, ""},
	} {
		start := rulesOf(t, ignores)
		start.Clients = trusting(false, ca)
		standing, _, err := token.with(t, start, certificate)
		if err != nil {
			t.Fatal(err)
		}
		standing.Identity.ExpiresAt = time.Time{}
		rules := rulesOf(t, tt.policy)
		rules.Clients = tt.clients
		ruling, err := rules.Reconsider(standing)
		if reason(err) != tt.want || !ruling.Ends.Equal(tt.ends) {
			t.Errorf("%s: until %v, %v; want %v, %q", name, ruling.Ends, err, tt.ends, tt.want)
		}
		if reason(asError(ruling.WouldRefuse)) != tt.would {
			t.Errorf("%s: would be refused by %v, want %q", name, ruling.WouldRefuse, tt.would)
		}
	}
}

func asError(refusal *outcome.Refusal) error {
	if refusal == nil {
		return nil
	}
	return refusal
}

// What an authorization server prolongs does not outlive a certificate that a rule
// asks for.
func TestARuleOnCertificatesBindsWhomAnAuthorizationServerProlongs(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	certificate := deviceOf(t, ca, 20*time.Minute)
	for when, want := range map[string]time.Time{"certificate.presented": certificate.Leaf().NotAfter, "true": {}} {
		p := variants()["no rules"]
		p.Authorization = &contract.Authorization{Rules: []contract.Rule{{Name: "a", Action: contract.ActionAllow, When: when}}}
		rules := rulesOf(t, p)
		rules.Clients = trusting(false, ca)
		served := rules.Policies["users"]
		later := time.Now().Add(time.Hour)
		served.Authenticator = &prolonging{until: later}
		rules.Policies["users"] = served
		if want.IsZero() {
			want = later
		}
		standing := &handshake.Standing{
			Host: "ws.example.com", Path: "/chat", Listener: "public", Certificate: certificate,
			Identity: authn.Identity{Method: authn.MethodExternal, ExpiresAt: later},
		}
		_, asked := rules.Revalidate(t.Context(), standing, "c-1")
		ruling, err := rules.Confirm(standing, asked)
		if err != nil || !ruling.Ends.Equal(want) {
			t.Errorf("%s: until %v, %v; want %v", when, ruling.Ends, err, want)
		}
	}
}

func TestExplainSaysWhatRulesSeeOfACertificate(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	certificate := deviceOf(t, ca, 20*time.Minute)
	s := newScene()
	s.clients, s.certificate = trusting(false, ca), certificate
	door, caller := s.arrive(t)
	e := door.Explain(t.Context(), s.rules(), caller)
	if !e.ClientCertificate.Presented || e.ClientCertificate.Subject != "CN=device-7,O=Acme" || len(e.ClientCertificate.Fingerprint) != 64 || e.ClientCertificate.Serial != certificate.Serial() {
		t.Errorf("certificate %+v", e.ClientCertificate)
	}
	names := map[string][]string{"uris": e.ClientCertificate.URIs, "dnsNames": e.ClientCertificate.DNSNames, "emails": e.ClientCertificate.Emails}
	want := map[string][]string{"uris": {"spiffe://acme.example/Plant/1"}, "dnsNames": {"d7.acme.example"}, "emails": {"Ops@acme.example"}}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	caller.Certificate = nil
	if e := door.Explain(t.Context(), s.rules(), caller); e.ClientCertificate.Presented {
		t.Errorf("without one: %+v", e.ClientCertificate)
	}
}
