// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package frame reads the headers of WebSocket frames (RFC 6455 section 5)
// while they pass by, and writes control frames.
//
// A relay that forwards bytes as they came needs to know where frames begin
// and end, and that nothing in them breaks a rule before it is forwarded. A
// Walker tells it so for one direction of one connection, however the network
// has cut the stream, and neither holds nor changes payload. Nothing in this
// package does I/O, waits or allocates.
package frame
