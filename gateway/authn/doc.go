// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package authn answers one question of the handshake: who is asking?
//
// gateway/handshake asks it after route and origin are known and before
// anything is dialled; the Identity it gives goes on to limits, session and
// audit. The package reads headers, query and offered subprotocols, nothing else
// of a request, and it never tells a client why a credential is bad: the reason goes
// to the audit record, without any part of the credential.
package authn
