// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"net"
	"syscall"
	"time"
)

// HasDescriptor tells whether a loop would take a connection over.
func HasDescriptor(conn net.Conn) bool {
	fd, err := descriptor(conn)
	if err == nil {
		_ = syscall.Close(fd)
	}
	return err == nil
}

// Demanding tells whether a client is refused that makes TLS write so many bytes, each
// time so much later.
func Demanding(every time.Duration, bytes ...int) bool {
	var d demand
	for i, n := range bytes {
		if d.more(n, time.Duration(i)*every) {
			return true
		}
	}
	return false
}
