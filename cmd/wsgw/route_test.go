// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	openGateway = "apiVersion: wsgateway.dev/v1alpha1\nkind: WebSocketGateway\nmetadata: {name: edge, namespace: wss}\nspec:\n" +
		"  listeners: [{name: public, port: 443, hostnames: ['*.example.com'], tls: {certificate: {secretRef: {name: pair}}},\n" +
		"    allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: 'yes'}}}, authPolicies: [all]}}]\n" +
		"  authPolicies: [{name: all, anyOf: [{anonymous: {}}]}]\n"
	attachedHead = "---\napiVersion: wsgateway.dev/v1alpha1\nkind: WebSocketRoute\n"
)

func attachedRoute(namespace, hostname, policy string) string {
	return attachedHead + "metadata: {name: chat, namespace: " + namespace + "}\nspec:\n  parentRefs: [{name: edge, namespace: wss}]\n" +
		"  hostnames: [" + hostname + "]\n  rules: [{name: v1, authPolicy: " + policy + ", backendRefs: [{name: echo, port: 8080}]}]\n"
}

func team(name, label string) string {
	return "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: " + name + ", labels: {team: '" + label + "'}}\n" +
		"---\napiVersion: v1\nkind: Service\nmetadata: {name: echo, namespace: " + name + "}\nspec: {ports: [{port: 8080}]}\n"
}

func TestValidateCompilesRoutesWithTheirGateway(t *testing.T) {
	t.Parallel()
	tests := map[string]validation{
		"a route that fits": {
			text: openGateway + attachedRoute("a", "chat.example.com", "all") + team("a", "yes"),
			want: []string{`gw.yaml:1: WebSocketGateway "edge" is valid`, `gw.yaml:2: WebSocketRoute "chat" is valid`},
		},
		"a policy that is not offered": {
			text: openGateway + attachedRoute("a", "chat.example.com", "other") + team("a", "yes"), exit: 1,
			want: []string{`gw.yaml:2: spec.rules[v1].authPolicy: listener "public" offers no policy "other"`, `WebSocketGateway "edge" is valid`},
		},
		"a profile that is not offered": {
			text: openGateway + strings.Replace(attachedRoute("a", "chat.example.com", "all"), "port: 8080}", "port: 8080, tls: inside}", 1) + team("a", "yes"), exit: 1,
			want: []string{`gw.yaml:2: spec.rules[v1].backendRefs[0].tls: listener "public" offers no profile "inside"`, `WebSocketGateway "edge" is valid`},
		},
		"a namespace without the label": {
			text: openGateway + attachedRoute("a", "chat.example.com", "all") + team("a", "no"), exit: 1,
			want: []string{`gw.yaml:2: spec.parentRefs[0]: no listener that this names allows routes of namespace "a"`},
		},
		"a hostname that another namespace names": {
			text: openGateway + attachedRoute("a", "chat.example.com", "all") + attachedRoute("b", "chat.example.com", "all") + team("a", "yes") + team("b", "yes"), exit: 1,
			want: []string{`gw.yaml:2: WebSocketRoute "chat" is valid`, `gw.yaml:3: spec.hostnames[0]: somebody else holds the hostname "chat.example.com"`},
		},
		"a namespace, a Service and a gateway that no file holds": {
			text: openGateway + attachedRoute("a", "chat.example.com", "all") + strings.Replace(attachedRoute("b", "x.example.com", "all"), "name: edge,", "name: far,", 1),
			want: []string{
				`gw.yaml:2: spec.rules[v1].backendRefs[0].name: not checked: Service "echo"`,
				`gw.yaml:3: spec.parentRefs[0]: not checked: WebSocketGateway "far"`, `gw.yaml:2: WebSocketRoute "chat" is valid`,
			},
		},
		"a Service of another namespace that a grant allows": {
			text: openGateway + strings.Replace(attachedRoute("a", "chat.example.com", "all"), "name: echo,", "name: echo, namespace: b,", 1) + team("a", "yes") + team("b", "no") +
				"---\napiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\nmetadata: {name: g, namespace: b}\n" +
				"spec: {from: [{group: wsgateway.dev, kind: WebSocketRoute, namespace: a}], to: [{group: '', kind: Service}]}\n",
			want: []string{`gw.yaml:2: WebSocketRoute "chat" is valid`},
		},
		"a field that a route does not have": {
			text: attachedRoute("a", "chat.example.com", "all") + "  limits: {}\n", exit: 1,
			want: []string{"spec.limits: there is no such field in this release"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, log, exit := validated(t, test.text, test.args...)
			if exit != test.exit {
				t.Errorf("exit status %d, want %d: %s", exit, test.exit, log)
			}
			for _, want := range test.want {
				if !strings.Contains(out, want) {
					t.Errorf("output does not have %q:\n%s", want, out)
				}
			}
		})
	}
}

func TestExplainKnowsAttachedRoutes(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "all.yaml"), openGateway+attachedRoute("a", "chat.example.com", "all")+team("a", "yes"))
	cmd := exec.Command(plainProgram, "explain", "-f", "all.yaml", "--url", "wss://chat.example.com/room")
	cmd.Dir = folder
	out, log, exit := ran(t, cmd)
	if !strings.Contains(out, "a/chat/v1") {
		t.Errorf("exit status %d, and no word of the route:\n%s%s", exit, out, log)
	}
}
