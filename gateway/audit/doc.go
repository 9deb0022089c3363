// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package audit writes what became of every connection and every refused
// handshake: one JSON object per line, for machines, with the field names of the
// Elastic Common Schema.
//
// gateway/handshake and gateway/session hand it what happened; nothing comes
// after it but the log collector. A Log hands every entry to its streams, one per
// sink; a stream numbers its lines and chains each to the one before by its hash.
// It never makes its callers wait: when a sink is slow, records are counted
// instead of written, and the count is written. It is never given, and never
// writes, a credential, a cookie or a query string.
package audit
