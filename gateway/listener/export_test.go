// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"crypto/tls"
	"testing"
)

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

// Inflate is a ticket of the listener of a name that is good and larger by so much.
func (f *Front) Inflate(t *testing.T, name string, ticket []byte, by int) []byte {
	t.Helper()
	c, _ := f.hosts.Lookup(name)
	session, err := c.resumption.config.DecryptTicket(ticket, tls.ConnectionState{})
	if err != nil || session == nil {
		t.Fatalf("the ticket cannot be read: %v", err)
	}
	session.Extra = append(session.Extra, make([]byte, by))
	larger, err := c.resumption.config.EncryptTicket(tls.ConnectionState{}, session)
	if err != nil {
		t.Fatal(err)
	}
	return larger
}
