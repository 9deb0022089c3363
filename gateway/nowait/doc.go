// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package nowait lets connections of the standard crypto/tls take turns in one
// goroutine, none of which ever waits for the network.
//
// Conn goes below a tls.Conn. It is an ordinary connection for the handshake;
// once it is taken, crypto/tls reads what was put into an Exchange and writes
// into the same, and whoever owns the Exchange does the system calls. Where
// there is nothing more to read, crypto/tls gets ErrWouldBlock and goes on later
// where it was, if need be in the middle of a record.
//
// This is more than crypto/tls promises. Each behaviour that is relied upon has a
// test here that says so by its name: a release of Go that changes one of them
// does not get past the tests.
package nowait
