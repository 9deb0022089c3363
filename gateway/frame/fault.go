// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package frame

import "github.com/wsgateway/websocket-gateway-operator/gateway/outcome"

// Fault is a rule that a peer has broken.
type Fault uint8

// The faults. All but the last groups are of RFC 6455 sections 5.1 to 5.5.
const (
	// NoFault is the zero Fault.
	NoFault Fault = iota
	// ReservedBit is set although no extension that uses it was negotiated.
	ReservedBit
	// ReservedOpcode is none that the RFC gives a meaning to.
	ReservedOpcode
	// FragmentedControl is a control frame without FIN.
	FragmentedControl
	// LongControl is a control frame of more than MaxControl bytes.
	LongControl
	// StrayContinuation continues no message.
	StrayContinuation
	// NestedMessage begins before the last one has ended.
	NestedMessage
	// MissingMask is a frame of a client without a mask.
	MissingMask
	// UnexpectedMask is a frame of a server with one.
	UnexpectedMask
	// WastefulLength is written in more bytes than it needs.
	WastefulLength
	// ImpossibleLength has its highest bit set.
	ImpossibleLength

	// FrameTooBig is longer than Rules.MaxFrame.
	FrameTooBig
	// MessageTooBig is longer than Rules.MaxMessage.
	MessageTooBig
	// TooManyFragments is a message in more frames than Rules.MaxFragments.
	TooManyFragments
	// UnwantedType is a message of a type that Rules do not let pass.
	UnwantedType

	// HalfCode is a Close frame whose payload is a single byte.
	HalfCode
	// UnusableCode is a close code that must not be sent (RFC 6455 section 7.4).
	UnusableCode
	// GarbledText is a reason in a Close frame that is not UTF-8.
	GarbledText
)

// String says which rule it is, in words that hold nothing of what the peer
// sent.
func (f Fault) String() string {
	switch f {
	case NoFault:
		return "no fault"
	case ReservedBit:
		return "a reserved bit is set"
	case ReservedOpcode:
		return "a reserved opcode"
	case FragmentedControl:
		return "a control frame in fragments"
	case LongControl:
		return "a control frame of more than 125 bytes"
	case StrayContinuation:
		return "a continuation of no message"
	case NestedMessage:
		return "a message inside a message"
	case MissingMask:
		return "a frame of a client without a mask"
	case UnexpectedMask:
		return "a frame of a server with a mask"
	case WastefulLength:
		return "a length in more bytes than it needs"
	default:
		return f.late()
	}
}

// late is String for what is found behind the first two bytes of a header.
func (f Fault) late() string {
	switch f {
	case ImpossibleLength:
		return "a length of more than 63 bits"
	case FrameTooBig:
		return "a frame above the limit"
	case MessageTooBig:
		return "a message above the limit"
	case TooManyFragments:
		return "a message in too many fragments"
	case UnwantedType:
		return "a message of a type that is not let pass"
	case HalfCode:
		return "a Close frame with half a code"
	case UnusableCode:
		return "a Close frame with a code that must not be sent"
	case GarbledText:
		return "a Close frame whose reason is not UTF-8"
	default:
		return "an unknown fault"
	}
}

// Reason is what a connection with this fault ends for.
func (f Fault) Reason() outcome.Reason {
	switch f {
	case FrameTooBig, MessageTooBig:
		return outcome.MessageTooBig
	case TooManyFragments:
		return outcome.TooManyFragments
	case UnwantedType:
		return outcome.UnwantedType
	default:
		return outcome.ProtocolError
	}
}
