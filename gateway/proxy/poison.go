// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build poison

package proxy

// poison spoils buffers that nobody uses now. Whoever still looked into one would
// pass on what no peer has sent, and a test would see it.
func poison(buffers ...[]byte) {
	for _, buffer := range buffers {
		for i := range buffer {
			buffer[i] = 0xDB
		}
	}
}
