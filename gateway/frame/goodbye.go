// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Payload collects what a control frame carries, unmasked, while it arrives: a
// Close frame is judged as a whole before any of it is forwarded. The zero
// value is empty.
type Payload struct {
	bytes [MaxControl]byte
	size  uint8
}

// Add appends a part of the payload of a frame with this masking key. What is
// beyond MaxControl bytes is lost; a Walker lets no such frame begin.
func (c *Payload) Add(part []byte, key [4]byte) {
	for _, b := range part {
		if c.size == MaxControl {
			return
		}
		c.bytes[c.size] = b ^ key[c.size%4]
		c.size++
	}
}

// Bytes is what has been collected; it is valid until the next call of Add.
func (c *Payload) Bytes() []byte { return c.bytes[:c.size] }

// ParseClose reads the payload of a Close frame (RFC 6455 section 5.5.1). The
// code of an empty one is outcome.CodeNoStatus. reason is a part of payload.
func ParseClose(payload []byte) (code int, reason []byte, fault Fault) {
	if len(payload) == 0 {
		return outcome.CodeNoStatus, nil, NoFault
	}
	if len(payload) == 1 {
		return 0, nil, HalfCode
	}
	code, reason = int(binary.BigEndian.Uint16(payload)), payload[2:]
	switch {
	case !usable(code):
		return 0, nil, UnusableCode
	case !utf8.Valid(reason):
		return 0, nil, GarbledText
	}
	return code, reason, NoFault
}

// usable tells whether a peer may send a code. Below 3000 that is what the
// registry of RFC 6455 section 11.7 has, without those that section 7.4.1 keeps
// for what is not in a frame; from 5000 on nothing is defined.
func usable(code int) bool {
	const (
		lastOfRFC, firstOfOthers      = 1003, 1007
		lastOfRegistry                = 1014
		firstOfLibraries, lastPrivate = 3000, 4999
	)
	return outcome.CodeNormal <= code && code <= lastOfRFC ||
		firstOfOthers <= code && code <= lastOfRegistry ||
		firstOfLibraries <= code && code <= lastPrivate
}
