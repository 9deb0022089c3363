// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package clientcert is about the certificates that clients show in TLS: CAs are
// those that a listener trusts, Certificate is one that a caller has shown. The
// same code judges a handshake and, when the CAs have changed, a connection that
// has been open for days.
//
// Certificates are data from strangers until a CA has vouched for them. What is
// said of them here is in fixed words, of bounded length.
package clientcert
