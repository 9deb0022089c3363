// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/request"
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
	data, err := request.ReadFile(file, maxCertificateFile)
	if err != nil {
		return nil, nil, fmt.Errorf("--client-cert: %w", err)
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			// crypto/x509 quotes what it cannot read.
			return nil, nil, fmt.Errorf("--client-cert %s: certificate %d cannot be read: export it again", file, len(found)+1)
		}
		found, only = append(found, one), append(only, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
	}
	if len(found) == 0 {
		return nil, nil, fmt.Errorf("--client-cert %s: holds no certificate in PEM: give a file with BEGIN CERTIFICATE in it, or make one of DER by `openssl x509 -inform der`", file)
	}
	return found, only, nil
}
