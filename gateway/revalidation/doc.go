// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package revalidation knows about which open connections authorization servers
// are to be asked, when, how many questions each server gets at once, and which
// connections end because nothing was heard of them. It asks nobody and ends
// nobody itself: gateway does, which also knows what an answer means.
//
// A connection that is due waits in the lane of its server, in the order in which
// it came there; each lane has room of its own, so that a server that hangs keeps
// no other from being asked. A lane begins with little room, since a server has
// handshakes to answer as well, and gets more the longer its first has waited.
package revalidation
