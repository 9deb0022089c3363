// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"
	"fmt"
)

// MaxBackendCABundles is how many ConfigMaps a profile of TLS to backends may name.
const MaxBackendCABundles = 8

// BackendTLS is a way to speak TLS to backends.
type BackendTLS struct {
	Name string `json:"name"`
	// Bundles of the CAs that certify backends. None: the public CAs.
	Bundles []CABundle `json:"bundles,omitempty"`
	// CertificateSecret holds the pair tls.crt and tls.key that is shown to
	// backends which ask for one. Empty: none is.
	CertificateSecret string `json:"certificateSecret,omitempty"`
}

func (b *BackendTLS) validate() error {
	if len(b.Bundles) > MaxBackendCABundles {
		return fmt.Errorf("backend TLS %q: %d CA bundles, more than %d", b.Name, len(b.Bundles), MaxBackendCABundles)
	}
	for _, bundle := range b.Bundles {
		if bundle.Certificates == "" {
			return fmt.Errorf("backend TLS %q: CA bundle of ConfigMap %q: empty", b.Name, bundle.ConfigMap)
		}
	}
	if b.CertificateSecret == "" {
		return nil
	}
	if err := fileName(b.CertificateSecret); err != nil {
		return fmt.Errorf("backend TLS %q: certificate Secret: %w", b.Name, err)
	}
	return nil
}

// validate refuses a backend that is to be spoken to by TLS without saying how:
// nothing must ever take that for a backend without TLS.
func (b *Backend) validate(profiles map[string]bool) error {
	switch {
	case b.Weight != nil && *b.Weight < 0:
		return errors.New("negative weight")
	case (b.TLS == "") != (b.ServerName == ""):
		return errors.New("TLS needs both a profile and a server name")
	case b.TLS != "" && !profiles[b.TLS]:
		return fmt.Errorf("unknown backend TLS %q", b.TLS)
	}
	return nil
}
