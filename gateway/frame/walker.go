// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"encoding/binary"
	"math"
)

// Rules are what one direction of a connection has to keep to, besides the
// RFC.
type Rules struct {
	// Masked says that each frame must have a mask, as those of a client do, or
	// that none may.
	Masked bool
	// Compression says that permessage-deflate was negotiated: the first frame
	// of a message may have RSV1 (RFC 7692 section 6).
	Compression bool
	// MaxFrame is the largest payload of a data frame, in bytes, and MaxMessage
	// that of a message, as it is on the network. 0 means no limit.
	MaxFrame, MaxMessage uint64
	// MaxFragments is the largest number of data frames in a message. Without
	// it an endless row of empty ones, which RFC 6455 section 5.4 allows, would
	// be below every other limit. 0 means no limit.
	MaxFragments uint32
	// NoText and NoBinary say that no message of this type may begin.
	NoText, NoBinary bool
}

// Event is what Walker.Next has stopped for.
type Event uint8

// The events.
const (
	// More means that all bytes were read and that nothing else happened.
	More Event = iota
	// Began means that a header is complete and in order.
	Began
	// Ended means that a frame is complete.
	Ended
	// Broken means that a rule was broken: see Walker.Fault.
	Broken
)

const (
	finBit      = 0x80
	reserved    = 0x70
	compressed  = 0x40
	opcodeBits  = 0x0f
	maskBit     = 0x80
	lengthBits  = 0x7f
	follows16   = 126 // the length is in the next two bytes
	follows64   = 127 // the length is in the next eight bytes
	inFrame     = 1
	inMessage   = 2
	smallHeader = 2
)

// MaxHeader is the size of the largest header of a frame, in bytes.
const MaxHeader = 14

// Walker follows one direction of a connection from frame to frame. Its zero
// value is ready for the first byte behind the handshake. It takes 40 bytes
// without a pointer, so that a hundred thousand idle ones cost the garbage
// collector nothing. Its methods are for one goroutine at a time.
type Walker struct {
	// left is what is still to come of the frame's payload.
	left uint64
	// message is the payload of all frames of the message so far, the whole of
	// the present one included.
	message   uint64
	fragments uint32
	// header of the present frame, or what has come of the next one.
	header [MaxHeader]byte
	have   uint8
	state  uint8
	fault  Fault
}

// Next reads p up to the next event and returns how many bytes that took. Call
// it with the rest of p until it returns More or Broken. An event may take no
// byte at all, so an empty rest is worth a call as long as the last one
// returned Began.
//
// An incomplete header is held back (see Held) until all of it is known to be
// in order: a relay that has forwarded half a header could neither finish it
// nor put a Close frame behind it. The rules must be the same in each call.
// Once Broken, a walker stays so.
func (w *Walker) Next(p []byte, rules *Rules) (n int, event Event) {
	switch {
	case w.fault != NoFault:
		return 0, Broken
	case w.state&inFrame == 0:
		return w.readHeader(p, rules)
	case uint64(len(p)) < w.left:
		w.left -= uint64(len(p))
		return len(p), More
	}
	n = int(w.left) //nolint:gosec // is not above len(p)
	w.left = 0
	w.end()
	return n, Ended
}

func (w *Walker) readHeader(p []byte, rules *Rules) (n int, event Event) {
	if w.have == 0 && len(p) >= MaxHeader {
		return w.wholeHeader(p, rules)
	}
	for {
		// One decision after the other, each as soon as its last byte is here:
		// so the verdict does not depend on how the stream was cut.
		upTo := w.nextDecision()
		taken := copy(w.header[w.have:upTo], p[n:])
		n += taken
		w.have += uint8(taken) //nolint:gosec // is not above MaxHeader
		if w.have < upTo {
			return n, More
		}
		if w.fault = w.decide(rules); w.fault != NoFault {
			return n, Broken
		}
		if w.have == w.headerSize() {
			w.begin()
			return n, Began
		}
	}
}

// wholeHeader is readHeader, several times as fast, for a header that has come
// in one piece: nearly all of them.
func (w *Walker) wholeHeader(p []byte, rules *Rules) (n int, event Event) {
	w.header = [MaxHeader]byte(p)
	w.have = 1
	w.fault = w.judgeFirst(rules)
	if w.fault == NoFault {
		w.have = smallHeader
		w.fault = w.judgeSecond(rules)
	}
	if w.fault == NoFault {
		w.have = smallHeader + w.lengthSize()
		w.fault = w.judgeLength(rules)
	}
	if w.fault != NoFault {
		return int(w.have), Broken
	}
	w.have = w.headerSize()
	w.begin()
	return int(w.have), Began
}

// nextDecision is how many bytes of the header the next decision needs.
func (w *Walker) nextDecision() uint8 {
	if w.have < smallHeader {
		return w.have + 1
	}
	if length := smallHeader + w.lengthSize(); w.have < length {
		return length
	}
	return w.headerSize()
}

// lengthSize is the size of the extended length.
func (w *Walker) lengthSize() uint8 {
	switch w.header[1] & lengthBits {
	case follows16:
		return 2
	case follows64:
		return 8
	default:
		return 0
	}
}

// headerSize is how long the header will be, as far as is known.
func (w *Walker) headerSize() uint8 {
	if w.have < smallHeader {
		return MaxHeader
	}
	return uint8(w.HeaderSize()) //nolint:gosec // is not above MaxHeader
}

