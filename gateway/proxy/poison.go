// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build poison

package proxy

// poison spoils buffers that nobody uses now. Whoever still looked into one would
// pass on what no peer has sent, and a test would see it.
func poison(buffers ...[]byte) {
	for _, buffer := range buffers {
		if len(buffer) == 0 {
			continue
		}
		buffer[0] = 0xDB
		// In doubling steps: the race detector makes single bytes dear.
		for n := 1; n < len(buffer); n *= 2 {
			copy(buffer[n:], buffer[:n])
		}
	}
}
