// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// checkCABundle returns certificates in PEM without anything around them.
func checkCABundle(bundle string) (string, error) {
	if strings.TrimSpace(bundle) == "" {
		return "", errEmpty
	}
	var normal strings.Builder
	rest := []byte(bundle)
	for count := 0; ; count++ {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			return finishBundle(normal.String(), bundle, count)
		}
		if block.Type != "CERTIFICATE" {
			return "", notACertificate(count, block.Type)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			// What crypto/x509 says may quote names of the certificate.
			return "", fmt.Errorf("block %d is no certificate that can be read", count)
		}
		normal.Write(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
	}
}

// notACertificate never quotes the type: it is free text of any length, and this
// becomes a message in the status.
func notACertificate(count int, kind string) error {
	if strings.HasSuffix(kind, "PRIVATE KEY") {
		return fmt.Errorf("block %d is a private key, which everybody can read who may read ConfigMaps: replace the key, and put only CERTIFICATE blocks here", count)
	}
	return fmt.Errorf("block %d is no certificate: only CERTIFICATE blocks belong here", count)
}

func finishBundle(normal, bundle string, count int) (string, error) {
	// pem.Decode passes over a block that it cannot read, such as a truncated
	// one: a bundle that trusts fewer CAs than it seems to is a broken one.
	begun := strings.Count(bundle, "-----BEGIN ")
	switch {
	case begun != count:
		return "", fmt.Errorf("of %d PEM blocks only %d can be read", begun, count)
	case count == 0:
		return "", errors.New("there is no certificate in PEM in it")
	}
	return normal, nil
}