// decide judges the part of the header that has just become complete.
func (w *Walker) decide(rules *Rules) Fault {
	switch w.have {
	case 1:
		return w.judgeFirst(rules)
	case smallHeader:
		if fault := w.judgeSecond(rules); fault != NoFault {
			return fault
		}
	}
	if w.have == smallHeader+w.lengthSize() {
		return w.judgeLength(rules)
	}
	return NoFault // the masking key may be anything
}

func (w *Walker) judgeFirst(rules *Rules) Fault {
	opcode := w.Opcode()
	bits := w.header[0] & reserved
	if rules.Compression && (opcode == Text || opcode == Binary) {
		bits &^= compressed
	}
	switch {
	case bits != 0:
		return ReservedBit
	case !opcode.known():
		return ReservedOpcode
	case opcode.Control():
		if !w.Final() {
			return FragmentedControl
		}
		return NoFault
	}
	return w.judgeOrder(opcode, rules)
}

// judgeOrder tells whether a data frame may come now, or ever.
func (w *Walker) judgeOrder(opcode Opcode, rules *Rules) Fault {
	switch {
	case opcode == Continuation && !w.InMessage():
		return StrayContinuation
	case opcode != Continuation && w.InMessage():
		return NestedMessage
	case opcode == Text && rules.NoText, opcode == Binary && rules.NoBinary:
		return UnwantedType
	}
	return NoFault
}

func (w *Walker) judgeSecond(rules *Rules) Fault {
	masked := w.header[1]&maskBit != 0
	switch {
	case rules.Masked && !masked:
		return MissingMask
	case !rules.Masked && masked:
		return UnexpectedMask
	case w.Opcode().Control() && w.header[1]&lengthBits > MaxControl:
		return LongControl
	}
	return NoFault
}

func (w *Walker) judgeLength(rules *Rules) Fault {
	length := w.Length()
	before, fragments := w.before()
	switch size := w.lengthSize(); {
	case size == 2 && length < follows16, size == 8 && length <= math.MaxUint16:
		return WastefulLength
	case length > math.MaxInt64:
		return ImpossibleLength
	case w.Opcode().Control():
		return NoFault
	case above(length, rules.MaxFrame):
		return FrameTooBig
	case rules.MaxMessage > 0 && (before > rules.MaxMessage || length > rules.MaxMessage-before):
		return MessageTooBig
	case above(uint64(fragments)+1, uint64(rules.MaxFragments)):
		return TooManyFragments
	}
	return NoFault
}

func above(value, limit uint64) bool { return limit > 0 && value > limit }

// before is the size of the message up to the present data frame, in bytes and
// in frames.
func (w *Walker) before() (size uint64, fragments uint32) {
	if w.Opcode() != Continuation {
		return 0, 0
	}
	return w.message, w.fragments
}

func (w *Walker) begin() {
	w.left = w.Length()
	w.state |= inFrame
	if w.Opcode().Control() {
		return
	}
	size, fragments := w.before()
	w.message, w.fragments = size+w.left, fragments
	if fragments < math.MaxUint32 {
		w.fragments++
	}
	w.state |= inMessage
}

func (w *Walker) end() {
	w.state &^= inFrame
	if w.Final() && !w.Opcode().Control() {
		w.state &^= inMessage
	}
	w.have = 0
}

// Opcode is the kind of the frame that has begun or just ended. It is valid until
// the header of the next one begins, like Final, HeaderSize, Length and Key.
func (w *Walker) Opcode() Opcode { return Opcode(w.header[0] & opcodeBits) }

// Final tells whether the frame is the last of its message.
func (w *Walker) Final() bool { return w.header[0]&finBit != 0 }

// HeaderSize is the size of the frame's header, in bytes: at most MaxHeader.
func (w *Walker) HeaderSize() int {
	size := smallHeader + int(w.lengthSize())
	if w.header[1]&maskBit != 0 {
		size += 4
	}
	return size
}

// Length is the size of the frame's payload, in bytes.
func (w *Walker) Length() uint64 {
	switch w.lengthSize() {
	case 2:
		return uint64(binary.BigEndian.Uint16(w.header[smallHeader:]))
	case 8:
		return binary.BigEndian.Uint64(w.header[smallHeader:])
	default:
		return uint64(w.header[1] & lengthBits)
	}
}

// Key is the masking key of the frame, all zero where it has no mask.
func (w *Walker) Key() (key [4]byte) {
	if w.header[1]&maskBit != 0 {
		copy(key[:], w.header[smallHeader+w.lengthSize():])
	}
	return key
}

// Message is the payload of the message that is under way or ended last, as far
// as frames of it have begun, in bytes.
func (w *Walker) Message() uint64 { return w.message }

// InMessage tells whether a message has begun and not ended. A Close frame here
// would cost the message; a Ping would not.
func (w *Walker) InMessage() bool { return w.state&inMessage != 0 }

// InFrame tells whether a frame has begun and not ended: here nothing can be
// put in between.
func (w *Walker) InFrame() bool { return w.state&inFrame != 0 }

// Held is what has come of a header that is not complete or not in order, at
// most 14 bytes: the only bytes that Next has read and that must not be
// forwarded yet. It is valid until the next call of Next.
func (w *Walker) Held() []byte {
	if w.InFrame() {
		return nil
	}
	return w.header[:w.have]
}

// Fault is the rule that was broken, or NoFault.
func (w *Walker) Fault() Fault { return w.fault }
