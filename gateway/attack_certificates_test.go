// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// forgery is a certificate that must not get in.
type forgery struct {
	name  string
	shown *tls.Certificate // nil for none
	want  outcome.Reason
	// detail is part of what the audit log says.
	detail string
}

// on the route of the same name, each kind of name is the identity.
func kinds() map[string]*contract.ClientCertificate {
	return map[string]*contract.ClientCertificate{
		"uri":     {IdentityFrom: contract.IdentityFromURI, Patterns: []string{"spiffe://example.com/ns/*/alice"}},
		"dns":     {IdentityFrom: contract.IdentityFromDNS, Patterns: []string{"*.example.com"}},
		"email":   {IdentityFrom: contract.IdentityFromEmail, Patterns: []string{"*@example.com"}},
		"subject": {IdentityFrom: contract.IdentityFromSubject, Patterns: []string{"CN=*,O=Acme"}},
	}
}

// checkpoint is a gateway that asks for certificates of a CA.
func checkpoint(t *testing.T, ca *wstest.CA) (*running, *wstest.Upstream) {
	t.Helper()
	return startBase(t, func(c *contract.Config) {
		c.Listeners[0].ClientCertificates = askFor(true, ca)
		c.Policies, c.Routes = nil, nil
		for name, method := range kinds() {
			policy := byCertificate(method.IdentityFrom, method.Patterns...)
			policy.Name = name
			c.Policies = append(c.Policies, policy)
			c.Routes = append(c.Routes, contract.Route{
				Name: name, Hostnames: []string{"ws.example.com"}, Path: contract.Path{Prefix: "/" + name}, Policy: name,
				Backends: []contract.Backend{{Name: "echo"}},
			})
		}
	})
}

// showing is a client's TLS of one version, with a certificate whatever the CAs
// that the gateway names.
func showing(shown *tls.Certificate, version uint16) func(*tls.Config) {
	return func(c *tls.Config) {
		c.MinVersion, c.MaxVersion = version, version
		if shown != nil {
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil }
		}
	}
}

func TestForgedCertificatesAreRefusedForTheRightReason(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	r, echo := checkpoint(t, ca)
	root := forgerOf(t, ca)
	for name, good := range map[string]alteration{
		"uri": uris(alice), "dns": dnsNames("a.example.com"), "email": mailboxes("ann@example.com"), "subject": subjectOf("Acme", "ann"),
	} {
		got := r.strikeAs(900, showing(root.issue(t, good), tls.VersionTLS13), on("/"+name))
		got.fits(t, "", attackTime)
	}
	reached := echo.Accepted()
	rows := append(chains(t, root), weakCertificates(t, root)...)
	for _, list := range [][]forgery{impostors(t, root), largeCertificates(t, root), oddNames(t, root)} {
		rows = append(rows, list...)
	}
	for i, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			path := "/uri"
			if kind, _, ok := strings.Cut(row.name, ": "); ok && kinds()[kind] != nil {
				path = "/" + kind
			}
			for j, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				got := r.strikeAs(2*i+j, showing(row.shown, version), on(path))
				got.fits(t, row.want, attackTime)
			}
		})
	}
	if got := echo.Accepted(); got != reached {
		t.Errorf("the backend was reached %d times", got-reached)
	}
	r.end(t)
	r.unharmed(t)
	for i, row := range rows {
		for j := range 2 {
			record := r.became(t, 2*i+j, audit.EventDenied)
			if record.Reason != row.want || !strings.Contains(record.Message, row.detail) || record.Listener != "public" {
				t.Errorf("%s: record %+v, want %s with %q", row.name, record, row.want, row.detail)
			}
		}
	}
}

const (
	badCertificate = outcome.ClientCertificateInvalid
	notOfTheCAs    = "none of the listener's CAs"
)

