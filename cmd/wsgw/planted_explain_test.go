// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	neturl "net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

const everyMethod = `apiVersion: wsgateway.dev/v1alpha1
kind: WebSocketGateway
metadata: {name: edge}
spec:
  listeners:
  - {name: public, port: 443, hostnames: [ws.example.com], tls: {certificate: {issuerRef: {name: ca}}, clientCertificates: {mode: Optional, caRefs: [{name: partners}]}}}
  authPolicies:
  - name: every
    anyOf:
    - {jwt: {issuer: "https://id.example.com", audiences: [chat], algorithms: [HS256], jwks: {secretRef: {name: signing}}, from: [{header: Authorization}, {subprotocol: bearer}, {cookie: session}, {query: access_token}]}}
    - {apiKey: {secretRef: {name: devices}, from: [{header: X-API-Key}, {header: User-Agent}, {query: key}]}}
    - {basic: {secretRef: {name: users}}}
    - {clientCertificate: {identityFrom: SubjectAltNameURI}}
    origins: {allow: ["https://app.example.com"], missing: Allow}
    authorization: {rules: [{name: typed, action: Allow, when: "int(identity.claims.sub) > 0"}]}
  - name: asked
    anyOf: [{external: {grpc: {backendRef: {name: authz, port: 9000}}}}]
    origins: {allow: ["https://app.example.com"], missing: Allow}
  routes:
  - {name: every, path: {value: /every}, authPolicy: every, backendRefs: [{name: echo, port: 8080}]}
  - {name: asked, path: {value: /asked}, authPolicy: asked, backendRefs: [{name: echo, port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: authz}
spec: {ports: [{port: 9000}]}
---
apiVersion: v1
kind: Secret
metadata: {name: devices}
stringData: {sensor: zQ0f3b1c7de2a94586-the-key-of-a-sensor}
---
apiVersion: v1
kind: Secret
metadata: {name: users}
stringData: {auth: "cid:$5$saltsalt$vl//FCOx/JlpvOHPT.ySOZHl1aqeiykZG3BVaEiPnw1"}
---
apiVersion: v1
kind: Secret
metadata: {name: signing}
stringData: {jwks.json: '{"keys":[{"kty":"oct","kid":"h1","k":"elEwZjNiMWM3ZGUyYTk0NTg2LXRoZS1zaWduaW5nLWtleS4"}]}'}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: partners}
data:
  ca.crt: |
`

// mark is in every secret that these command lines show, and in the manifests.
const mark = "zQ0f3b1c7de2a94586"

// markedFiles are what command lines name.
func markedFiles(t *testing.T, ca *wstest.CA) map[string]string {
	t.Helper()
	at, folder := map[string]string{}, t.TempDir()
	pair := ca.IssueClient(t, func(c *x509.Certificate) {
		c.URIs = []*neturl.URL{{Scheme: "https", Host: "example.com", User: neturl.UserPassword("user", mark)}}
	})
	named := ca.IssueClient(t, func(c *x509.Certificate) { c.URIs = []*neturl.URL{{Scheme: "urn", Opaque: "device:7"}} })
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte(mark + mark)}))
	for name, content := range map[string]string{
		"gateway.yaml": everyMethod + indent(ca.PEM), "token": mark, "headers": "X-API-Key: " + mark + "\nAuthorization: Bearer " + mark,
		"no-headers": mark + "\n", "pair.pem": private + string(pair.Certificate), "named.pem": string(named.Certificate) + private, "key.pem": private,
		"swapped.pem": strings.ReplaceAll(private, "PRIVATE KEY", "CERTIFICATE"),
	} {
		at[name] = filepath.Join(folder, name)
		write(t, at[name], content)
	}
	at["private"] = private
	return at
}

