// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestLeavesAreTrustedAsClientAndServer(t *testing.T) {
	dir := t.TempDir()
	ca, err := NewAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	leaf := Leaf{
		File: "kubelet", CommonName: "system:node:node", Organizations: []string{"system:nodes"},
		DNSNames: []string{"node"}, IPs: []net.IP{net.IPv4(10, 0, 0, 1)},
	}
	if err := ca.Issue(leaf); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "kubelet.crt"), filepath.Join(dir, "kubelet.key"))
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
		options := x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage}}
		if _, err := pair.Leaf.Verify(options); err != nil {
			t.Errorf("usage %d: %v", usage, err)
		}
	}
	if err := pair.Leaf.VerifyHostname("10.0.0.1"); err != nil {
		t.Error(err)
	}
	if pair.Leaf.Subject.CommonName != leaf.CommonName || pair.Leaf.Subject.Organization[0] != "system:nodes" {
		t.Errorf("subject: %s", pair.Leaf.Subject)
	}
}

func TestKeysArePrivate(t *testing.T) {
	dir := t.TempDir()
	ca, err := NewAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := ca.SigningKey("sa"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ca.key", "sa.key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", name, info.Mode().Perm())
		}
	}
}
