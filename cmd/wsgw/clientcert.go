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
	found, _, err := readPEM(file)
	return found, err
}

// readPEM answers the certificates as PEM too, without what was between them: the
// key of a client is often in the same file.
func readPEM(file string) (found []*x509.Certificate, only []byte, err error) {
	if file == "" {
		return nil, nil, nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, nil, fmt.Errorf("--client-cert: %w", err)
	}
	if info.Size() > maxCertificateFile {
		return nil, nil, fmt.Errorf("--client-cert %s: larger than %d bytes: give the certificate in PEM", file, maxCertificateFile)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, fmt.Errorf("--client-cert: %w", err)
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("--client-cert %s: certificate %d cannot be read: %w: export it again", file, len(found)+1, err)
		}
		found, only = append(found, one), append(only, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
	}
	if len(found) == 0 {
		return nil, nil, fmt.Errorf("--client-cert %s: holds no certificate in PEM: give a file with BEGIN CERTIFICATE in it, or make one of DER by `openssl x509 -inform der`", file)
	}
	return found, only, nil
}