func TestExplainRepeatsNoCredential(t *testing.T) {
	t.Parallel()
	at := markedFiles(t, wstest.NewCA(t))
	basic := base64.StdEncoding.EncodeToString([]byte("cid:" + mark))
	traces := []string{mark, hex.EncodeToString([]byte(mark)), neturl.QueryEscape(mark + "="), strings.TrimRight(basic, "=")}
	for shift := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + mark))
		traces = append(traces, text[4:len(text)-4])
	}
	page := []string{"--origin", "https://app.example.com"}
	for name, args := range map[string][]string{
		"a token":                          {"--header", "Authorization: Bearer " + mark},
		"a token of three parts":           {"--header", "Authorization: Bearer " + foreignToken(`{"iss":"https://id.example.com","aud":"chat","exp":4102444800,"sub":"`+mark+`"}`)},
		"a token of a file":                {"--header", "Authorization: Bearer @" + at["token"]},
		"a token of another scheme":        {"--header", "Authorization: " + mark + " " + mark},
		"a password":                       {"--header", "Authorization: Basic " + basic},
		"a key that is good":               {"--header", "X-API-Key: " + mark + "-the-key-of-a-sensor"},
		"a key that is not":                {"--header", "X-API-Key: " + mark},
		"a key in an ordinary header":      {"--header", "User-Agent: " + mark + "-the-key-of-a-sensor"},
		"a key in another header":          {"--header", "X_API_Key: " + mark},
		"a key twice":                      {"--header", "X-API-Key: " + mark, "--header", "X-API-Key: " + mark},
		"a cookie":                         {"--header", "Cookie: session=" + mark + "; app=" + mark},
		"a subprotocol":                    {"--subprotocol", "bearer", "--subprotocol", mark},
		"a subprotocol that is none":       {"--subprotocol", "bearer", "--subprotocol", mark + "/"},
		"a header file":                    {"--header-file", at["headers"]},
		"a header file without headers":    {"--header-file", at["no-headers"]},
		"a header file by its content":     {"--header-file", "X-API-Key: " + mark},
		"a header without a name":          {"--header", mark},
		"a header with a line break":       {"--header", "X-API-Key: " + mark + "\r\nX-A: b"},
		"a header without quotes":          {"--header", "X-API-Key:", mark},
		"a header as other programs do":    {"-HX-API-Key: " + mark},
		"a header as others do, apart":     {"-H", "X-API-Key: " + mark},
		"a header with a name of its own":  {"--header=X-API-Key=" + mark},
		"a key that begins like a file":    {"--header", "X-API-Key: @" + mark},
		"a subprotocol like a file":        {"--subprotocol", "@" + mark},
		"a password in Host":               {"--header", "Host: user:" + mark + "@ws.example.com"},
		"a token in the address":           {"--url", "wss://ws.example.com/every?access_token=" + mark, "--origin", "https://app.example.com"},
		"a token in the address, escaped":  {"--url", "wss://ws.example.com/every?access%5Ftoken=" + mark + "%zz"},
		"a token in the fragment":          {"--url", "wss://ws.example.com/every#access_token=" + mark},
		"a password in the address":        {"--url", "wss://user:" + mark + "@ws.example.com/every"},
		"a token in a broken address":      {"--url", "wss://ws example.com/every?key=" + mark},
		"a token for another host":         {"--url", "wss://other.example.com/?key=" + mark, "--header", "Authorization: Bearer " + mark},
		"a token for no route":             {"--url", "wss://ws.example.com/?key=" + mark, "--header", "X-API-Key: " + mark},
		"a token for a server":             {"--url", "wss://ws.example.com/asked?key=" + mark, "--header", "Authorization: Bearer " + mark, "--header", "Cookie: a=" + mark},
		"a certificate with its key":       {"--client-cert", at["pair.pem"]},
		"a good certificate with its key":  {"--client-cert", at["named.pem"]},
		"a key for a certificate":          {"--client-cert", at["key.pem"]},
		"a key that says certificate":      {"--client-cert", at["swapped.pem"]},
		"the content of a key":             {"--client-cert", at["private"]},
		"a certificate, and a bad key":     {"--client-cert", at["named.pem"], "--header", "X-API-Key: " + mark},
		"a certificate of another listing": {"--client-cert", at["token"]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := append([]string{"explain", "-f", at["gateway.yaml"]}, args...)
			if !slices.Contains(args, "--url") {
				all = append(all, "--url", "wss://ws.example.com/every")
			}
			for _, more := range [][]string{nil, page, {"-o", "json"}} {
				if len(more) > 1 && slices.Contains(args, more[0]) {
					continue
				}
				out, log, exit := finished(t, "", append(slices.Clone(all), more...)...)
				if out+log == "" || exit > 3 {
					t.Errorf("exit %d, and nothing is said", exit)
				}
				for _, trace := range traces {
					if strings.Contains(out+log, trace) {
						t.Errorf("%s is repeated:\n%s%s", trace, out, log)
					}
				}
			}
		})
	}
}
