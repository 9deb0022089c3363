// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package standalone_test

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/standalone"
)

func listener(change func(*wsv1alpha1.CertificateSource), names ...wsv1alpha1.Hostname) *wsv1alpha1.Listener {
	l := &wsv1alpha1.Listener{Name: "public", Port: 443, Hostnames: names}
	l.TLS.Certificate.IssuerRef = &wsv1alpha1.IssuerReference{Name: "ca"}
	if change != nil {
		change(&l.TLS.Certificate)
	}
	return l
}

func leaf(t *testing.T, folder string, l *wsv1alpha1.Listener, now time.Time) *x509.Certificate {
	t.Helper()
	files, err := standalone.Certificate(folder, l, now)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(files["tls.crt"], files["tls.key"])
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func TestTheCAIssuesWhatClientsAccept(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	size := int32(384)
	rsaKey := func(c *wsv1alpha1.CertificateSource) {
		c.PrivateKey = &wsv1alpha1.PrivateKey{Algorithm: wsv1alpha1.KeyAlgorithmRSA}
	}
	bigKey := func(c *wsv1alpha1.CertificateSource) {
		c.PrivateKey = &wsv1alpha1.PrivateKey{Algorithm: wsv1alpha1.KeyAlgorithmECDSA, Size: &size}
	}
	short := func(c *wsv1alpha1.CertificateSource) { c.Duration = &metav1.Duration{Duration: time.Hour} }
	tests := map[string]struct {
		listener *wsv1alpha1.Listener
		bits     int
		lifetime time.Duration
	}{
		"by default":        {listener(nil, "ws.example.com"), 256, 90 * 24 * time.Hour},
		"an RSA key":        {listener(rsaKey, "ws.example.com"), 2048, 90 * 24 * time.Hour},
		"a larger ECDSA":    {listener(bigKey, "ws.example.com"), 384, 90 * 24 * time.Hour},
		"for one hour":      {listener(short, "ws.example.com"), 256, time.Hour},
		"for several names": {listener(nil, "ws.example.com", "*.example.com"), 256, 90 * 24 * time.Hour},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			issued := leaf(t, folder, test.listener, now)
			ca, err := os.ReadFile(filepath.Join(folder, "ca.crt"))
			if err != nil {
				t.Fatal(err)
			}
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(ca)
			_, err = issued.Verify(x509.VerifyOptions{Roots: roots, DNSName: "ws.example.com", CurrentTime: now})
			if err != nil {
				t.Error(err)
			}
			if got := bits(issued); got != test.bits {
				t.Errorf("a key of %d bits, want %d", got, test.bits)
			}
			if got := issued.NotAfter.Sub(now); got != test.lifetime {
				t.Errorf("valid for %v, want %v", got, test.lifetime)
			}
		})
	}
}

func bits(certificate *x509.Certificate) int {
	switch key := certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen()
	case *ecdsa.PublicKey:
		return key.Curve.Params().BitSize
	}
	return 0
}

func TestACertificateIsKeptWhileItIsGood(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	rsaKey := func(c *wsv1alpha1.CertificateSource) {
		c.PrivateKey = &wsv1alpha1.PrivateKey{Algorithm: wsv1alpha1.KeyAlgorithmRSA}
	}
	tests := map[string]struct {
		listener *wsv1alpha1.Listener
		after    time.Duration
		kept     bool
	}{
		"the same, a day later":             {listener(nil, "a.example.com", "b.example.com"), 24 * time.Hour, true},
		"hostnames in another order":        {listener(nil, "b.example.com", "a.example.com"), time.Hour, true},
		"another hostname":                  {listener(nil, "a.example.com", "c.example.com"), time.Hour, false},
		"another kind of key":               {listener(rsaKey, "a.example.com", "b.example.com"), time.Hour, false},
		"when a third of its life is left":  {listener(nil, "a.example.com", "b.example.com"), 61 * 24 * time.Hour, false},
		"when the CA itself is about to go": {listener(nil, "a.example.com", "b.example.com"), 3600 * 24 * time.Hour, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			first := leaf(t, folder, listener(nil, "a.example.com", "b.example.com"), now)
			second := leaf(t, folder, test.listener, now.Add(test.after))
			if kept := first.Equal(second); kept != test.kept {
				t.Errorf("kept: %v, want %v", kept, test.kept)
			}
		})
	}
}

func TestADamagedCAIsNotReplacedInSilence(t *testing.T) {
	t.Parallel()
	folder, now := t.TempDir(), time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	leaf(t, folder, listener(nil, "a.example.com"), now)
	if err := os.WriteFile(filepath.Join(folder, "ca.crt"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := standalone.Certificate(folder, listener(nil, "a.example.com"), now); err == nil {
		t.Error("clients that trust the old CA were not told")
	}
}
