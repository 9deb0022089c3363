// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package due keeps things in the order of the times at which they are due, for
// the one goroutine that waits for the next of them: a timer for each of a
// hundred thousand connections would cost more than the connections do.
//
// gateway/session ends connections by it whose credentials expire, and gateway
// asks authorization servers by it about those that are open. It imports
// nothing of ours.
package due
