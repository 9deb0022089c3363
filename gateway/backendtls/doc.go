// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package backendtls is how TLS is spoken to backends: whom a profile of the
// configuration trusts, and what it shows. It says which configuration of
// crypto/tls to use; gateway/proxy does the handshakes.
//
// There is no way to leave out the verification of a certificate or of the name
// in it.
package backendtls
