// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"net"
	"syscall"
)

// HasDescriptor tells whether a loop would take a connection over.
func HasDescriptor(conn net.Conn) bool {
	fd, err := descriptor(conn)
	if err == nil {
		_ = syscall.Close(fd)
	}
	return err == nil
}
