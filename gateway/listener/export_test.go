// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener

// Kept is the number of connections that Abort would close.
func (s *Sockets) Kept() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}
