// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package limits bounds what clients may hold of a pod. gateway/listener takes
// a place per accepted socket before anything is read from it.
package limits

import (
	"sync/atomic"
)

// Connections caps the connections of a pod. Its methods are safe for
// concurrent use. A connection counts from accept to its last byte.
type Connections struct {
	most atomic.Int64
	open atomic.Int64
}

// NewConnections returns a cap of the given size; see MaxConnections.
func NewConnections(most int32) *Connections {
	c := &Connections{}
	c.SetMax(most)
	return c
}

// SetMax changes the cap. Connections above a lowered cap stay open.
func (c *Connections) SetMax(most int32) { c.most.Store(int64(most)) }

// Max is the cap in force.
func (c *Connections) Max() int32 { return int32(c.most.Load()) } //nolint:gosec // SetMax stores nothing larger than an int32

// Open is the number of places taken.
func (c *Connections) Open() int64 { return c.open.Load() }

// Acquire takes a place, or returns false when none is free. Each place must be
// given back with Release once.
func (c *Connections) Acquire() bool {
	if c.open.Add(1) <= c.most.Load() {
		return true
	}
	c.open.Add(-1)
	return false
}

// Release gives a place back.
func (c *Connections) Release() { c.open.Add(-1) }
