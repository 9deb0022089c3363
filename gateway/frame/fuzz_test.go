// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package frame_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"github.com/wsgateway/websocket-gateway-operator/gateway/frame"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// FuzzWalker compares the walker with the reference, whatever the stream, the
// rules and the pieces are.
func FuzzWalker(f *testing.F) {
	random := rand.New(rand.NewPCG(5, 6))
	for i := range 8 {
		f.Add(frames(random, i%2 == 0), []byte{1, 2, byte(i)}, i%2 == 0, i%4 < 2, uint16(i*100), uint16(i*300), uint8(i), uint8(i%8/2))
	}
	f.Add([]byte{0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, []byte{3}, true, false, uint16(0), uint16(0), uint8(0), uint8(0))
	f.Add([]byte{0x02, 0x7f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x88}, []byte{}, false, true, uint16(0), uint16(9), uint8(0), uint8(1))
	f.Fuzz(func(t *testing.T, stream, pieces []byte, masked, compressed bool, maxFrame, maxMessage uint16, maxFragments, refused uint8) {
		rules := frame.Rules{
			Masked: masked, Compression: compressed,
			MaxFrame: uint64(maxFrame), MaxMessage: uint64(maxMessage), MaxFragments: uint32(maxFragments),
			NoText: refused&1 != 0, NoBinary: refused&2 != 0,
		}
		sizes := make([]int, len(pieces))
		for i, piece := range pieces {
			sizes[i] = 1 + int(piece)
		}
		compare(t, reference(stream, rules), walk(t, stream, rules, sizes...))
	})
}

// FuzzParseClose wants of what is let through that it is a Close frame which
// every peer understands, and that writing it gives the same again.
func FuzzParseClose(f *testing.F) {
	for _, seed := range []string{"", "\x03", "\x03\xe8", "\x03\xe8bye", "\x03\xed", "\x0f\xa0\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		payload = payload[:min(len(payload), frame.MaxControl)]
		code, reason, fault := frame.ParseClose(payload)
		if fault != frame.NoFault {
			if fault.Reason() != outcome.ProtocolError {
				t.Errorf("reason %s", fault.Reason())
			}
			return
		}
		if code != outcome.CodeNoStatus && int(binary.BigEndian.Uint16(payload)) != code || !utf8.Valid(reason) {
			t.Errorf("%x became %d %q", payload, code, reason)
		}
		if again := frame.AppendClose(nil, code, string(reason), frame.Masking{}); string(again[2:]) != string(payload) {
			t.Errorf("%x became %x", payload, again)
		}
	})
}
