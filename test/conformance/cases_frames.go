// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"strings"
)

// framing has the lengths at which the header changes its form.
func framing() []Case {
	var cases []Case
	for kind, name := range []string{"text", "binary message"} {
		for i, n := range []int{0, 125, 126, 127, 128, 65535, 65536} {
			f := frame{fin | opText + byte(kind), []byte(repeated("*", n))}
			cases = append(cases, echoed(fmt.Sprintf("1.%d.%d", kind+1, i+1), fmt.Sprintf("a %s of %d bytes", name, n), atOnce(f)))
		}
		f := frame{fin | opText + byte(kind), []byte(repeated("*", 65536))}
		cases = append(cases, echoed(fmt.Sprintf("1.%d.8", kind+1), fmt.Sprintf("a %s of 65536 bytes, in pieces of 997", name), chopped(997, f)))
	}
	return cases
}

func pings() []Case {
	most := repeated("\xfe", maxControl)
	var ten []frame
	for i := range 10 {
		ten = append(ten, ping(fmt.Sprintf("payload-%d", i)))
	}
	return []Case{
		echoed("2.1", "a ping without payload", atOnce(ping(""))),
		echoed("2.2", "a ping with a short text", atOnce(ping("Hello, world!"))),
		echoed("2.3", "a ping with bytes that are no text", atOnce(ping("\x00\xff\xfe\xfd\xfc\xfb\x00\xff"))),
		echoed("2.4", "a ping with 125 bytes", atOnce(ping(most))),
		broken("2.5", "a ping with 126 bytes", protocolError(), nil, atOnce(ping(most+"\xfe"), ping("after"))),
		echoed("2.6", "a ping with 125 bytes, byte by byte", chopped(1, ping(most))),
		echoed("2.7", "a pong that nobody asked for, without payload", atOnce(pong(""))),
		echoed("2.8", "a pong that nobody asked for, with payload", atOnce(pong("unsolicited"))),
		echoed("2.9", "a pong that nobody asked for, then a ping", atOnce(pong("unsolicited"), ping("asked"))),
		echoed("2.10", "ten pings in one write", atOnce(ten...)),
		echoed("2.11", "ten pings, byte by byte", chopped(1, ten...)),
	}
}

// bits names those of the three reserved bits that are set in a number.
func bits(number byte) (set byte, name string) {
	var names []string
	for i, bit := range []byte{rsv1, rsv2, rsv3} {
		if number&(4>>i) != 0 {
			set |= bit
			names = append(names, fmt.Sprintf("RSV%d", i+1))
		}
	}
	return set, strings.Join(names, " and ")
}

func reservedBits() []Case {
	offence := func(f frame, number byte) (frame, string) {
		set, name := bits(number)
		return f.with(set), name
	}
	var cases []Case
	add := func(name, does string, f frame, number byte, before []step, send func(...frame) []step, after ...frame) {
		bad, set := offence(f, number)
		cases = append(cases, broken(name, fmt.Sprintf(does, set), protocolError(), before, send(append([]frame{bad}, after...)...)))
	}
	hello := text("Hello, world!")
	bytewise := func(frames ...frame) []step { return chopped(1, frames...) }
	add("3.1", "a text with %s", hello, 1, nil, atOnce)
	add("3.2", "a text and, once that is answered, one with %s and a ping", hello, 2, then(atOnce(hello), answered()), atOnce, ping(""))
	add("3.3", "a text, one with %s and a ping, one write each", hello, 3, atOnce(hello), oneByOne, ping(""))
	add("3.4", "a text, one with %s and a ping, byte by byte", hello, 4, chopped(1, hello), bytewise, ping(""))
	add("3.5", "a binary message with %s", binaryOf([]byte("\x00\xff\xfe")), 5, nil, atOnce)
	add("3.6", "a ping with %s", ping("Hello, world!"), 6, nil, atOnce)
	add("3.7", "a Close frame with %s", closing(codeNormal, ""), 7, nil, atOnce)
	return cases
}

// opcodes has those that the RFC keeps for later, data and control.
func opcodes() []Case {
	var cases []Case
	hello := text("Hello, world!")
	for i, first := range []byte{3, 11} {
		add := func(number byte, does string, before, offence []step) {
			cases = append(cases, broken(fmt.Sprintf("4.%d.%d", i+1, number+1), fmt.Sprintf("opcode %d: %s", first+number, does), protocolError(), before, offence))
		}
		of := func(number byte, payload string) frame { return frame{fin | (first + number), []byte(payload)} }
		add(0, "a frame without payload", nil, atOnce(of(0, "")))
		add(1, "a frame with payload", nil, atOnce(of(1, "reserved payload")))
		add(2, "behind a text that is answered, and before a ping", then(atOnce(hello), answered()), atOnce(of(2, ""), ping("")))
		add(3, "behind a text and before a ping, one write each", atOnce(hello), oneByOne(of(3, "reserved payload"), ping("")))
		add(4, "behind a text and before a ping, byte by byte", chopped(1, hello), chopped(1, of(4, "reserved payload"), ping("")))
	}
	return cases
}
