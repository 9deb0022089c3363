// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package node

import (
	"bytes"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"text/template"

	"github.com/wsgateway/websocket-gateway-operator/hack/cluster/pki"
)

//go:embed templates
var templates embed.FS

// Images of the node's own pods, as they are called after the import.
const (
	pauseImage       = "docker.io/wsgateway-cluster/pause:v1"
	coreDNSImage     = "docker.io/wsgateway-cluster/coredns:v1"
	certManagerImage = "docker.io/wsgateway-cluster/cert-manager-controller:v1"
)

// values are what the templates may say.
type values struct {
	Name, NodeName, Etc, PKI                   string
	Pods, DNS                                  string
	PauseImage, CoreDNSImage, CertManagerImage string
}

// users are the identities that Kubernetes knows by name, with the file names
// of their certificates. Each gets a kubeconfig.
func users() []pki.Leaf {
	return []pki.Leaf{
		{File: "kube-controller-manager", CommonName: "system:kube-controller-manager"},
		{File: "kube-scheduler", CommonName: "system:kube-scheduler"},
		{File: "kube-proxy", CommonName: "system:kube-proxy"},
	}
}

// configure writes every file that the components read. Certificates are made
// once: a node that is started again after a crash keeps them, and so do the
// kubeconfigs that people have copied.
func (l Layout) configure() error {
	for _, dir := range []string{l.State, l.Logs(), filepath.Join(l.etc(), "cni"), l.root()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if _, err := os.Stat(l.Kubeconfig()); errors.Is(err, fs.ErrNotExist) {
		if err := l.makeCertificates(); err != nil {
			return err
		}
	}
	v := values{
		Name: l.Name(), NodeName: nodeName, Etc: l.etc(), PKI: l.pki(),
		Pods: l.Pods().String(), DNS: l.DNS().String(),
		PauseImage: pauseImage, CoreDNSImage: coreDNSImage, CertManagerImage: certManagerImage,
	}
	for source, target := range map[string]string{
		"audit-policy.yaml": "audit-policy.yaml",
		"containerd.toml":   "containerd.toml",
		"cni.conflist":      "cni/10-node.conflist",
		"kubelet.yaml":      "kubelet.yaml",
		"kube-proxy.yaml":   "kube-proxy.yaml",
		"coredns.yaml":      "coredns.yaml",
		"cert-manager.yaml": "cert-manager.yaml",
	} {
		if err := render(source, l.conf(target), v); err != nil {
			return err
		}
	}
	return os.WriteFile(l.conf("resolv.conf"), nil, 0o644)
}

// makeCertificates ends with the administrator's kubeconfig, whose presence
// tells that all of it is complete.
func (l Layout) makeCertificates() error {
	ca, err := pki.NewAuthority(l.pki())
	if err != nil {
		return err
	}
	if err := ca.SigningKey("sa"); err != nil {
		return err
	}
	kubelet := pki.Leaf{
		File: "kubelet", CommonName: "system:node:" + nodeName, Organizations: []string{"system:nodes"},
		DNSNames: []string{nodeName}, IPs: []net.IP{l.NodeIP().AsSlice()},
	}
	servers := []pki.Leaf{kubelet, {
		File: "apiserver", CommonName: "kube-apiserver",
		DNSNames: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		IPs:      []net.IP{net.IPv4(127, 0, 0, 1), l.NodeIP().AsSlice(), l.APIService().AsSlice()},
	}, {
		File: "apiserver-kubelet", CommonName: "kube-apiserver-kubelet-client", Organizations: []string{"system:masters"},
	}, {
		File: aggregator, CommonName: aggregator,
	}}
	admin := pki.Leaf{File: "admin", CommonName: "admin", Organizations: []string{"system:masters"}}
	for _, leaf := range append(append(servers, admin, balancerUser()), users()...) {
		if err := ca.Issue(leaf); err != nil {
			return err
		}
	}
	for _, leaf := range append(users(), kubelet) {
		if err := l.writeKubeconfig(leaf.File, l.kubeconfigOf(leaf.File)); err != nil {
			return err
		}
	}
	return l.writeKubeconfig(admin.File, l.Kubeconfig())
}

func (l Layout) writeKubeconfig(user, path string) error {
	encode := func(name string) string {
		data, err := os.ReadFile(l.key(name))
		if err != nil {
			return ""
		}
		return base64.StdEncoding.EncodeToString(data)
	}
	return render("kubeconfig", path, map[string]string{
		"Cluster": l.Name(), "Server": l.Server(), "User": user,
		"CA": encode("ca.crt"), "Cert": encode(user + ".crt"), "Key": encode(user + ".key"),
	})
}

// render fills one template. Files are private: a kubeconfig holds a key.
func render(name, path string, v any) error {
	t, err := template.New(name).Option("missingkey=error").ParseFS(templates, "templates/"+name)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, v); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.WriteFile(path, out.Bytes(), 0o600)
}