// chains are of a CA that is trusted, by a way that is not.
func chains(t *testing.T, root *forger) []forgery {
	t.Helper()
	key, good := freshKey(t), uris(alice)
	plain := func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid, c.KeyUsage = false, false, 0 }
	lastOne := func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true }
	past := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	}
	only := func(domain string) alteration {
		return func(c *x509.Certificate) {
			c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{domain}, true
		}
	}
	forServers := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }
	deep := root
	for range 9 {
		deep = deep.below(t, key)
	}
	unsent := root.below(t, key).issue(t, good)
	unsent.Certificate = unsent.Certificate[:1]
	return []forgery{
		{"none", nil, outcome.ClientCertificateRequired, "showed no certificate"},
		{"expired", root.issue(t, good, past), badCertificate, "valid only from"},
		{"not valid yet", root.issue(t, good, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) }), badCertificate, "valid only from"},
		{"for servers", root.issue(t, good, forServers), badCertificate, "lacks client auth"},
		{"of a CA for servers", root.below(t, key, forServers).issue(t, good), badCertificate, "lacks client auth"},
		{"of an expired CA", root.below(t, key, past).issue(t, good), badCertificate, "valid only from"},
		{"of a leaf", root.below(t, key, plain).issue(t, good), badCertificate, notOfTheCAs},
		{"of a leaf that a leaf has signed", root.below(t, key, plain).below(t, freshKey(t), plain).issue(t, good), badCertificate, ""},
		{"of a CA that may not sign", root.below(t, key, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }).issue(t, good), badCertificate, notOfTheCAs},
		{"of a CA below the last one", root.below(t, key, lastOne).below(t, freshKey(t)).issue(t, good), badCertificate, "too long"},
		{"of a CA for other names", root.below(t, key, only("example.org")).issue(t, good), badCertificate, "may not certify"},
		{"of a CA for names below it", root.below(t, key, only(".example.com")).issue(t, good), badCertificate, "may not certify"},
		{"of a CA that is not for this name", root.below(t, key, func(c *x509.Certificate) { c.ExcludedURIDomains = []string{"example.com"} }).issue(t, good), badCertificate, "may not certify"},
		{"of a CA that was not sent", unsent, badCertificate, notOfTheCAs},
		{"of a CA ten steps below", deep.issue(t, good), badCertificate, "more than 8 certificates"},
		{"with an extension that must be understood", root.issue(t, good, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 2}, Critical: true, Value: []byte{5, 0}}}
		}), badCertificate, "cannot be verified"},
	}
}

// weakCertificates are of a CA that is trusted, and whoever has a computer could
// make them.
func weakCertificates(t *testing.T, root *forger) []forgery {
	t.Helper()
	good := uris(alice)
	small := rsaKey(t, 1024)
	sha1 := func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }
	const weak = "fewer than 2048 bits"
	return []forgery{
		{"RSA of 512 bits", root.issueFor(t, pretender{modulus(t, 512)}, good), badCertificate, weak},
		{"RSA of 1024 bits", root.issueFor(t, small, good), badCertificate, weak},
		{"RSA of 2047 bits", root.issueFor(t, pretender{modulus(t, 2047)}, good), badCertificate, weak},
		{"RSA of 16384 bits", root.issueFor(t, pretender{modulus(t, 16384)}, good), badCertificate, "not supported"},
		{"of a CA with RSA of 1024 bits", root.below(t, small).issue(t, good), badCertificate, weak},
		{"signed with SHA-1", root.issue(t, good, sha1), badCertificate, notOfTheCAs},
		{"of a CA signed with SHA-1", root.below(t, freshKey(t), sha1).issue(t, good), badCertificate, notOfTheCAs},
	}
}

