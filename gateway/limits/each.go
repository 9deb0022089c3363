// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"net/netip"
	"sync"
)

// Each counts the connections of each of many clients, by whatever tells them
// apart. It holds nothing of a client without a connection, so that it is as
// small as the cap of all connections makes it. The zero value is ready; its
// methods are safe for concurrent use.
type Each[K comparable] struct {
	mu   sync.Mutex
	open map[K]int32
}

// Acquire takes a place for a client, or returns false when it has the most that
// it may have; 0 is no limit. Places are counted without a limit as well: it may
// come later. Each place must be given back with Release once.
func (e *Each[K]) Acquire(client K, most int32) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if most > 0 && e.open[client] >= most {
		return false
	}
	if e.open == nil {
		e.open = map[K]int32{}
	}
	e.open[client]++
	return true
}

// Release gives a place back.
func (e *Each[K]) Release(client K) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.open[client]--; e.open[client] <= 0 {
		delete(e.open, client)
	}
}

// Len is the number of clients that have a connection.
func (e *Each[K]) Len() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.open)
}

// Network is what one client can be told by from an address: the address, or the
// /64 of IPv6, of which a client has as many addresses as it likes. What is no
// address is the zero Prefix.
func Network(address netip.Addr) netip.Prefix {
	address = address.Unmap().WithZone("")
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	network, _ := address.Prefix(bits)
	return network
}
