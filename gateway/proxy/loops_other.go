// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package proxy

// Loops is Frames: event loops are there for Linux only.
type Loops struct{ *Frames }

var _ Relay = (*Loops)(nil)

// NewLoops returns Frames.
func NewLoops(o FramesOptions) *Loops { return &Loops{NewFrames(o)} }

// Close does nothing.
func (*Loops) Close() {}

// Stats are all zero.
func (*Loops) Stats() LoopStats { return LoopStats{} }

// Open is 0.
func (*Loops) Open() int { return 0 }
