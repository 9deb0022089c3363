// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package standalone

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// state is the folder that plays the volumes of a pod. Whoever may read it has
// the private keys; nobody but its owner may.
type state struct {
	folder string
	ca     *authority
	now    func() time.Time
}

// openState prepares a folder; an empty name stands for one that close removes.
func openState(folder string, now func() time.Time) (s *state, closeState func() error, err error) {
	remove := func() error { return nil }
	if folder == "" {
		if folder, err = os.MkdirTemp("", "wsgw-*"); err != nil {
			return nil, nil, fmt.Errorf("make a state folder: %w", err)
		}
		remove = func() error { return os.RemoveAll(folder) }
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make the state folder: %w", err)
	}
	unlock, err := lock(folder)
	if err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	closeState = func() error { return errors.Join(unlock(), remove()) }
	ca, err := openAuthority(folder, now())
	if err != nil {
		return nil, nil, errors.Join(err, closeState())
	}
	return &state{folder: folder, ca: ca, now: now}, closeState, nil
}

// write makes the folder say what the plan says. Secrets come before the
// configuration that names them, and go after the one that did.
func (s *state) write(p *plan) error {
	secrets := maps.Clone(p.secrets)
	for i := range p.gateway.Spec.Listeners {
		listener := &p.gateway.Spec.Listeners[i]
		if listener.TLS.Certificate.SecretRef != nil {
			continue
		}
		name := compile.CertificateSecretName(p.gateway.Name, listener.Name)
		pair, err := s.certificate(name, listener)
		if err != nil {
			return fmt.Errorf("issue the certificate of listener %q: %w", listener.Name, err)
		}
		secrets[name] = pair
	}
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		if err := publish(filepath.Join(s.folder, contract.SecretsFolder, name), secrets[name]); err != nil {
			return err
		}
	}
	if err := publish(filepath.Join(s.folder, contract.ConfigFolder), p.files); err != nil {
		return err
	}
	return s.removeSecretsBut(secrets)
}

// certificate keeps the one that is there while it is good.
func (s *state) certificate(name string, listener *wsv1alpha1.Listener) (map[string][]byte, error) {
	pair := map[string][]byte{}
	for _, key := range []string{contract.TLSCertificateKey, contract.TLSPrivateKeyKey} {
		content, err := os.ReadFile(contract.SecretPath(s.folder, name, key))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		pair[key] = content
	}
	if s.ca.fits(pair, listener, s.now()) {
		return pair, nil
	}
	return s.ca.issue(listener, s.now())
}

func (s *state) removeSecretsBut(wanted map[string]map[string][]byte) error {
	folder := filepath.Join(s.folder, contract.SecretsFolder)
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove old Secrets: %w", err)
	}
	for _, entry := range entries {
		if _, keep := wanted[entry.Name()]; keep {
			continue
		}
		if err := os.RemoveAll(filepath.Join(folder, entry.Name())); err != nil {
			return fmt.Errorf("remove old Secrets: %w", err)
		}
	}
	return nil
}
