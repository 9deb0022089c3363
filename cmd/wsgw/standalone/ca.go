// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package standalone

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"time"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// Names of the CA in the state folder. The certificate is for clients.
const (
	caCertificateFile = "ca.crt"
	caKeyFile         = "ca.key"
)

const (
	caLifetime   = 10 * 365 * 24 * time.Hour
	leafLifetime = 90 * 24 * time.Hour
	// clockSkew is how far the clock of a client may be behind ours.
	clockSkew = 5 * time.Minute
)

// authority is the throw-away CA that stands for every issuer of a manifest.
type authority struct {
	secret.Sealed

	certificate *x509.Certificate
	key         crypto.Signer
}

// openAuthority reads the CA of an earlier run, so that clients need not be told
// again, or makes one.
func openAuthority(state string, now time.Time) (*authority, error) {
	ca, err := readAuthority(state)
	if err == nil && now.Before(ca.certificate.NotAfter.Add(-leafLifetime)) {
		return ca, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the CA in %s: %w; remove %s and %s there to have a new one made",
			state, err, caCertificateFile, caKeyFile)
	}
	ca, err = newAuthority(state, now)
	if err != nil {
		return nil, fmt.Errorf("make a CA in %s: %w", state, err)
	}
	return ca, nil
}

func readAuthority(state string) (*authority, error) {
	certificate, err := os.ReadFile(filepath.Join(state, caCertificateFile))
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(filepath.Join(state, caKeyFile))
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || pair.Leaf == nil || !pair.Leaf.IsCA {
		return nil, errors.New("it is not a CA")
	}
	return &authority{certificate: pair.Leaf, key: signer}, nil
}

func newAuthority(state string, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "wsgw run, throw-away CA"},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(caLifetime),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	pair, err := encodePair([][]byte{der}, key)
	if err != nil {
		return nil, err
	}
	// The key first: a crash in between leaves a CA that is made anew.
	err = errors.Join(
		replaceFile(filepath.Join(state, caKeyFile), pair[contract.TLSPrivateKeyKey]),
		replaceFile(filepath.Join(state, caCertificateFile), pair[contract.TLSCertificateKey]))
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{certificate: certificate, key: key}, nil
}

// issue makes a certificate for a listener, as cert-manager would be asked to.
func (a *authority) issue(listener *wsv1alpha1.Listener, now time.Time) (map[string][]byte, error) {
	key, err := newKey(listener.TLS.Certificate.PrivateKey)
	if err != nil {
		return nil, err
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	lifetime := leafLifetime
	if wanted := listener.TLS.Certificate.Duration; wanted != nil && wanted.Duration < lifetime {
		lifetime = wanted.Duration
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial,
		DNSNames:     hostnames(listener),
		NotBefore:    now.Add(-clockSkew),
		NotAfter:     now.Add(lifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	return encodePair([][]byte{der}, key)
}

// fits tells whether a pair of an earlier run can be served for a listener, with
// a third of its life left at least.
func (a *authority) fits(pair map[string][]byte, listener *wsv1alpha1.Listener, now time.Time) bool {
	loaded, err := tls.X509KeyPair(pair[contract.TLSCertificateKey], pair[contract.TLSPrivateKeyKey])
	if err != nil || loaded.Leaf == nil || loaded.Leaf.CheckSignatureFrom(a.certificate) != nil {
		return false
	}
	leaf := loaded.Leaf
	renewAt := leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore) / 3)
	return slices.Equal(leaf.DNSNames, hostnames(listener)) && now.Before(renewAt) && now.After(leaf.NotBefore) &&
		sameKind(leaf.PublicKey, listener.TLS.Certificate.PrivateKey)
}

func hostnames(listener *wsv1alpha1.Listener) []string {
	names := make([]string, 0, len(listener.Hostnames))
	for _, name := range listener.Hostnames {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return names
}

// keyKind is the algorithm and size that a listener asks for, with the defaults
// of the API.
func keyKind(spec *wsv1alpha1.PrivateKey) (wsv1alpha1.KeyAlgorithm, int32) {
	algorithm, size := wsv1alpha1.KeyAlgorithmECDSA, int32(256)
	if spec == nil {
		return algorithm, size
	}
	if spec.Algorithm == wsv1alpha1.KeyAlgorithmRSA {
		algorithm, size = spec.Algorithm, 2048
	}
	if spec.Size != nil {
		size = *spec.Size
	}
	return algorithm, size
}

func newKey(spec *wsv1alpha1.PrivateKey) (crypto.Signer, error) {
	switch algorithm, size := keyKind(spec); {
	case algorithm == wsv1alpha1.KeyAlgorithmRSA:
		return rsa.GenerateKey(rand.Reader, int(size))
	case size == 384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	default:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
}

func sameKind(key crypto.PublicKey, spec *wsv1alpha1.PrivateKey) bool {
	algorithm, size := keyKind(spec)
	switch public := key.(type) {
	case *rsa.PublicKey:
		return algorithm == wsv1alpha1.KeyAlgorithmRSA && public.N.BitLen() == int(size)
	case *ecdsa.PublicKey:
		return algorithm == wsv1alpha1.KeyAlgorithmECDSA && public.Curve.Params().BitSize == int(size)
	}
	return false
}

func serialNumber() (*big.Int, error) {
	// 128 random bits are more than the 64 that RFC 5280 and the public CAs'
	// rules ask for.
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
}

func encodePair(chain [][]byte, key crypto.Signer) (map[string][]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var certificates []byte
	for _, certificate := range chain {
		certificates = append(certificates, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})...)
	}
	return map[string][]byte{
		contract.TLSCertificateKey: certificates,
		contract.TLSPrivateKeyKey:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	}, nil
}

// replaceFile writes a file that others may be reading.
func replaceFile(path string, content []byte) error {
	next := path + ".new"
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}
