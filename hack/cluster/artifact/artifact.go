// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package artifact builds the programs of a Kubernetes node from Go modules and
// keeps them in a cache outside the checkout. Everything comes through the Go
// module proxy, so no container registry and no release server is needed.
package artifact

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Versions of what is built. They must agree with the go.mod file of the
// module named in the same place; TestVersionsMatchModules holds that.
const (
	KubernetesVersion  = "v1.37.2"
	EtcdVersion        = "v3.7.3"
	CoreDNSVersion     = "v1.15.0"
	CertManagerVersion = "v1.21.2"
)

// Binary is one program that is built from one of the modules in this folder.
type Binary struct {
	Name    string // file name of the result
	Module  string // folder of the building module, relative to hack/cluster
	Package string // import path, or "." for the main package of the module
	Version string // shown in progress lines and part of the cache key
	LDFlags string
}

// Test returns the three programs that controller tests need.
func Test() []Binary {
	return []Binary{etcd(), kubernetes("kubectl"), kubernetes("kube-apiserver")}
}

// Node returns everything that a node needs. What the controller tests need
// comes first, so that both lists fill the same cache in the same order.
func Node() []Binary {
	const stripped = "-s -w"
	return append(Test(),
		kubernetes("kube-controller-manager"),
		kubernetes("kube-scheduler"),
		kubernetes("kubelet"),
		kubernetes("kube-proxy"),
		Binary{Name: "pause", Module: ".", Package: "./pause", Version: "v1", LDFlags: stripped},
		Binary{Name: "coredns", Module: "coredns", Package: ".", Version: CoreDNSVersion, LDFlags: stripped},
		Binary{Name: "cert-manager-controller", Module: "certmanager", Package: ".", Version: CertManagerVersion, LDFlags: stripped},
	)
}

func etcd() Binary {
	return Binary{Name: "etcd", Module: "etcd", Package: "go.etcd.io/etcd/server/v3", Version: EtcdVersion, LDFlags: "-s -w"}
}

// kubernetes describes one command of the Kubernetes repository. Without the
// version flags clients are told v0.0.0, and Helm charts with a kubeVersion
// constraint refuse to install.
func kubernetes(name string) Binary {
	flags := []string{"-s", "-w"}
	major, minor, _ := strings.Cut(strings.TrimPrefix(KubernetesVersion, "v"), ".")
	minor, _, _ = strings.Cut(minor, ".")
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags = append(flags,
			"-X "+pkg+".gitVersion="+KubernetesVersion,
			"-X "+pkg+".gitMajor="+major,
			"-X "+pkg+".gitMinor="+minor,
			"-X "+pkg+".gitTreeState=clean")
	}
	return Binary{
		Name:    name,
		Module:  "kubernetes",
		Package: "k8s.io/kubernetes/cmd/" + name,
		Version: KubernetesVersion,
		LDFlags: strings.Join(flags, " "),
	}
}

// CacheDir returns the folder that outlives checkouts and clusters: below
// $WSGATEWAY_CACHE, else below the user's cache directory.
func CacheDir() (string, error) {
	if dir := os.Getenv("WSGATEWAY_CACHE"); dir != "" {
		return filepath.Abs(filepath.Join(dir, "cluster"))
	}
	base, err := os.UserCacheDir() // honours XDG_CACHE_HOME
	if err != nil {
		return "", fmt.Errorf("no place for built binaries, set WSGATEWAY_CACHE to a folder: %w", err)
	}
	return filepath.Join(base, "websocket-gateway-operator", "cluster"), nil
}
