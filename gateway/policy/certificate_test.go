// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/policy"
)

// device is ann with the certificate of a device.
func device() *policy.Input {
	in := ann()
	in.Certificate = policy.Certificate{
		Presented: true, Subject: "CN=device-7,OU=plant 1,O=Acme", Issuer: "CN=partners", Serial: "7f", Fingerprint: strings.Repeat("ab", 32),
		NotBefore: time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC),
		URIs: []string{"spiffe://acme.example/plant/1"}, DNSNames: []string{"d7.acme.example", "d7.acme.test"},
	}
	return in
}

func TestRulesReadTheCertificate(t *testing.T) {
	t.Parallel()
	e := environment(t)
	for expression, want := range map[string]struct{ shown, none bool }{
		"certificate.presented":                                                               {true, false},
		"!certificate.presented":                                                              {false, true},
		"has(certificate.presented)":                                                          {true, false},
		"has(certificate.subject)":                                                            {true, false},
		"has(certificate.emails)":                                                             {true, false},
		"certificate.subject == 'CN=device-7,OU=plant 1,O=Acme'":                              {true, false},
		"certificate.issuer in ['CN=partners', 'CN=others']":                                  {true, false},
		"certificate.serial == '7f'":                                                          {true, false},
		"certificate.fingerprint.startsWith('abab')":                                          {true, false},
		"certificate.notAfter < timestamp('2026-04-01T00:00:00Z')":                            {true, false},
		"certificate.notAfter - certificate.notBefore <= duration('24h')":                     {true, false},
		"certificate.notAfter - certificate.notBefore < duration('24h')":                      {false, false},
		"'spiffe://acme.example/plant/1' in certificate.uris":                                 {true, false},
		"certificate.dnsNames.exists(name, name.endsWith('.acme.example'))":                   {true, false},
		"certificate.dnsNames.all(name, name.endsWith('.acme.example'))":                      {false, false},
		"certificate.dnsNames.size() == 2 && certificate.dnsNames[1] == 'd7.acme.test'":       {true, false},
		"size(certificate.emails) == 0":                                                       {true, false},
		"identity.method == 'jwt' && certificate.issuer == 'CN=partners'":                     {true, false},
		"certificate.presented || identity.claims.org == 'acme'":                              {true, true},
		"certificate.presented ? certificate.serial == '7f' : request.path == '/chat/room'":   {true, true},
		"!certificate.presented && certificate.serial == ''":                                  {false, false},
		"certificate.serial != '80'":                                                          {true, false}, // one that is not there is no other one
		"!(certificate.issuer == 'CN=withdrawn')":                                             {true, false},
		"certificate.dnsNames.all(name, name != 'evil.example')":                              {true, false},
		"!('spiffe://acme.example/evil' in certificate.uris)":                                 {true, false},
		"has(certificate.issuer) && certificate.issuer == 'CN=partners'":                      {true, false},
		"certificate.subject.matches('(^|,)OU=plant [0-9]{1,3}(,|$)')":                        {true, false},
		"[certificate.serial, identity.subject] == ['7f', 'ann']":                             {true, false},
		"certificate.uris.exists(u, u.startsWith('spiffe://' + identity.claims.org + '.ex'))": {true, false},
	} {
		a, problems := e.Compile([]policy.Rule{allow(expression)})
		if len(problems) > 0 {
			t.Errorf("%s: %v", expression, problems)
			continue
		}
		if err := a.Decide(device()); (err == nil) != want.shown {
			t.Errorf("%s: with a certificate: %v, want %t", expression, err, want.shown)
		}
		if err := a.Decide(ann()); (err == nil) != want.none {
			t.Errorf("%s: without one: %v, want %t", expression, err, want.none)
		}
	}
}

// Somebody without a certificate is not known to be another than the one whom the
// rule is about.
func TestADenyRuleOnACertificateThatIsNotThereDenies(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]bool{
		"certificate.issuer == 'CN=withdrawn'":                              false,
		"'CN=withdrawn' == certificate.subject":                             false,
		"certificate.uris.exists(u, u == 'x')":                              false,
		"certificate.presented && certificate.issuer == 'CN=withdrawn'":     true,
		"has(certificate.issuer) && certificate.issuer == 'CN=withdrawn'":   true,
		"!certificate.presented":                                            false,
		"certificate.notAfter > timestamp('2030-01-01T00:00:00Z')":          false,
		"certificate.presented && certificate.serial in ['01', '02', '7e']": true,
	} {
		if err := compiled(t, deny(expression), allow("true")).Decide(ann()); (err == nil) != want {
			t.Errorf("%s: %v, want let in %t", expression, err, want)
		}
	}
	nameless := device()
	nameless.Certificate.Subject = "" // all of its names are alternative ones
	if err := compiled(t, deny("certificate.subject == 'CN=withdrawn'"), allow("true")).Decide(nameless); err == nil {
		t.Error("a certificate without a subject passed a Deny rule on subjects")
	}
	if err := compiled(t, allow("!has(certificate.subject) && certificate.presented")).Decide(nameless); err != nil {
		t.Errorf("has() of a subject that is not there: %v", err)
	}
}

