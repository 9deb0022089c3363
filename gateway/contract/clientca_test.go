// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// ca makes a certificate that signed itself.
func ca(t testing.TB, change func(*x509.Certificate)) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signed(t, change, key.Public(), key)
}

func signed(t testing.TB, change func(*x509.Certificate), public, private any) string {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "partners"}, NotAfter: time.Unix(1<<32, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestABundleOfClientCAs(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	good := ca(t, nil)
	key := "-----BEGIN PRIVATE KEY-----\nU0VDUkVU\n-----END PRIVATE KEY-----\n"
	for name, tt := range map[string]struct {
		bundle string
		count  int
		want   string // of the error, empty for none
	}{
		"one CA":                       {good, 1, ""},
		"two, and words around them":   {"# ours\n" + good + "# theirs\n" + ca(t, nil), 2, ""},
		"an old CA without key usage":  {ca(t, func(c *x509.Certificate) { c.KeyUsage = 0 }), 1, ""},
		"64 of them":                   {strings.Repeat(good, 64), 64, ""},
		"65 of them":                   {strings.Repeat(good, 65), 0, "more than 64"},
		"nothing":                      {"", 0, "no certificate"},
		"words":                        {"SECRET", 0, "no certificate"},
		"half of one":                  {good[:len(good)/2], 0, "of 1 PEM blocks only 0"},
		"one and a half":               {good + good[:len(good)/2], 0, "of 2 PEM blocks only 1"},
		"a private key":                {good + key, 0, "block 1 is no certificate"},
		"bytes that are none":          {"-----BEGIN CERTIFICATE-----\nU0VDUkVU\n-----END CERTIFICATE-----\n", 0, "block 0 is no certificate"},
		"the certificate of a server":  {ca(t, func(c *x509.Certificate) { c.IsCA = false }), 0, "not that of a CA"},
		"a CA that may not sign":       {ca(t, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }), 0, "may not sign"},
		"an RSA key that is too small": {signed(t, nil, small.Public(), small), 0, "fewer than 2048 bits"},
		"a name that is too long": {ca(t, func(c *x509.Certificate) {
			c.Subject.CommonName = strings.Repeat("a", 600)
		}), 0, "more than 512 bytes"},
	} {
		cas, err := contract.ParseClientCAs(tt.bundle)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		if err != nil && (strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "U0VD")) {
			t.Errorf("%s: the error quotes the content: %v", name, err)
		}
		if err == nil && len(cas) != tt.count {
			t.Errorf("%s: %d CAs, want %d", name, len(cas), tt.count)
		}
	}
	if _, err := contract.ParseClientCAs(" \n"); !errors.Is(err, contract.ErrNoCertificates) {
		t.Errorf("nothing is %v", err)
	}
}

// FuzzClientCAs: what is taken is CAs only, and written again it is the same.
func FuzzClientCAs(f *testing.F) {
	f.Add(ca(f, nil))
	f.Add(ca(f, func(c *x509.Certificate) { c.IsCA = false }))
	f.Add("-----BEGIN CERTIFICATE-----\nAQAB\n-----END CERTIFICATE-----\n-----BEGIN ")
	f.Fuzz(func(t *testing.T, bundle string) {
		cas, err := contract.ParseClientCAs(bundle)
		if err != nil {
			return
		}
		for _, one := range cas {
			if !one.IsCA {
				t.Fatalf("%q holds one that is no CA", bundle)
			}
		}
		again, err := contract.ParseClientCAs(contract.EncodeClientCAs(cas))
		if err != nil || len(again) != len(cas) || len(cas) == 0 {
			t.Fatalf("%d CAs are %d when written again: %v", len(cas), len(again), err)
		}
	})
}
