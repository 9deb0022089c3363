// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package session keeps what is open: one Session per relayed connection and
// the Registry of all of them.
//
// gateway/handshake adds a Session once a client has its 101 answer,
// gateway/proxy relays for it and counts into it, and whoever wants to end
// connections (drain, changed configuration) asks the Registry. Ending is
// always a request: the relay sends the Close frames.
package session
