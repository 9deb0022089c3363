// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package frame_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/frame"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestCloseCodesThatAPeerMaySend(t *testing.T) {
	may := map[int]bool{
		1000: true, 1001: true, 1002: true, 1003: true,
		1007: true, 1008: true, 1009: true, 1010: true, 1011: true, 1012: true, 1013: true, 1014: true,
	}
	for code := range 1 << 16 {
		got, reason, fault := frame.ParseClose(append(binary.BigEndian.AppendUint16(nil, uint16(code)), "why"...))
		if want := may[code] || code >= 3000 && code < 5000; want != (fault == frame.NoFault) {
			t.Errorf("code %d: %v", code, fault)
		} else if want && (got != code || string(reason) != "why") {
			t.Errorf("code %d: got %d %q", code, got, reason)
		} else if !want && fault != frame.UnusableCode {
			t.Errorf("code %d: %v", code, fault)
		}
	}
}

func TestClosePayloads(t *testing.T) {
	for name, test := range map[string]struct {
		payload string
		code    int
		reason  string
		fault   frame.Fault
	}{
		"empty":                       {"", outcome.CodeNoStatus, "", frame.NoFault},
		"half a code":                 {"\x03", 0, "", frame.HalfCode},
		"no reason":                   {"\x03\xe8", 1000, "", frame.NoFault},
		"a reason of many characters": {"\x03\xe9" + strings.Repeat("é", 61), 1001, strings.Repeat("é", 61), frame.NoFault},
		"half a character":            {"\x03\xe8a\xc3", 0, "", frame.GarbledText},
		"a surrogate":                 {"\x03\xe8\xed\xa0\x80", 0, "", frame.GarbledText},
		"an overlong character":       {"\x03\xe8\xc0\x80", 0, "", frame.GarbledText},
	} {
		t.Run(name, func(t *testing.T) {
			code, reason, fault := frame.ParseClose([]byte(test.payload))
			if code != test.code || string(reason) != test.reason || fault != test.fault {
				t.Errorf("got %d %q %v", code, reason, fault)
			}
			if fault.Reason() != outcome.ProtocolError {
				t.Errorf("reason %s", fault.Reason())
			}
		})
	}
}

func TestPayloadIsCollectedInPieces(t *testing.T) {
	want := strings.Repeat("0123456789", 12)
	whole := masked(fin|ping, []byte(want))[6:]
	key := [4]byte{0xa1, 0xb2, 0xc3, 0xd4}
	for size := 1; size < 10; size++ {
		var collected frame.Payload
		for at := 0; at < len(whole); at += size {
			collected.Add(whole[at:min(at+size, len(whole))], key)
		}
		if string(collected.Bytes()) != want {
			t.Errorf("in pieces of %d: %q", size, collected.Bytes())
		}
	}
	var collected frame.Payload
	collected.Add(make([]byte, 1000), key)
	if len(collected.Bytes()) != frame.MaxControl {
		t.Errorf("%d bytes were kept", len(collected.Bytes()))
	}
}

func TestWrittenControlFramesAreRead(t *testing.T) {
	key := [4]byte{1, 2, 3, 4}
	for name, test := range map[string]struct {
		written []byte
		masked  bool
		opcode  frame.Opcode
		payload string
	}{
		"a ping of a server":          {frame.AppendControl(nil, frame.Ping, []byte("p"), frame.Masking{}), false, frame.Ping, "p"},
		"a pong of a client":          {frame.AppendControl(nil, frame.Pong, []byte("hello"), frame.Masking{Masked: true, Key: key}), true, frame.Pong, "hello"},
		"too large a payload":         {frame.AppendControl(nil, frame.Pong, make([]byte, 200), frame.Masking{}), false, frame.Pong, strings.Repeat("\x00", 125)},
		"a Close frame":               {frame.AppendClose(nil, 1001, "going away", frame.Masking{Masked: true, Key: key}), true, frame.Close, "\x03\xe9going away"},
		"a Close frame without code":  {frame.AppendClose(nil, outcome.CodeNoStatus, "ignored", frame.Masking{}), false, frame.Close, ""},
		"a reason that just fits":     {frame.AppendClose(nil, 1000, strings.Repeat("x", 123), frame.Masking{}), false, frame.Close, "\x03\xe8" + strings.Repeat("x", 123)},
		"a reason that does not":      {frame.AppendClose(nil, 1000, strings.Repeat("x", 124), frame.Masking{}), false, frame.Close, "\x03\xe8" + strings.Repeat("x", 123)},
		"a reason cut at a character": {frame.AppendClose(nil, 1000, strings.Repeat("€", 42), frame.Masking{}), false, frame.Close, "\x03\xe8" + strings.Repeat("€", 41)},
		"a reason cut inside one":     {frame.AppendClose(nil, 1000, strings.Repeat("x", 122)+"€", frame.Masking{}), false, frame.Close, "\x03\xe8" + strings.Repeat("x", 122)},
	} {
		t.Run(name, func(t *testing.T) {
			var w frame.Walker
			n, event := w.Next(test.written, &frame.Rules{Masked: test.masked})
			var collected frame.Payload
			collected.Add(test.written[n:], w.Key())
			if event != frame.Began || w.Opcode() != test.opcode || string(collected.Bytes()) != test.payload || w.Length() != uint64(len(test.payload)) {
				t.Errorf("event %v, opcode %d, payload %q", event, w.Opcode(), collected.Bytes())
			}
			if len(test.written) > frame.MaxControlFrame {
				t.Errorf("%d bytes", len(test.written))
			}
			if test.opcode == frame.Close {
				if _, _, fault := frame.ParseClose(collected.Bytes()); fault != frame.NoFault {
					t.Error(fault)
				}
			}
		})
	}
}

func TestEachFaultHasWordsOfItsOwn(t *testing.T) {
	words := map[string]frame.Fault{}
	for fault := frame.NoFault; fault <= frame.GarbledText+1; fault++ {
		if other, taken := words[fault.String()]; taken {
			t.Errorf("%d and %d are both %q", fault, other, fault)
		}
		words[fault.String()] = fault
	}
}
