// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package frame

// Opcode is the kind of a frame (RFC 6455 section 5.2).
type Opcode uint8

// The opcodes that are in use; all others are reserved.
const (
	Continuation Opcode = 0
	Text         Opcode = 1
	Binary       Opcode = 2
	Close        Opcode = 8
	Ping         Opcode = 9
	Pong         Opcode = 10
)

// MaxControl is the largest payload of a control frame, in bytes (RFC 6455
// section 5.5).
const MaxControl = 125

// Control tells whether frames of this kind may come in the middle of a
// message. It is true of reserved control opcodes, too.
func (o Opcode) Control() bool { return o&0x8 != 0 }

func (o Opcode) known() bool {
	switch o {
	case Continuation, Text, Binary, Close, Ping, Pong:
		return true
	default:
		return false
	}
}