// impostors are certificates of strangers, or of others.
func impostors(t *testing.T, root *forger) []forgery {
	t.Helper()
	good := uris(alice)
	own := func(alterations ...alteration) *forger {
		key := freshKey(t)
		self := &forger{certificate: &x509.Certificate{Subject: root.certificate.Subject}, key: key}
		der := self.sign(t, key.Public(), append([]alteration{func(c *x509.Certificate) {
			c.Subject, c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = root.certificate.Subject, true, true, x509.KeyUsageCertSign, nil
		}}, alterations...)...)
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return &forger{certificate: certificate, key: key}
	}
	sameID := func(c *x509.Certificate) { c.SubjectKeyId = root.certificate.SubjectKeyId }
	withRoot := func(f *forger) *tls.Certificate {
		shown := f.issue(t, good)
		shown.Certificate = append(shown.Certificate, f.certificate.Raw)
		return shown
	}
	self := own(good)
	stolen := root.issue(t, good)
	stolen.PrivateKey = freshKey(t)
	cut := root.issue(t, good)
	cut.Certificate = [][]byte{cut.Certificate[0][:len(cut.Certificate[0])-1]}
	behind := own().issue(t, good)
	behind.Certificate = append(behind.Certificate, root.issue(t, good).Certificate...)
	altered := root.issue(t, good)
	altered.Certificate[0][len(altered.Certificate[0])-1] ^= 1
	return []forgery{
		{"by itself, with the CA's name", &tls.Certificate{Certificate: [][]byte{self.certificate.Raw}, PrivateKey: self.key}, badCertificate, notOfTheCAs},
		{"of another CA of the same name", withRoot(own()), badCertificate, notOfTheCAs},
		{"of another CA of the same name and key id", withRoot(own(sameID)), badCertificate, notOfTheCAs},
		{"a good one behind a stranger's", behind, badCertificate, notOfTheCAs},
		{"a good one altered", altered, badCertificate, notOfTheCAs},
		{"a good one cut", cut, badCertificate, "cannot be read"},
		{"a good one without its key", stolen, badCertificate, "not proved"},
		{"the CA's own without its key", &tls.Certificate{Certificate: [][]byte{root.certificate.Raw}, PrivateKey: freshKey(t)}, badCertificate, ""},
		{"no certificate at all", &tls.Certificate{Certificate: [][]byte{[]byte("certificate")}, PrivateKey: freshKey(t)}, badCertificate, "cannot be read"},
	}
}

// largeCertificates are there to keep the gateway busy.
func largeCertificates(t *testing.T, root *forger) []forgery {
	t.Helper()
	key, good := freshKey(t), uris(alice)
	stranger := forgerOf(t, wstest.NewCA(t))
	// Each of them could be above each other: who tries all ways never ends.
	maze := stranger.issue(t, good)
	for range 400 {
		maze.Certificate = append(maze.Certificate, stranger.below(t, key, func(c *x509.Certificate) { c.Subject = stranger.certificate.Subject }).certificate.Raw)
	}
	// So few that all of them are looked at, and each could be above each other.
	circle := stranger.below(t, key, func(c *x509.Certificate) { c.Subject = stranger.certificate.Subject }).issue(t, good)
	for i := range 6 {
		circle.Certificate = append(circle.Certificate, stranger.below(t, key, func(c *x509.Certificate) {
			c.Subject = stranger.certificate.Subject
		}, uris(fmt.Sprintf("spiffe://example.com/%d", i))).certificate.Raw)
	}
	crowd := root.issue(t, good)
	for range 300 {
		crowd.Certificate = append(crowd.Certificate, root.certificate.Raw)
	}
	many := make([]string, 2000)
	for i := range many {
		many[i] = fmt.Sprintf("spiffe://example.com/ns/%d/alice", i)
	}
	constrained := root.below(t, key, func(c *x509.Certificate) {
		for i := range 1000 {
			c.ExcludedURIDomains = append(c.ExcludedURIDomains, fmt.Sprintf("n%d.example.org", i))
		}
	})
	return []forgery{
		{"of a megabyte", root.issue(t, good, ballast(1<<20)), outcome.TLSHandshakeFailed, "exceeds maximum"},
		{"of a stranger, of 200 KB", stranger.issue(t, good, ballast(200<<10)), badCertificate, notOfTheCAs},
		{"of a stranger, through a maze", maze, badCertificate, "more than 8 certificates"},
		{"of a stranger, in every order", circle, badCertificate, "too many ways"},
		{"with forty KB above it", root.below(t, key, ballast(40<<10)).issue(t, good), badCertificate, "more than 32 KiB"},
		{"with three hundred behind it", crowd, badCertificate, "more than 8 certificates"},
		{"uri: two thousand", root.issue(t, uris(many...)), outcome.BadCredential, "2000 names"},
		{"of a CA for all but a thousand names, with two thousand", constrained.issue(t, uris(many...)), outcome.BadCredential, "2000 names"},
		{"subject: of 100 KB", root.issue(t, subjectOf("Acme", strings.Repeat("a", 100<<10))), outcome.BadCredential, "too long"},
		{"dns: of 100 KB", root.issue(t, dnsNames(strings.Repeat("a.", 50<<10)+"example.com")), outcome.BadCredential, ""},
	}
}

