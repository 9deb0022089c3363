// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package soak runs a whole gateway for a long time: connections come, talk and go
// in all ways that there are, while certificates and configurations change. Nothing
// may be left of them, nobody who stays may notice, and no byte of one connection
// may reach another.
//
// A short form of each test is part of "make test"; "make soak" and "make
// bench-rotations" run the long ones.
package soak
