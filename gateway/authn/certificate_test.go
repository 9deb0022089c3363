// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func certificates(from string, patterns ...string) contract.Method {
	return contract.Method{ClientCertificate: &contract.ClientCertificate{IdentityFrom: from, Patterns: patterns}}
}

// leaf is a certificate as TLS hands it over, with these names.
func leaf(t testing.TB, names ...string) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{RawIssuer: subject(t, "CN=partners"), RawSubject: subject(t)}
	for _, name := range names {
		kind, value, _ := strings.Cut(name, ":")
		switch kind {
		case "uri":
			parsed, err := url.Parse(value)
			if err != nil {
				t.Fatal(err)
			}
			c.URIs = append(c.URIs, parsed)
		case "dns":
			c.DNSNames = append(c.DNSNames, value)
		case "mail":
			c.EmailAddresses = append(c.EmailAddresses, value)
		case "subject":
			c.RawSubject = subject(t, strings.Split(value, "|")...)
		}
	}
	return c
}

// subject is a distinguished name of these parts, in this order.
func subject(t testing.TB, parts ...string) []byte {
	t.Helper()
	types := map[string]asn1.ObjectIdentifier{"C": {2, 5, 4, 6}, "O": {2, 5, 4, 10}, "OU": {2, 5, 4, 11}, "CN": {2, 5, 4, 3}}
	var name pkix.RDNSequence
	for _, part := range parts {
		kind, value, _ := strings.Cut(part, "=")
		name = append(name, pkix.RelativeDistinguishedNameSET{{Type: types[kind], Value: value}})
	}
	der, err := asn1.Marshal(name)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestWhoACertificateIsFor(t *testing.T) {
	t.Parallel()
	const uri, dns, email, subject = contract.IdentityFromURI, contract.IdentityFromDNS, contract.IdentityFromEmail, contract.IdentityFromSubject
	long := strings.Repeat("a", 2000)
	for name, tt := range map[string]struct {
		names    []string
		from     string
		patterns []string
		want     string // empty: refused
	}{
		"a URI":                                {[]string{"uri:spiffe://example.com/shop"}, uri, nil, "spiffe://example.com/shop"},
		"a URI whose host is in capitals":      {[]string{"uri:spiffe://EXAMPLE.com/Shop"}, uri, nil, "spiffe://example.com/Shop"},
		"two URIs":                             {[]string{"uri:spiffe://example.com/a", "uri:spiffe://example.com/b"}, uri, nil, ""},
		"the same URI twice":                   {[]string{"uri:spiffe://example.com/a", "uri:spiffe://example.com/a"}, uri, nil, ""},
		"no URI":                               {[]string{"dns:a.example.com"}, uri, nil, ""},
		"a URI beside a DNS name":              {[]string{"dns:a.example.com", "uri:urn:device:7"}, uri, nil, "urn:device:7"},
		"a relative URI":                       {[]string{"uri:/shop"}, uri, nil, ""},
		"a URI with a password":                {[]string{"uri:https://user:secret@example.com/"}, uri, nil, ""},
		"a URI with a star":                    {[]string{"uri:spiffe://example.com/*"}, uri, nil, ""},
		"a URI that is too long":               {[]string{"uri:spiffe://example.com/" + long}, uri, nil, ""},
		"a DNS name":                           {[]string{"dns:Node-1.Example.COM"}, dns, nil, "node-1.example.com"},
		"a wildcard":                           {[]string{"dns:*.example.com"}, dns, nil, ""},
		"an empty DNS name":                    {[]string{"dns:"}, dns, nil, ""},
		"a DNS name with a NUL":                {[]string{"dns:a.example.com\x00.evil.example"}, dns, nil, ""},
		"a DNS name with a dot at its end":     {[]string{"dns:a.example.com."}, dns, nil, ""},
		"a DNS name in another script":         {[]string{"dns:ex\u0430mple.com"}, dns, nil, ""},
		"a mailbox":                            {[]string{"mail:Ann@Example.com"}, email, nil, "Ann@example.com"},
		"a mailbox within a mailbox":           {[]string{`mail:"a@example.com"@evil.example`}, email, nil, ""},
		"a mailbox without a domain":           {[]string{"mail:ann"}, email, nil, ""},
		"a subject":                            {[]string{"subject:C=DE|O=Acme|CN=device-7"}, subject, nil, "CN=device-7,O=Acme,C=DE"},
		"a subject in another order":           {[]string{"subject:CN=device-7|O=Acme|C=DE"}, subject, nil, "C=DE,O=Acme,CN=device-7"},
		"a subject that plays another":         {[]string{"subject:C=DE|O=Acme,CN=admin"}, subject, nil, `O=Acme\,CN=admin,C=DE`},
		"a subject with a NUL":                 {[]string{"subject:CN=admin\x00"}, subject, nil, ""},
		"a subject that turns the writing":     {[]string{"subject:CN=a\u202eb"}, subject, nil, ""},
		"a subject that is too long":           {[]string{"subject:CN=" + long}, subject, nil, ""},
		"an empty subject":                     {nil, subject, nil, ""},
		"listed":                               {[]string{"uri:urn:a"}, uri, []string{"urn:b", "urn:a"}, "urn:a"},
		"not listed":                           {[]string{"uri:urn:ab"}, uri, []string{"urn:b", "urn:a"}, ""},
		"a part that the star stands for":      {[]string{"uri:spiffe://example.com/ns/shop/sa/x"}, uri, []string{"spiffe://example.com/ns/*/sa/x"}, "spiffe://example.com/ns/shop/sa/x"},
		"two parts in place of the star":       {[]string{"uri:spiffe://example.com/ns/a/b/sa/x"}, uri, []string{"spiffe://example.com/ns/*/sa/x"}, ""},
		"nothing in place of the star":         {[]string{"uri:spiffe://example.com/ns//sa/x"}, uri, []string{"spiffe://example.com/ns/*/sa/x"}, ""},
		"a query in place of the star":         {[]string{"uri:https://example.com/a?b"}, uri, []string{"https://example.com/*"}, ""},
		"another host in place of the star":    {[]string{"uri:https://evil.example/.example.com"}, uri, []string{"https://*.example.com"}, ""},
		"the ends of the pattern overlap":      {[]string{"uri:urn:aba"}, uri, []string{"urn:ab*ba"}, ""},
		"a label of a DNS name":                {[]string{"dns:a.example.com"}, dns, []string{"*.EXAMPLE.com"}, "a.example.com"},
		"two labels of a DNS name":             {[]string{"dns:a.b.example.com"}, dns, []string{"*.example.com"}, ""},
		"a mailbox of the domain":              {[]string{"mail:ann@example.com"}, email, []string{"*@Example.com"}, "ann@example.com"},
		"a mailbox of a domain that ends so":   {[]string{"mail:ann@evil-example.com"}, email, []string{"*@example.com"}, ""},
		"the star stands for part of a domain": {[]string{"mail:ann@evil.example.com"}, email, []string{"*.example.com"}, ""},
		"a part of a subject":                  {[]string{"subject:O=Acme|CN=device-7"}, subject, []string{"CN=device-*,O=Acme"}, "CN=device-7,O=Acme"},
		"a subject with a part more":           {[]string{"subject:O=Acme|O=Evil|CN=device-7"}, subject, []string{"CN=*,O=Acme"}, ""},
		"a subject that hides a part":          {[]string{"subject:O=Acme|CN=x,OU=y"}, subject, []string{"CN=*,O=Acme"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			noon := noon.Add(time.Hour)
			policy := policyOf(t, methods(certificates(tt.from, tt.patterns...)), nil)
			got, err := policy.Authenticate(t.Context(), &authn.Request{Certificate: leaf(t, tt.names...), CertificateExpires: noon})
			if tt.want == "" {
				if reason(t, err) != outcome.BadCredential {
					t.Errorf("let in as %+v (%v)", got, err)
				}
				return
			}
			want := authn.Identity{
				Policy: "users", Method: "clientCertificate", Issuer: "CN=partners", Subject: tt.want,
				Claims: map[string]any{"sub": tt.want}, ExpiresAt: noon,
			}
			got.Proof = nil
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("error %v, identity (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestWithoutACertificateAnotherMethodIsAsked(t *testing.T) {
	t.Parallel()
	key := ecKey(t, "k1")
	policy := policyOf(t, methods(certificates(contract.IdentityFromURI), jwtMethod(jwks(key.jwk()), nil)), nil)
	if _, err := policy.Authenticate(t.Context(), bearer(key.token(nil))); err != nil {
		t.Errorf("token without a certificate: %v", err)
	}
	request := bearer(key.token(nil))
	request.Certificate = leaf(t)
	if _, err := policy.Authenticate(t.Context(), request); reason(t, err) != outcome.BadCredential {
		t.Errorf("token beside a certificate without a name: %v", err)
	}
	if _, err := policy.Authenticate(t.Context(), &authn.Request{}); reason(t, err) != outcome.NoCredential {
		t.Errorf("nothing: %v", err)
	}
}

// FuzzCertificateName: whatever a certificate holds, a name that lets somebody in
// can be shown, is of bounded length, and fits a pattern only in one part.
func FuzzCertificateName(f *testing.F) {
	f.Add([]byte{0x30, 0}, "a.example.com", "*.example.com")
	f.Add(subject(f, "C=DE", "O=Acme", "CN=x"), "ann@example.com", "*@example.com")
	f.Add(subject(f, "CN=\x00"), "spiffe://example.com/a", "spiffe://example.com/*")
	f.Fuzz(func(t *testing.T, raw []byte, name, pattern string) {
		shown := &x509.Certificate{RawSubject: raw, RawIssuer: raw, DNSNames: []string{name}, EmailAddresses: []string{name}}
		if parsed, err := url.Parse(name); err == nil {
			shown.URIs = []*url.URL{parsed}
		}
		for _, from := range []string{contract.IdentityFromURI, contract.IdentityFromDNS, contract.IdentityFromEmail, contract.IdentityFromSubject} {
			for _, patterns := range [][]string{nil, {pattern}} {
				if len(patterns) > 0 && (pattern == "" || strings.Count(pattern, "*") > 1) {
					continue
				}
				got, err := policyOf(t, methods(certificates(from, patterns...)), nil).Authenticate(t.Context(), &authn.Request{Certificate: shown})
				if err != nil {
					if reason(t, err) != outcome.BadCredential {
						t.Fatalf("%v", err)
					}
					continue
				}
				unfit := func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
				if got.Subject == "" || len(got.Subject) > 1024 || strings.ContainsFunc(got.Subject+got.Issuer, unfit) {
					t.Fatalf("let in as %q of %q", got.Subject, got.Issuer)
				}
				if from == contract.IdentityFromDNS && len(patterns) > 0 && strings.Count(got.Subject, ".") != strings.Count(pattern, ".") {
					t.Fatalf("%q lets in %q", pattern, got.Subject)
				}
			}
		}
	})
}