func TestMistakesAboutTheCertificateAreFoundEarly(t *testing.T) {
	t.Parallel()
	e := environment(t)
	for expression, want := range map[string]string{
		"certificate.cn == 'x'":                              "undefined field 'cn'; known are certificate.dnsNames, certificate.emails, certificate.fingerprint",
		"certificate == certificate":                         "certificate must be read by field",
		"dyn(certificate).serial == '7f'":                    "certificate must be read by field",
		"certificate.serial == 127":                          "found no matching overload",
		"certificate.presented == 'true'":                    "found no matching overload",
		"certificate.notAfter < '2026-01-01'":                "found no matching overload",
		"certificate.uris == 'spiffe://a'":                   "found no matching overload",
		"certificate.dnsNames":                               "the expression is of type list(string) and must be bool",
		"certificate.notAfter - certificate.notBefore":       "the expression is of type google.protobuf.Duration and must be bool",
		"certificate.dnsNames.exists(n, n.matches(n))":       "the pattern of matches() must be a fixed text",
		"wsgateway.dev.Certificate{presented: true} == null": "undeclared reference",
	} {
		if _, problems := e.Compile([]policy.Rule{allow(expression)}); len(problems) != 1 || !strings.Contains(problems[0].String(), want) {
			t.Errorf("%s: %v, want %q", expression, problems, want)
		}
	}
}

func TestAnAuthorizationKnowsWhetherItReadsTheCertificate(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]bool{
		"identity.claims.certificate == 'x'":                               false,
		"request.path == '/certificate'":                                   false,
		"certificate.presented":                                            true,
		"has(certificate.subject)":                                         true,
		"[1].all(x, request.path == '' || certificate.serial == '7f')":     true,
		"'a' in certificate.dnsNames || identity.claims.org == 'acme'":     true,
		"true || certificate.presented":                                    true,
		"[1].exists(certificate, !.certificate.presented)":                 true,
		"identity.claims.list.exists(c, c.certificate == identity.policy)": false,
	} {
		a := compiled(t, deny("false"), allow(expression))
		if got := a.ReadsCertificate(); got != want {
			t.Errorf("%s: %t", expression, got)
		}
	}
	if a := compiled(t, allow("certificate.presented")); a.ReadsClaims() {
		t.Error("a rule on certificates is said to read claims")
	}
}

// The refusal goes to the audit log.
func TestARefusalTellsNothingOfTheCertificate(t *testing.T) {
	t.Parallel()
	in := device()
	in.Certificate.Subject, in.Certificate.URIs = "CN=planted-secret", []string{"planted-secret"}
	for _, rule := range []policy.Rule{
		allow("certificate.subject == 'x'"), deny("certificate.uris.exists(u, int(u) == 1)"), deny("certificate.subject != 'x'"), deny("duration(certificate.subject) > duration('1s')"),
	} {
		if err := compiled(t, rule).Decide(in); err == nil || strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: %v", rule.When, err)
		}
	}
}

// Nobody but a CA of the listener decides how many names there are; a decision is
// bounded all the same.
func TestACertificateOfManyNamesIsDecidedInBoundedTime(t *testing.T) {
	t.Parallel()
	in := device()
	in.Certificate.DNSNames = nil
	for range 5000 {
		in.Certificate.DNSNames = append(in.Certificate.DNSNames, strings.Repeat("a", 60)+".example.com")
	}
	begin := time.Now()
	err := compiled(t, deny("certificate.dnsNames.exists(name, name.contains('b') || name.endsWith('.test'))"), allow("true")).Decide(in)
	if err == nil || !strings.Contains(err.Error(), "cost too much") {
		t.Errorf("Decide() = %v", err)
	}
	if took := time.Since(begin); took > patience {
		t.Errorf("took %v", took)
	}
	if err := compiled(t, allow("certificate.presented && request.path == '/chat/room'")).Decide(in); err != nil {
		t.Errorf("a rule that reads no names: %v", err)
	}
}
