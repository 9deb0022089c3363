// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"math"
)

// The first byte of a frame (RFC 6455 section 5.2).
const (
	fin  byte = 0x80
	rsv1 byte = 0x40
	rsv2 byte = 0x20
	rsv3 byte = 0x10

	opContinuation byte = 0x0
	opText         byte = 0x1
	opBinary       byte = 0x2
	opClose        byte = 0x8
	opPing         byte = 0x9
	opPong         byte = 0xa

	opcodeBits  = 0x0f
	controlBit  = 0x08
	maskBit     = 0x80
	lengthBits  = 0x7f
	follows16   = 126
	follows64   = 127
	maxControl  = 125
	maskKeySize = 4
	maskBlock   = 4096
)

// frame is what a client sends, right or wrong. Its length is always that of the
// payload, in as few bytes as it needs, and it is always masked.
type frame struct {
	first   byte
	payload []byte
}

func text(payload string) frame { return frame{fin | opText, []byte(payload)} }

func binaryOf(payload []byte) frame { return frame{fin | opBinary, payload} }

func ping(payload string) frame { return frame{fin | opPing, []byte(payload)} }

func pong(payload string) frame { return frame{fin | opPong, []byte(payload)} }

// begun is the first frame of a text in several.
func begun(payload string) frame { return frame{opText, []byte(payload)} }

// more is a frame in the middle of a message, last the one at its end.
func more(payload string) frame { return frame{opContinuation, []byte(payload)} }

func last(payload string) frame { return frame{fin | opContinuation, []byte(payload)} }

// closing is a Close frame with a code and a reason.
func closing(code int, reason string) frame {
	payload := binary.BigEndian.AppendUint16(nil, uint16(code))
	return frame{fin | opClose, append(payload, reason...)}
}

// with sets further bits of the first byte.
func (f frame) with(bits byte) frame {
	f.first |= bits
	return f
}

// maskKey is the same for each frame: nobody between this client and the server
// could be led astray by a key that is known (RFC 6455 section 10.3).
func maskKey() [maskKeySize]byte { return [maskKeySize]byte{0x37, 0xfa, 0x21, 0x3d} }

// encode appends the frame as it is on the network.
func (f frame) encode(dst []byte) []byte {
	dst = append(dst, f.first)
	switch n := len(f.payload); {
	case n < follows16:
		dst = append(dst, maskBit|byte(n))
	case n <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, maskBit|follows16), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, maskBit|follows64), uint64(n))
	}
	key := maskKey()
	dst = append(dst, key[:]...)
	masked := len(dst)
	dst = append(dst, f.payload...)
	// In blocks: byte by byte this would take most of the time under the race detector.
	block := bytes.Repeat(key[:], maskBlock/maskKeySize)
	for rest := dst[masked:]; len(rest) > 0; {
		rest = rest[subtle.XORBytes(rest, rest, block):]
	}
	return dst
}

// fragments cuts a message of a kind into frames of at most size bytes.
func fragments(kind byte, payload []byte, size int) []frame {
	var frames []frame
	for first := kind; ; first = opContinuation {
		if len(payload) <= size {
			return append(frames, frame{first | fin, payload})
		}
		frames = append(frames, frame{first, payload[:size]})
		payload = payload[size:]
	}
}
