// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package conformance is a client that tries a WebSocket server that echoes: what
// RFC 6455 allows and what it forbids, in the groups by which the Autobahn test suite
// has made such cases known. Its tests try two servers, written by different people,
// once directly and once through the gateway: the verdicts must be the same, since
// that is what a client can see of a gateway.
//
// Case is data: what is sent, in which pieces, and what may come back. Run holds one
// conversation, Judge turns what came into a Verdict.
package conformance
