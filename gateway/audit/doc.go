// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package audit writes what became of every connection and every refused
// handshake: one JSON object per line, for machines.
//
// gateway/handshake and gateway/session hand it what happened; nothing comes
// after it but the log collector. It never makes its callers wait: when the
// sink is slow, records are counted instead of written, and the count is
// written. It is never given, and never writes, a credential, a cookie or a
// query string.
package audit
