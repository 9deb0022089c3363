// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package revocation answers whether a caller is locked out now. It compiles
// revocations.json into tables, so that the time of an answer does not depend on
// how many entries there are.
//
// gateway/handshake asks it about newcomers and about open connections; closing
// is the root's business. It does no I/O and holds no secret: entries are names
// and numbers.
package revocation
