// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"crypto/x509"
	"slices"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/listener"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func (v *visit) tlsFailed(hello listener.Hello, err error) {
	refusal := asRefusal(err)
	v.turnedAway(hello.Silent, refusal)
	alerted := []outcome.Reason{
		outcome.TLSHandshakeFailed, outcome.ClientCertificateRequired, outcome.ClientCertificateInvalid, outcome.ClientCAUnavailable,
	}
	if slices.Contains(alerted, refusal.Reason) {
		// Alerts, and the answer to HTTP without TLS, shall arrive. In TLS
		// 1.3 a client has sent its request before it hears of its certificate.
		v.linger(v.conn)
	}
}

// told is what records say of a client certificate.
func told(leaf *x509.Certificate) *audit.Certificate {
	if leaf == nil {
		return nil
	}
	subject, issuer := clientcert.Names(leaf)
	return &audit.Certificate{Subject: subject, Issuer: issuer, Serial: clientcert.Serial(leaf)}
}
