// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package argocd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// account is who Argo CD is on the cluster; the API server's log names it.
const account = "system:serviceaccount:" + space + ":argocd"

// argo is a running Argo CD: redis, repository server, application controller, and
// the API server that the user interface and the command line talk to.
type argo struct {
	folder string
	// api is the address of its API, which anybody on this machine may use.
	api    string
	client http.Client
	env    []string
}

// installation is what the components expect to find.
const installation = `
apiVersion: v1
kind: Namespace
metadata: {name: argocd}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: argocd, namespace: argocd}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: argocd}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: argocd, namespace: argocd}]
---
apiVersion: v1
kind: Secret
metadata: {name: argocd-secret, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-rbac-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-tls-certs-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-ssh-known-hosts-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-gpg-keys-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
`

const project = `
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: default, namespace: argocd}
spec:
  sourceRepos: ["*"]
  destinations: [{namespace: "*", server: "*"}]
  clusterResourceWhitelist: [{group: "*", kind: "*"}]
`

func startArgo(t *testing.T, k kubectl) *argo {
	t.Helper()
	a := &argo{folder: t.TempDir(), client: http.Client{Timeout: 30 * time.Second}}
	k.apply(t, installation)
	k.run(t, "apply", "--server-side", "--force-conflicts", "-k", filepath.Join(need(t, "WSGATEWAY_ARGOCD_SOURCE"), "manifests", "crds"))
	// A CRD that was made a moment ago has null where its conditions will be, which
	// kubectl wait takes for a fault of its own.
	until(t, time.Minute, func() error {
		_, err := k.try(t.Context(), "", "wait", "--for=condition=Established", "--timeout=30s",
			"crd/applications.argoproj.io", "crd/appprojects.argoproj.io")
		return err
	})
	k.apply(t, project)
	// As docs/gitops.md says.
	k.run(t, "apply", "--server-side", "--force-conflicts", "-f", filepath.Join(checkout, "config/argocd/argocd-cm.yaml"))
	k.run(t, "patch", "configmap", "argocd-cm", "-n", space, "--type=merge", "--patch-file", filepath.Join(checkout, examplesFolder, "argocd-cm.yaml"))

	a.environment(t, a.login(t, k))
	redis, repo, server := address(t), address(t), address(t)
	a.api = "http://" + server
	a.start(t, "redis", "redis-server", "--bind", host(redis), "--port", port(redis), "--save", "", "--appendonly", "no")
	listening(t, redis)
	a.start(t, "repo-server", "argocd-repo-server", "--address", host(repo), "--port", port(repo), "--disable-tls",
		"--metrics-address", "127.0.0.1", "--metrics-port", port(address(t)), "--redis", redis)
	listening(t, repo)
	a.start(t, "controller", "argocd-application-controller", "--namespace", space, "--redis", redis,
		"--repo-server", repo, "--repo-server-plaintext", "--metrics-port", port(address(t)),
		"--persist-resource-health", "--app-resync", "10", "--app-resync-jitter", "0", "--self-heal-timeout-seconds", "1")
	a.start(t, "server", "argocd-server", "--namespace", space, "--redis", redis, "--address", host(server), "--port", port(server),
		"--repo-server", repo, "--repo-server-plaintext", "--insecure", "--disable-auth",
		"--metrics-port", port(address(t)))
	listening(t, server)
	return a
}

// login makes a kubeconfig for the account of Argo CD.
func (a *argo) login(t *testing.T, k kubectl) string {
	t.Helper()
	var config struct {
		Clusters []struct {
			Cluster map[string]any `json:"cluster"`
		} `json:"clusters"`
	}
	if err := json.Unmarshal([]byte(k.run(t, "config", "view", "--raw", "--minify", "--flatten", "-o", "json")), &config); err != nil || len(config.Clusters) != 1 {
		t.Fatalf("the kubeconfig has %d clusters, %v", len(config.Clusters), err)
	}
	token := strings.TrimSpace(k.run(t, "create", "token", "argocd", "-n", space, "--duration=12h"))
	data, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "argocd",
		"clusters": []any{map[string]any{"name": "node", "cluster": config.Clusters[0].Cluster}},
		"users":    []any{map[string]any{"name": "argocd", "user": map[string]any{"token": token}}},
		"contexts": []any{map[string]any{"name": "argocd", "context": map[string]any{"cluster": "node", "user": "argocd", "namespace": space}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(a.folder, "kubeconfig")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// environment makes folders for everything that the components would keep in
// their containers, and a folder of programs: Argo CD is one binary under many names.
func (a *argo) environment(t *testing.T, kubeconfig string) {
	t.Helper()
	for _, name := range []string{"bin", "tls", "ssh", "gpg", "plugins", "tmp", "logs"} {
		if err := os.MkdirAll(filepath.Join(a.folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, program := range map[string]string{
		"argocd-repo-server": "WSGATEWAY_ARGOCD", "argocd-application-controller": "WSGATEWAY_ARGOCD", "argocd-server": "WSGATEWAY_ARGOCD",
		"argocd": "WSGATEWAY_ARGOCD", "helm": "WSGATEWAY_HELM", "kustomize": "WSGATEWAY_KUSTOMIZE",
	} {
		if err := os.Symlink(need(t, program), filepath.Join(a.folder, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	a.env = append(os.Environ(),
		"PATH="+filepath.Join(a.folder, "bin")+":"+os.Getenv("PATH"),
		"HOME="+a.folder, "TMPDIR="+filepath.Join(a.folder, "tmp"), "KUBECONFIG="+kubeconfig,
		"HOSTNAME=argocd-application-controller-0", "ARGOCD_FAKE_IN_CLUSTER=true", "ARGOCD_GPG_ENABLED=false",
		"ARGOCD_TLS_DATA_PATH="+filepath.Join(a.folder, "tls"), "ARGOCD_SSH_DATA_PATH="+filepath.Join(a.folder, "ssh"),
		"ARGOCD_GNUPGHOME="+filepath.Join(a.folder, "gpg"), "ARGOCD_PLUGINSOCKFILEPATH="+filepath.Join(a.folder, "plugins"),
	)
}

// start runs a component until the test ends, and shows the end of its log if the
// test fails.
func (a *argo) start(t *testing.T, name, program string, args ...string) {
	t.Helper()
	path := filepath.Join(a.folder, "bin", program)
	if _, err := os.Stat(path); err != nil {
		path = program
	}
	file := filepath.Join(a.folder, "logs", name)
	log, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path, args...)
	command.Dir, command.Env, command.Stdout, command.Stderr = a.folder, a.env, log, log
	// Whatever it starts itself (git, helm) ends with it.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
			<-ended
		}
		_ = log.Close()
		if t.Failed() {
			t.Logf("the log of %s ends:\n%s", name, tail(file, 4<<10))
		}
	})
}

func tail(file string, size int) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-size):])
}

// address is one of this machine that nobody listens at.
func address(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func host(address string) string { h, _, _ := net.SplitHostPort(address); return h }
func port(address string) string { _, p, _ := net.SplitHostPort(address); return p }

func listening(t *testing.T, address string) {
	t.Helper()
	until(t, time.Minute, func() error {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return fmt.Errorf("connect to %s: %w", address, err)
		}
		return conn.Close()
	})
}

// call asks the API of Argo CD; a nil question is a GET.
func (a *argo) call(t *testing.T, path string, question, answer any) error {
	t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if question != nil {
		data, err := json.Marshal(question)
		if err != nil {
			t.Fatal(err)
		}
		method, body = http.MethodPost, bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, a.api+"/api/v1/applications/"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, strconv.Itoa(response.StatusCode), data)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(data, answer)
}
