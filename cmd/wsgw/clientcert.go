// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

const maxCertificateFile = 1 << 20

// readCertificates reads what a client would show in TLS; none for no file. What
// is no certificate, such as the key beside them, is passed over.
func readCertificates(file string) ([]*x509.Certificate, error) {
	if file == "" {
		return nil, nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("--client-cert: %w", err)
	}
	if info.Size() > maxCertificateFile {
		return nil, fmt.Errorf("--client-cert %s: larger than %d bytes: give the certificate in PEM", file, maxCertificateFile)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--client-cert: %w", err)
	}
	var found []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("--client-cert %s: certificate %d cannot be read: %w: export it again", file, len(found)+1, err)
		}
		found = append(found, one)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("--client-cert %s: holds no certificate in PEM: give a file with BEGIN CERTIFICATE in it, or make one of DER by `openssl x509 -inform der`", file)
	}
	return found, nil
}
