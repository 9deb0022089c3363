// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Masking is how a frame is written: a client has a key, which must be one that
// nobody can guess (RFC 6455 section 10.3), a server has none.
type Masking struct {
	Masked bool
	Key    [4]byte
}

// MaxControlFrame is the size of the largest control frame, in bytes.
const MaxControlFrame = smallHeader + 4 + MaxControl

// AppendControl appends a control frame to dst. Of a payload of more than
// MaxControl bytes only so many are written.
func AppendControl(dst []byte, opcode Opcode, payload []byte, masking Masking) []byte {
	payload = payload[:min(len(payload), MaxControl)]
	dst = append(dst, finBit|byte(opcode), byte(len(payload))) //nolint:gosec // is not above MaxControl
	if !masking.Masked {
		return append(dst, payload...)
	}
	dst[len(dst)-1] |= maskBit
	dst = append(dst, masking.Key[:]...)
	for i, b := range payload {
		dst = append(dst, b^masking.Key[i%4])
	}
	return dst
}

// AppendClose appends a Close frame to dst. With outcome.CodeNoStatus it has
// neither code nor reason. A reason that is too long loses its end, but no part
// of a character.
func AppendClose(dst []byte, code int, reason string, masking Masking) []byte {
	var payload [MaxControl]byte
	if code == outcome.CodeNoStatus {
		return AppendControl(dst, Close, nil, masking)
	}
	binary.BigEndian.PutUint16(payload[:], uint16(code)) //nolint:gosec // codes are those of the table or came in two bytes
	return AppendControl(dst, Close, payload[:2+copy(payload[2:], whole(reason, MaxControl-2))], masking)
}

// whole cuts text to at most size bytes, between two characters.
func whole(text string, size int) string {
	if len(text) <= size {
		return text
	}
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size]
}
