// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener

import "crypto/tls"

// Kept is the number of connections that Abort would close.
func (s *Sockets) Kept() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Only leaves one way of exchanging keys at the listener of a name.
func (f *Front) Only(name string, group tls.CurveID) {
	if c, ok := f.hosts.Lookup(name); ok {
		c.config.CurvePreferences = []tls.CurveID{group}
	}
}
