// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"crypto/tls"
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

const partners = `apiVersion: wsgateway.dev/v1alpha1
kind: WebSocketGateway
metadata: {name: edge}
spec:
  listeners:
  - {name: public, port: 443, hostnames: [ws.example.com], tls: {certificate: {issuerRef: {name: ca}}, clientCertificates: {mode: Require, caRefs: [{name: partners}]}}}
  authPolicies:
  - {name: partners, anyOf: [{clientCertificate: {identityFrom: SubjectAltNameDNS, patterns: ["*.example.com"]}}], origins: {allow: ["https://app.example.com"], missing: Allow}}
  routes:
  - {name: chat, authPolicy: partners, backendRefs: [{name: echo, port: 8080}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: partners}
data:
  ca.crt: |
`

func TestAClientCertificateIsExplained(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	folder := t.TempDir()
	manifests := filepath.Join(folder, "gateway.yaml")
	write(t, manifests, partners+indent(ca.PEM))
	shown := func(ca *wstest.CA, name string) string {
		pair := ca.Intermediate(t).IssueClient(t, func(c *x509.Certificate) { c.DNSNames = []string{name} })
		file := filepath.Join(t.TempDir(), "client.pem")
		write(t, file, string(pair.Key)+string(pair.Certificate))
		return file
	}
	keyFile := filepath.Join(folder, "key.pem")
	write(t, keyFile, string(ca.Self(t).Key))
	if _, log, _ := finished(t, "", "explain", "-f", manifests, "--url", "wss://ws.example.com/chat", "--client-cert", keyFile); !strings.Contains(log, "give a file with BEGIN CERTIFICATE") {
		t.Errorf("a key alone: no next step in\n%s", log)
	}
	for name, tt := range map[string]struct {
		file string
		exit int
		want []string
	}{
		"none":             {"", 1, []string{"refused    certificate", "client_certificate_required", "caRefs"}},
		"a good one":       {shown(ca, "device-7.example.com"), 0, []string{"verified by a CA of the listener", "device-7.example.com", "by clientCertificate"}},
		"for another name": {shown(ca, "device-7.example.org"), 1, []string{"bad_credential", "patterns"}},
		"of another CA":    {shown(wstest.NewCA(t), "device-7.example.com"), 1, []string{"refused    certificate", "client_certificate_invalid"}},
		"of no file":       {filepath.Join(folder, "nothing"), 2, nil},
		"a key alone":      {keyFile, 2, nil},
	} {
		args := []string{"explain", "-f", manifests, "--url", "wss://ws.example.com/chat"}
		if tt.file != "" {
			args = append(args, "--client-cert", tt.file)
		}
		out, log, exit := finished(t, "", args...)
		if exit != tt.exit {
			t.Errorf("%s: exit %d, want %d\n%s%s", name, exit, tt.exit, out, log)
		}
		for _, want := range tt.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not in\n%s", name, want, out)
			}
		}
		if strings.Contains(out+log, "PRIVATE") {
			t.Errorf("%s: the key is in the output", name)
		}
	}
}

func TestWhatRulesReadOfAClientCertificateIsShown(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	folder := t.TempDir()
	manifests, file := filepath.Join(folder, "gateway.yaml"), filepath.Join(folder, "client.pem")
	rules := strings.NewReplacer(
		`anyOf: [{clientCertificate: {identityFrom: SubjectAltNameDNS, patterns: ["*.example.com"]}}]`,
		`anyOf: [{anonymous: {}}], authorization: {rules: [{name: devices, action: Allow, when: "'device-7.example.com' in certificate.dnsNames"}]}`,
		"mode: Require", "mode: Optional",
	).Replace(partners)
	write(t, manifests, rules+indent(ca.PEM))
	pair := ca.IssueClient(t, func(c *x509.Certificate) { c.DNSNames = []string{"Device-7.example.com", "b"} })
	write(t, file, string(pair.Certificate))
	asked := []string{"explain", "-f", manifests, "--url", "wss://ws.example.com/chat"}
	out, log, exit := finished(t, "", append(asked, "--client-cert", file)...)
	for _, want := range []string{
		"shown in TLS, as rules read it", "certificate.dnsNames: device-7.example.com, b", "certificate.issuer: CN=throw-away CA", "certificate.fingerprint: ", "ADMITTED",
	} {
		if exit != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, %q is not in\n%s%s", exit, want, out, log)
		}
	}
	out, log, exit = finished(t, "", asked...)
	if exit != 1 || strings.Contains(out, "shown in TLS") || !strings.Contains(out, "access_denied") || !strings.Contains(out, "certificate.presented") {
		t.Errorf("without a certificate: exit %d\n%s%s", exit, out, log)
	}
}

func TestClientCertificatesOfTheManifests(t *testing.T) {
	t.Parallel()
	echo, ca := wstest.Echo(t), wstest.NewCA(t)
	state, file := t.TempDir(), filepath.Join(t.TempDir(), "gateway.yaml")
	bundle := func(ca *wstest.CA) string { return partners + indent(ca.PEM) }
	write(t, file, bundle(ca))
	p := launch(t, program, "run", "-f", file, "--state", state, "--port", "public=0", "--backend", "echo:8080="+echo.Address)
	pair := ca.IssueClient(t, func(c *x509.Certificate) { c.DNSNames = []string{"device-7.example.com"} })
	shown, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	d := p.dialer(t, "public", state, nil)
	if _, _, err := d.Dial(t.Context(), url); err == nil {
		t.Error("a client without a certificate got in")
	}
	d.TLS = func(c *tls.Config) {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown, nil }
	}
	if got := status(t, d, url); got != 101 {
		t.Errorf("a client with a certificate is answered %d\n%s", got, p.err.all())
	}
	replace(t, file, bundle(wstest.NewCA(t)))
	eventually(t, "the CA that was taken out lets nobody in", func() bool {
		_, _, err := d.Dial(t.Context(), url)
		return err != nil
	})
}
