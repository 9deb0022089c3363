// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package ciphers says which cipher suites are used with clients and with backends.
package ciphers

import "crypto/tls"

// TLS12 are the suites of TLS 1.2 that have authenticated encryption and forward
// secrecy (RFC 9325, section 4.2). Their order means nothing: crypto/tls chooses,
// also among those of TLS 1.3, all of which are good. The caller owns the slice.
func TLS12() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}
