// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The versions in the code name the cache and go into the binaries; those in
// the go.mod files decide what is built.
func TestVersionsMatchModules(t *testing.T) {
	for module, want := range map[string]string{
		"kubernetes":  "k8s.io/kubernetes " + KubernetesVersion,
		"etcd":        "go.etcd.io/etcd/server/v3 " + EtcdVersion,
		"coredns":     "github.com/coredns/coredns " + CoreDNSVersion,
		"certmanager": "github.com/cert-manager/cert-manager " + CertManagerVersion,
	} {
		data, err := os.ReadFile(filepath.Join("..", module, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), want) {
			t.Errorf("hack/cluster/%s/go.mod does not require %s", module, want)
		}
	}
}

func TestCacheKeyFollowsTheModule(t *testing.T) {
	source := t.TempDir()
	change := func(name, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(source, "etcd"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(source, "etcd", name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	store := NewStore(source, "/cache", io.Discard)
	seen := map[string]string{}
	look := func(why string, b Binary) {
		t.Helper()
		path, err := store.path(b)
		if err != nil {
			t.Fatal(err)
		}
		if before, again := seen[path]; again {
			t.Errorf("%s and %s share %s", before, why, path)
		}
		seen[path] = why
	}
	b := Binary{Name: "etcd", Module: "etcd", Package: "example.com/etcd", Version: "v1"}
	change("go.mod", "module etcd")
	look("first", b)
	change("go.sum", "x")
	look("other go.sum", b)
	change("main.go", "package main")
	look("other source", b)
	b.LDFlags = "-s"
	look("other flags", b)
	b.Version = "v2"
	look("other version", b)
}

func TestKubernetesTellsItsVersion(t *testing.T) {
	flags := kubernetes("kubectl").LDFlags
	for _, want := range []string{"gitVersion=" + KubernetesVersion, "gitMajor=1", "gitMinor=37"} {
		if !strings.Contains(flags, want) {
			t.Errorf("flags lack %s: %s", want, flags)
		}
	}
}
