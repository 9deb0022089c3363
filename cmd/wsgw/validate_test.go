// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// validated runs wsgw validate on a text as gw.yaml.
func validated(t *testing.T, text string, args ...string) (out, log string, exit int) {
	t.Helper()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "gw.yaml"), text)
	cmd := exec.Command(plainProgram, append([]string{"validate", "-f", "gw.yaml"}, args...)...)
	cmd.Dir = folder
	return ran(t, cmd)
}

const (
	gatewayHead = "apiVersion: wsgateway.dev/v1alpha1\nkind: WebSocketGateway\nmetadata: {name: edge}\nspec:\n" +
		"  listeners: [{name: public, port: 443, hostnames: [ws.example.com], tls: {certificate: {secretRef: {name: pair}}}}]\n"
	keysPolicy = "  authPolicies: [{name: keys, anyOf: [{apiKey: {secretRef: {name: keys}}}]}]\n"
	keysRoute  = "  routes: [{name: chat, authPolicy: keys, backendRefs: [{name: echo, port: 8080}]}]\n"
)

func document(kind, name, rest string) string {
	return "---\napiVersion: v1\nkind: " + kind + "\nmetadata: {name: " + name + "}\n" + rest + "\n"
}

// validation is what a file is told.
type validation struct {
	text string
	args []string
	want []string
	exit int
}

