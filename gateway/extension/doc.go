// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package extension reads Sec-WebSocket-Extensions (RFC 6455 section 9.1) and knows
// what permessage-deflate (RFC 7692) lets a client offer and a server answer. The
// gateway compresses nothing itself: it passes on what both sides have agreed upon,
// and has to know whether they have.
package extension
