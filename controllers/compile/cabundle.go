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
			return "", fmt.Errorf("block %d is of type %q: only CERTIFICATE blocks belong here", count, block.Type)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return "", fmt.Errorf("block %d is no certificate: %w", count, err)
		}
		normal.Write(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
	}
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
