// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package listener brings a caller from the socket to a request head that can
// be trusted to mean one thing: Sockets opens and closes ports at run time and
// accepts, Front speaks TLS and chooses listener and certificate by server name,
// ReadHead and ParseHead read one HTTP/1.1 request head and repair nothing.
//
// The request is read here and not by net/http, because net/http repairs, keeps
// buffers of its own for every connection, and starts goroutines that an
// upgraded connection does not need.
package listener