func TestTheSampleOfTLSToBackendsIsValid(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../config/samples/backend-tls.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if out, log, exit := validated(t, string(text)); exit != 0 || !strings.Contains(out+log, "is valid") {
		t.Errorf("exit %d: %s%s", exit, out, log)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	pair := func(names ...string) string {
		issued := ca.Issue(t, names...)
		return document("Secret", "pair", "stringData:\n  tls.crt: |\n"+indent(issued.Certificate)+"  tls.key: |\n"+indent(issued.Key))
	}
	service := document("Service", "echo", "spec: {ports: [{port: 8080}]}")
	keys := document("Secret", "keys", "stringData: {sensor: sixteen-characters}")
	whole := gatewayHead + keysPolicy + keysRoute
	tests := map[string]validation{
		"everything is there": {
			text: whole + pair("ws.example.com") + service + keys,
			args: []string{"--strict"},
			want: []string{`gw.yaml:1: WebSocketGateway "edge" is valid`},
		},
		"references that no file holds": {
			text: whole,
			want: []string{
				`gw.yaml:1: spec.routes[chat].backendRefs[0].name: not checked: Service "echo"`,
				`gw.yaml:1: spec.authPolicies[keys].anyOf[0].apiKey.secretRef.name: not checked: Secret "keys"`,
				`gw.yaml:1: spec.listeners[public].tls.certificate.secretRef.name: not checked: Secret "pair"`,
				`gw.yaml:1: WebSocketGateway "edge" is valid`,
			},
		},
		"references that no file holds, strictly": {text: whole, args: []string{"--strict"}, want: []string{`not checked: Service "echo"`}, exit: 1},
		"a field that does not exist": {
			text: strings.Replace(whole, "authPolicy:", "authpolicy:", 1), exit: 1,
			want: []string{"gw.yaml:1: spec.routes[0].authpolicy: there is no such field in this release: remove it, or correct its name"},
		},
		"a name that is too long": {
			text: strings.Replace(whole, "{name: edge}", "{name: "+strings.Repeat("e", 41)+"}", 1), exit: 1,
			want: []string{"gw.yaml:1: metadata.name must be a DNS label of at most 40 characters"},
		},
		"a certificate for backends with another key": {
			text: whole + "  backendTLS: [{name: inside, clientCertificate: {secretRef: {name: pair}}}]\n" + service + keys + document("Secret", "pair",
				"stringData:\n  tls.crt: |\n"+indent(ca.Issue(t, "ws.example.com").Certificate)+"  tls.key: |\n"+indent(ca.Issue(t, "ws.example.com").Key)), exit: 1,
			want: []string{"spec.backendTLS[inside].clientCertificate.secretRef: Secret \"pair\" cannot be used"},
		},
		"a Secret that lacks a key": {
			text: whole + service + keys + document("Secret", "pair", "stringData: {tls.crt: x}"), exit: 1,
			want: []string{`gw.yaml:1: spec.listeners[public].tls.certificate.secretRef: Secret "pair" has no key "tls.key": add it`},
		},
		"a rule of the CRD": {
			text: strings.Replace(whole, "port: 443", "port: 19000", 1), exit: 1,
			want: []string{"gw.yaml:1: spec.listeners[0].port: ports 10001-11023 and 19000-19001 are reserved: choose another port"},
		},
		"a route whose policy is missing": {
			text: gatewayHead + keysRoute, exit: 1,
			want: []string{`gw.yaml:1: spec.routes[chat].authPolicy: spec.authPolicies has no policy "keys"`},
		},
		"a port that the Service does not have": {
			text: whole + document("Service", "echo", "spec: {ports: [{port: 80}]}"), exit: 1,
			want: []string{`gw.yaml:1: spec.routes[chat].backendRefs[0].port: Service "echo" has no port 8080: add the port to it, or use one of 80`},
		},
		"a certificate for other names": {
			text: whole + pair("other.example.com"), exit: 1,
			want: []string{`gw.yaml:1: spec.listeners[public].tls.certificate.secretRef: Secret "pair" cannot be used (`, "): correct its content"},
		},
		"an API key that can be guessed": {
			text: whole + document("Secret", "keys", "stringData: {sensor: short}"), exit: 1,
			want: []string{`gw.yaml:1: spec.authPolicies[keys]: Secret "keys" cannot be used (API key "sensor": shorter than 16 characters): correct its content`},
		},
		"the second document is broken": {text: whole + "---\nkind: [", exit: 1, want: []string{"gw.yaml:2: not valid YAML"}},
		"the same gateway twice":        {text: whole + "---\n" + whole, exit: 1, want: []string{`gw.yaml:2: metadata.name: WebSocketGateway "edge" was already in gw.yaml:1`}},
		"a kind of ours that does not exist": {
			text: "apiVersion: wsgateway.dev/v1alpha1\nkind: WebsocketGateway\nmetadata: {name: edge}\n", exit: 1,
			want: []string{"gw.yaml:1: kind: this release has no WebsocketGateway of wsgateway.dev/v1alpha1"},
		},
		"a key set with a private key": {
			text: gatewayHead + `  authPolicies: [{name: users, anyOf: [{jwt: {issuer: a, audiences: [b], algorithms: [ES256], jwks: {configMapRef: {name: jwks}}}}]}]` + "\n" +
				document("ConfigMap", "jwks", "data:\n  jwks.json: |\n    {\"keys\": [{\"kty\": \"EC\", \"d\": \"AQAB\"}]}"),
			exit: 1,
			want: []string{`gw.yaml:1: spec.authPolicies[users].anyOf[0].jwt.jwks.configMapRef: key "jwks.json" of ConfigMap "jwks" is no usable key set`},
		},
	}
	trusting := strings.Replace(gatewayHead, "{name: pair}}", "{name: pair}}, clientCertificates: {mode: Require, caRefs: [{name: partners}]}", 1)
	tests["CAs of clients"] = validation{
		text: strings.Replace(whole, gatewayHead, trusting, 1) + pair("ws.example.com") + service + keys +
			document("ConfigMap", "partners", "data:\n  ca.crt: |\n"+indent(ca.PEM)),
		args: []string{"--strict"}, want: []string{`gw.yaml:1: WebSocketGateway "edge" is valid`},
	}
	tests["CAs of clients that are none"] = validation{
		text: strings.Replace(whole, gatewayHead, trusting, 1) +
			document("ConfigMap", "partners", "data:\n  ca.crt: |\n"+indent(ca.Issue(t, "ws.example.com").Certificate)),
		exit: 1,
		want: []string{`gw.yaml:1: spec.listeners[public].tls.clientCertificates.caRefs[0]: key "ca.crt" of ConfigMap "partners" is no usable CA bundle`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, log, exit := validated(t, test.text, test.args...)
			if exit != test.exit {
				t.Errorf("exit status %d, want %d", exit, test.exit)
			}
			for _, want := range test.want {
				if !strings.Contains(out, want) {
					t.Errorf("want %q in\n%s%s", want, out, log)
				}
			}
			if exit == 0 && len(strings.Split(strings.TrimSpace(out), "\n")) != len(test.want) {
				t.Errorf("more is said than wanted:\n%s", out)
			}
		})
	}
}

