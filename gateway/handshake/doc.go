// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package handshake decides whether a request becomes a connection. Door.Admit
// is the list of steps, in order; it either returns an upstream that has already
// agreed to speak WebSocket, or the refusal for the client.
//
// A backend sees a request that was written anew: nothing of the client's
// reaches it that is not listed in forward.go.
package handshake
