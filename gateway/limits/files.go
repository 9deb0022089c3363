// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// unknownFiles is the limit of open files that is assumed where the system does
// not tell.
const unknownFiles = 1024

// MaxConnections returns the cap in force for a configured one, 0 meaning
// contract.DefaultMaxConnections. A relayed connection needs two descriptors,
// so that more than half of the process's limit of open files is never
// promised: the process must fail to accept before it fails to dial.
func MaxConnections(configured int32) int32 {
	return ConnectionsFor(configured, openFiles())
}

// ConnectionsFor is MaxConnections for a given limit of open files.
func ConnectionsFor(configured int32, files uint64) int32 {
	if configured <= 0 {
		configured = contract.DefaultMaxConnections
	}
	return int32(min(uint64(configured), max(files/2, 1)))
}