func indent(text []byte) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "\n    ") + "\n"
}

func TestValidateIgnoresOtherKindsWithANote(t *testing.T) {
	t.Parallel()
	out, log, exit := validated(t, gatewayHead+document("Pod", "other", "spec: {}"))
	if exit != 0 || !strings.Contains(log, `gw.yaml:2: Pod "other" ignored`) || strings.Contains(out, "Pod") {
		t.Errorf("exit status %d\n%s\n%s", exit, out, log)
	}
}

func TestValidateReadsFoldersAndStandardInput(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(sample, "gateway.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, cmd := range map[string]*exec.Cmd{
		"folder":         exec.Command(plainProgram, "validate", "-f", sample),
		"standard input": exec.Command(plainProgram, "validate", "-f", "-"),
	} {
		cmd.Stdin = strings.NewReader(string(text))
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), `WebSocketGateway "edge" is valid`) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestValidateHintsAtLimitsThatChangeNothing(t *testing.T) {
	t.Parallel()
	limited := func(text, limits string) string {
		return strings.Replace(text, "backendRefs:", "limits: "+limits+", backendRefs:", 1)
	}
	attached := func(limits string) string {
		return openGateway + limited(attachedRoute("a", "chat.example.com", "all"), limits) + team("a", "yes")
	}
	loose, tight := "{maxMessageBytes: 2097152, idleTimeout: 1m}", "{maxMessageBytes: 65536}"
	for name, test := range map[string]struct{ text, hint string }{
		"a route of the gateway that is looser than a default": {
			limited(gatewayHead+keysPolicy+keysRoute, loose),
			`gw.yaml:1: hint: spec.routes[chat].limits (in force: maxMessageBytes 1048576): WebSocketGateway "edge" has tighter ones`,
		},
		"a route of the gateway that is looser than its limits": {
			limited(gatewayHead+keysPolicy+keysRoute, tight) + "  limits: {maxMessageBytes: 1024}\n",
			`gw.yaml:1: hint: spec.routes[chat].limits (in force: maxMessageBytes 1024): WebSocketGateway "edge" has tighter ones`,
		},
		"a route of the gateway that is tighter": {limited(gatewayHead+keysPolicy+keysRoute, tight), ""},
		"a WebSocketRoute that is looser": {
			attached(loose),
			`gw.yaml:2: hint: spec.rules[v1].limits (in force: maxMessageBytes 1048576): WebSocketGateway "edge" has tighter ones`,
		},
		"a WebSocketRoute that is tighter": {attached(tight), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, log, exit := validated(t, test.text)
			if exit != 0 || strings.Contains(out, "hint") {
				t.Errorf("exit status %d, and hints are for standard error:\n%s", exit, out)
			}
			if !strings.Contains(log, test.hint) || strings.Count(log, "hint: ") != min(len(test.hint), 1) {
				t.Errorf("want %q and no other hint in\n%s", test.hint, log)
			}
		})
	}
}

func TestTheSamplesForGitOpsAreValid(t *testing.T) {
	t.Parallel()
	const samples = "../../config/samples/gitops/"
	cmd := exec.Command(plainProgram, "validate", "--strict", "-f", samples+"issuers", "-f", samples+"gateways")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), `WebSocketGateway "edge" is valid`) {
		t.Errorf("%v\n%s", err, out)
	}
}
