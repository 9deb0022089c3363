// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package proxy is the way to the backends: Pool chooses an endpoint, dials it
// and verifies its handshake; a Relay carries messages between a client and the
// Upstream that the Pool returned.
//
// gateway/handshake calls both, in that order, with its own 101 answer in
// between: nothing that a client sends reaches a backend before the backend has
// agreed to speak WebSocket.
package proxy
