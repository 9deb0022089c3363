// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package frame_test

import (
	"github.com/wsgateway/websocket-gateway-operator/gateway/frame"
)

// seen is what happened at an offset of a stream.
type seen struct {
	at        int
	event     frame.Event
	fault     frame.Fault
	opcode    frame.Opcode
	final     bool
	length    uint64
	header    int
	key       [4]byte
	message   uint64
	inMessage bool
}

// verdict is all that can be told of a stream.
type verdict struct {
	seen []seen
	// forwarded is how many bytes are in order: all but an incomplete or a
	// broken header.
	forwarded int
}

// reference reads a whole stream the slow way: with everything in memory, one
// question after the other, in the order of the bytes.
func reference(stream []byte, rules frame.Rules) verdict {
	r := &reader{stream: stream, rules: rules}
	for r.frame() {
	}
	return r.verdict
}

type reader struct {
	verdict

	stream    []byte
	rules     frame.Rules
	at        int
	open      bool
	message   uint64
	fragments uint64
}

// take reads a number in network order; false means that the stream is too
// short.
func (r *reader) take(size int) (number uint64, ok bool) {
	if len(r.stream)-r.at < size {
		return 0, false
	}
	for range size {
		number = number<<8 + uint64(r.stream[r.at])
		r.at++
	}
	return number, true
}

func (r *reader) broken(fault frame.Fault) bool {
	r.seen = append(r.seen, seen{at: r.at, event: frame.Broken, fault: fault})
	return false
}

func (r *reader) frame() bool {
	begin := r.at
	first, ok := r.take(1)
	if !ok {
		return false
	}
	final, rsv1, rsv23, opcode := first >= 128, first/64%2 == 1, first/16%4 != 0, frame.Opcode(first%16)
	control := opcode >= 8
	starts := opcode == frame.Text || opcode == frame.Binary
	if rsv23 || rsv1 && (!r.rules.Compression || !starts) {
		return r.broken(frame.ReservedBit)
	}
	if opcode > 10 || opcode > 2 && opcode < 8 {
		return r.broken(frame.ReservedOpcode)
	}
	if control && !final {
		return r.broken(frame.FragmentedControl)
	}
	if opcode == frame.Continuation && !r.open {
		return r.broken(frame.StrayContinuation)
	}
	if starts && r.open {
		return r.broken(frame.NestedMessage)
	}
	if opcode == frame.Text && r.rules.NoText || opcode == frame.Binary && r.rules.NoBinary {
		return r.broken(frame.UnwantedType)
	}

	second, ok := r.take(1)
	if !ok {
		return false
	}
	masked, length := second >= 128, second%128
	if r.rules.Masked != masked {
		return r.broken(map[bool]frame.Fault{true: frame.UnexpectedMask, false: frame.MissingMask}[masked])
	}
	if control && length > 125 {
		return r.broken(frame.LongControl)
	}
	if size := map[uint64]int{126: 2, 127: 8}[length]; size > 0 {
		if length, ok = r.take(size); !ok {
			return false
		}
		if smallest := map[int]uint64{2: 126, 8: 65536}[size]; length < smallest {
			return r.broken(frame.WastefulLength)
		}
		if length >= 1<<63 {
			return r.broken(frame.ImpossibleLength)
		}
	}
	if starts {
		r.message, r.fragments = 0, 0
	}
	if !control {
		// No stream of a test is so long that these sums overflow.
		r.message += length
		r.fragments++
		if r.rules.MaxFrame > 0 && length > r.rules.MaxFrame {
			return r.broken(frame.FrameTooBig)
		}
		if r.rules.MaxMessage > 0 && r.message > r.rules.MaxMessage {
			return r.broken(frame.MessageTooBig)
		}
		if r.rules.MaxFragments > 0 && r.fragments > uint64(r.rules.MaxFragments) {
			return r.broken(frame.TooManyFragments)
		}
	}

	var key [4]byte
	if masked {
		if len(r.stream)-r.at < 4 {
			return false
		}
		key = [4]byte(r.stream[r.at:])
		r.at += 4
	}
	if !control {
		r.open = true
	}
	one := seen{
		at: r.at, event: frame.Began, opcode: opcode, final: final, length: length, header: r.at - begin, key: key,
		message: r.message, inMessage: r.open,
	}
	r.seen, r.forwarded = append(r.seen, one), r.at

	if uint64(len(r.stream)-r.at) < length {
		r.forwarded = len(r.stream)
		return false
	}
	r.at += int(length)
	if !control && final {
		r.open = false
	}
	one.at, one.event, one.inMessage = r.at, frame.Ended, r.open
	r.seen, r.forwarded = append(r.seen, one), r.at
	return true
}
