// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package clientcert_test

import (
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
)

func TestOnlyAVerifiedCertificateCounts(t *testing.T) {
	t.Parallel()
	leaf := &x509.Certificate{SerialNumber: big.NewInt(0xABC)}
	for name, tt := range map[string]struct {
		state  tls.ConnectionState
		serial string
	}{
		"none shown":             {tls.ConnectionState{}, ""},
		"shown and not verified": {tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}, ""},
		"verified": {tls.ConnectionState{
			PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}},
		}, "abc"},
	} {
		got := clientcert.Of(&tt.state)
		if got.Serial() != tt.serial || (got.Leaf() == leaf) != (tt.serial != "") {
			t.Errorf("%s: serial %q, certificate %v", name, got.Serial(), got.Leaf())
		}
	}
}
