// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

const keyID = "quickstart"

// LoadKey reads the signing key of the quick start's token issuer, or makes one.
func LoadKey(file string) (*ecdsa.PrivateKey, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(file)
	}
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("read signing key: %s holds no PEM block: delete it and start again", file)
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read signing key %s: %w", file, err)
	}
	return key, nil
}

func makeKey(file string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make signing key: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make signing key: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("write signing key: %w", err)
	}
	data := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return nil, fmt.Errorf("write signing key: %w", err)
	}
	return key, nil
}

// KeySet is the public half of key as a JSON Web Key Set.
func KeySet(key *ecdsa.PrivateKey) ([]byte, error) {
	return keySet(&signer{key: key, id: keyID})
}

// Token signs a token of the quick start's issuer.
func Token(key *ecdsa.PrivateKey, subject string, lifetime time.Duration) (string, error) {
	s := &signer{key: key, id: keyID}
	return s.sign(Issuer, subject, time.Now().Add(lifetime), nil)
}

// signer is one key of an issuer.
type signer struct {
	key *ecdsa.PrivateKey
	id  string
}

func newSigner(id string) (*signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make signing key %s: %w", id, err)
	}
	return &signer{key: key, id: id}, nil
}

// sign makes a token with further claims. Its expiry has whole seconds.
func (s *signer) sign(issuer, subject string, expires time.Time, claims map[string]any) (string, error) {
	builder := jwt.NewBuilder().Issuer(issuer).Audience([]string{Audience}).Subject(subject).
		IssuedAt(time.Now().Add(-time.Hour)).Expiration(expires)
	for name, value := range claims {
		builder = builder.Claim(name, value)
	}
	token, err := builder.Build()
	if err != nil {
		return "", fmt.Errorf("build token: %w", err)
	}
	headers := jws.NewHeaders()
	if err := headers.Set(jws.KeyIDKey, s.id); err != nil {
		return "", fmt.Errorf("build token: %w", err)
	}
	signed, err := jwt.Sign(token, jwt.WithKey(jwa.ES256(), s.key, jws.WithProtectedHeaders(headers)))
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return string(signed), nil
}

// keySet is the public halves of keys as a JSON Web Key Set.
func keySet(signers ...*signer) ([]byte, error) {
	set := jwk.NewSet()
	for _, s := range signers {
		public, err := jwk.Import(s.key.Public())
		if err == nil {
			err = errors.Join(public.Set(jwk.KeyIDKey, s.id), public.Set(jwk.AlgorithmKey, jwa.ES256()), set.AddKey(public))
		}
		if err != nil {
			return nil, fmt.Errorf("publish key %s: %w", s.id, err)
		}
	}
	return json.MarshalIndent(set, "", "  ")
}

// token signs a token and remembers it for the search through the logs.
func (w *World) token(subject string, lifetime time.Duration) (string, error) {
	signed, err := Token(w.Key, subject, lifetime)
	if err == nil {
		w.tokens.add(signed)
	}
	return signed, err
}

// PublishKeySet writes the ConfigMap that the gateway's policy refers to.
func (w *World) PublishKeySet(ctx context.Context) error { return w.publishKeySet(ctx, Namespace) }

func (w *World) publishKeySet(ctx context.Context, namespace string) error {
	set, err := KeySet(w.Key)
	if err != nil {
		return err
	}
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: KeySetConfigMap}}
	_, err = controllerutil.CreateOrUpdate(ctx, w.Client, config, func() error {
		config.Data = map[string]string{"jwks.json": string(set)}
		return nil
	})
	if err != nil {
		return fmt.Errorf("publish key set: %w", err)
	}
	return nil
}

type tokens struct {
	mu   sync.Mutex
	list []string
}

func (t *tokens) add(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, token)
}

func (t *tokens) all() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.list)
}

type counter struct{ n atomic.Int64 }

func (c *counter) add()       { c.n.Add(1) }
func (c *counter) get() int64 { return c.n.Load() }
