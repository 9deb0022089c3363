// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package argocd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// checkout is the product, as seen from this folder.
const checkout = "../.."

// Folders of the repository that Argo CD reads, which are those of the product's.
const (
	chartFolder    = "charts/websocket-gateway-operator"
	samplesFolder  = "config/samples/gitops"
	examplesFolder = "config/argocd/examples"
	gatewaysFolder = samplesFolder + "/gateways"
	appsFolder     = examplesFolder + "/apps"
)

// repository is a Git repository on this machine: what a user would have copied
// from the product, with its address put in.
type repository struct{ folder string }

func newRepository(t *testing.T) *repository {
	t.Helper()
	r := &repository{folder: filepath.Join(t.TempDir(), "platform")}
	for _, folder := range []string{chartFolder, samplesFolder, examplesFolder} {
		if err := os.CopyFS(filepath.Join(r.folder, folder), os.DirFS(filepath.Join(checkout, folder))); err != nil {
			t.Fatal(err)
		}
	}
	// The node has cert-manager.
	if err := os.Remove(filepath.Join(r.folder, appsFolder, "cert-manager.yaml")); err != nil {
		t.Fatal(err)
	}
	manifests, err := filepath.Glob(filepath.Join(r.folder, examplesFolder, "apps", "*.yaml"))
	if err != nil || len(manifests) != 3 {
		t.Fatalf("found the applications %q, %v", manifests, err)
	}
	for _, file := range append(manifests, filepath.Join(r.folder, examplesFolder, "root.yaml")) {
		name, err := filepath.Rel(r.folder, file)
		if err != nil {
			t.Fatal(err)
		}
		r.edit(t, name, "https://github.com/wsgateway/websocket-gateway-operator", "file://"+r.folder)
		r.edit(t, name, "targetRevision: v0.1.0", "targetRevision: main")
	}
	r.addTeam(t)
	r.git(t, "init", "--quiet", "--initial-branch=main")
	r.commit(t, "as copied")
	return r
}

func (r *repository) git(t *testing.T, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "git", args...)
	command.Dir = r.folder
	command.Env = append(os.Environ(), "GIT_AUTHOR_NAME=platform", "GIT_AUTHOR_EMAIL=platform@example.com",
		"GIT_COMMITTER_NAME=platform", "GIT_COMMITTER_EMAIL=platform@example.com", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit makes a commit of what there is, and returns its name.
func (r *repository) commit(t *testing.T, message string) string {
	t.Helper()
	r.git(t, "add", "--all")
	r.git(t, "commit", "--quiet", "--allow-empty", "--message", message)
	return r.git(t, "rev-parse", "HEAD")
}

func (r *repository) read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (r *repository) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.folder, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r *repository) remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(r.folder, name)); err != nil {
		t.Fatal(err)
	}
}

// edit replaces a text that must be there.
func (r *repository) edit(t *testing.T, name, old, replacement string) {
	t.Helper()
	content := r.read(t, name)
	if !strings.Contains(content, old) {
		t.Fatalf("%s does not have %q", name, old)
	}
	r.write(t, name, strings.ReplaceAll(content, old, replacement))
}

// setMode has the applications apply and compare in a mode.
func (r *repository) setMode(t *testing.T, m mode) {
	t.Helper()
	for _, app := range []string{"gateways.yaml", "operator.yaml"} {
		name := filepath.Join(appsFolder, app)
		for _, wanted := range []bool{true, false} {
			content := r.read(t, name)
			content = strings.ReplaceAll(content, fmt.Sprintf("ServerSideApply=%t", wanted), fmt.Sprintf("ServerSideApply=%t", m.serverApply))
			content = strings.ReplaceAll(content, fmt.Sprintf("ServerSideDiff=%t", wanted), fmt.Sprintf("ServerSideDiff=%t", m.serverSideDiff))
			r.write(t, name, content)
		}
		content := r.read(t, name)
		for _, option := range []string{fmt.Sprintf("ServerSideApply=%t", m.serverApply), fmt.Sprintf("ServerSideDiff=%t", m.serverSideDiff)} {
			if !strings.Contains(content, option) {
				t.Fatalf("%s does not have %s", name, option)
			}
		}
	}
}

// gatewayManifest is a gateway of one pod that lets routes of all namespaces in; when is a rule of authorization, a
// fault where it cannot be compiled.
func gatewayManifest(name, when string) string {
	return fmt.Sprintf(`apiVersion: wsgateway.dev/v1alpha1
kind: WebSocketGateway
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  listeners:
  - name: public
    port: 443
    hostnames: [%[1]s.example.com, "*.%[1]s.example.com"]
    allowedRoutes: {namespaces: {from: All}, authPolicies: [guests]}
    tls: {certificate: {issuerRef: {name: ca, kind: ClusterIssuer}, duration: 1h}}
  authPolicies:
  - name: guests
    anyOf: [{anonymous: {}}]
    origins: {allow: ["https://app.example.com"], missing: Deny}
    authorization:
      rules: [{name: all, action: Allow, when: "%[3]s"}]
  routes:
  - {name: all, hostnames: [%[1]s.example.com], path: {value: /}, authPolicy: guests, backendRefs: [{name: echo, port: 8080}]}
  infrastructure:
    replicas: 1
    service: {type: ClusterIP}
    resources: {requests: {cpu: "0.01", memory: 32768Ki}}
`, name, teamSpace, when)
}