// oddNames are certified by a CA that is trusted, for others than the policy lets
// in, or for nobody can say whom.
func oddNames(t *testing.T, root *forger) []forgery {
	t.Helper()
	const bad = outcome.BadCredential
	rows := []forgery{
		{"uri: only a common name", root.issue(t, subjectOf("", alice)), bad, "0 names"},
		{"uri: two", root.issue(t, uris(alice, bob)), bad, "2 names"},
		{"uri: twice the same", root.issue(t, uris(alice, alice)), bad, "2 names"},
		{"uri: with a NUL", root.issue(t, generalName(6, alice+"\x00.evil.example")), badCertificate, "cannot be read"},
		{"uri: not ASCII", root.issue(t, generalName(6, "spiffe://example.com/ns/\xff/alice")), badCertificate, "cannot be read"},
		{"dns: an address", root.issue(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }), bad, "0 names"},
		{"dns: two", root.issue(t, dnsNames("a.example.com", "b.example.com")), bad, "2 names"},
		{"dns: not ASCII", root.issue(t, generalName(2, "ex\u0430mple.com")), badCertificate, "cannot be read"},
		{"email: two", root.issue(t, mailboxes("ann@example.com", "bob@example.com")), bad, "2 names"},
		{"subject: none", root.issue(t, uris(alice)), bad, "empty"},
		{"subject: of another organization", root.issue(t, subjectOf("Evil", "ann")), bad, "does not list"},
		{"subject: an organization in the name", root.issue(t, subjectOf("Evil", "ann,O=Acme")), bad, "does not list"},
		{"subject: two organizations", root.issue(t, func(c *x509.Certificate) {
			c.Subject = pkix.Name{CommonName: "ann", Organization: []string{"Acme", "Evil"}}
		}), bad, "does not list"},
		{"subject: a line break", root.issue(t, subjectOf("Acme", "ann\r\nX-Partner: root")), bad, "cannot be shown"},
		{"subject: a NUL", root.issue(t, subjectOf("Acme", "ann\x00")), bad, "cannot be shown"},
	}
	for _, name := range []string{
		"spiffe://example.com/ns/a/b/alice", "spiffe://example.com/ns//alice", "spiffe://example.com/ns/alice", "spiffe://example.com/ns/a/alice/", "spiffe://example.com/ns/a/Alice",
		"spiffe://example.com/ns/a/alice?b", "spiffe://example.com/ns/a?/alice", "spiffe://example.com/ns/a/alice#b", "spiffe://example.com.evil.example/ns/a/alice",
		"spiffe://evil.example/spiffe://example.com/ns/a/alice", "spiffe://user@example.com/ns/a/alice", "spiffe://example.com:443/ns/a/alice", "spiffe://example.com/ns/*/alice",
		"SPIFFE://evil.example/ns/a/alice", "https://example.com/ns/a/alice", "/ns/a/alice", "example.com/ns/a/alice", "spiffe:example.com/ns/a/alice",
		"spiffe://example.com/ns/" + strings.Repeat("a", 2000) + "/alice",
	} {
		rows = append(rows, forgery{fmt.Sprintf("uri: %.60q", name), root.issue(t, uris(name)), bad, ""})
	}
	for _, name := range []string{"*.example.com", "a.*.example.com", "example.com", "a.b.example.com", "a.example.com.evil.example", "aexample.com", "a_.example.com."} {
		rows = append(rows, forgery{fmt.Sprintf("dns: %q", name), root.issue(t, dnsNames(name)), bad, ""})
	}
	for _, name := range []string{`"a@example.com"@evil.example`, "ann@evil-example.com", "ann@example.com.evil.example", "ann", "*@example.com", "@example.com", "a@b@example.com"} {
		rows = append(rows, forgery{fmt.Sprintf("email: %q", name), root.issue(t, mailboxes(name)), bad, ""})
	}
	return rows
}
