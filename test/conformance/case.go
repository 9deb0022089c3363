// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"slices"
)

// Group is a number of cases about the same.
type Group struct {
	// Number is the first part of the cases' names.
	Number int
	Title  string
	Cases  []Case
}

// Case is one thing to try: what a client sends, and what may come of it.
type Case struct {
	// Name is two or three numbers, the first that of the group.
	Name string
	// Does says in a few words what the client does.
	Does  string
	steps []step
	wants wants
	// offer is the value of Sec-WebSocket-Extensions; empty for none.
	offer string
}

// step is something that the client does, once the last step is done.
type step struct {
	// answers is how many messages and pongs the client has to have got altogether
	// before it goes on.
	answers int
	frames  []frame
	// messages are sent compressed where that was agreed upon, in frames of at most
	// size bytes.
	messages []message
	size     int
	// chop is the size of the pieces in which the frames are written; 0 is one
	// piece.
	chop int
}

// wants is what a server may answer. Messages and pongs are compared apart: in which
// order the two come is the server's to choose.
type wants struct {
	messages []message
	pongs    [][]byte
	// codes that the Close frame may have.
	codes []int
	// cut says that the client breaks a rule in the same breath, so that the last
	// of what it sent before may go unanswered.
	cut bool
	// late, if not nil, is what is legal too but less than can be asked.
	late *wants
	// agreed says that the server has to accept the offer.
	agreed bool
}

// message as it was put together from its frames.
type message struct {
	kind byte
	data []byte
	// packed is true of one that has come compressed.
	packed bool
}

// CodeNone stands for a Close frame without a code.
const CodeNone = 1005

// Codes that are expected (RFC 6455 section 7.4.1).
const (
	codeNormal   = 1000
	codeProtocol = 1002
	codeText     = 1007
)

// atOnce sends frames in one write, oneByOne in one write each, chopped in pieces of
// a size.
func atOnce(frames ...frame) []step { return []step{{frames: frames}} }

func oneByOne(frames ...frame) []step {
	var steps []step
	for _, f := range frames {
		steps = append(steps, step{frames: []frame{f}})
	}
	return steps
}

func chopped(size int, frames ...frame) []step { return []step{{frames: frames, chop: size}} }

// answered waits for the first message or pong.
func answered() []step { return []step{{answers: 1}} }

func then(steps ...[]step) []step { return slices.Concat(steps...) }

// echoed is a case of a client that keeps to the rules: what it wants back are its own
// messages, and pongs with what its pings had. Then it closes.
func echoed(name, does string, steps ...[]step) Case {
	all := then(steps...)
	want := wants{codes: []int{codeNormal}}
	want.messages, want.pongs = replies(all)
	// Whoever is asked to close has little time for what is still to be answered: how
	// little is not what these cases are about.
	all = append(all, step{answers: len(want.messages) + len(want.pongs)}, step{frames: []frame{closing(codeNormal, "")}})
	return Case{Name: name, Does: does, steps: all, wants: want}
}

// broken is a case of a client that breaks a rule, for which the server has to end the
// connection with one of the codes and answer nothing that is behind it. What came
// before it has to answer where the client waits for that.
func broken(name, does string, codes []int, before, offence []step) Case {
	want := wants{codes: codes, cut: len(before) > 0 && before[len(before)-1].answers == 0}
	want.messages, want.pongs = replies(before)
	return Case{Name: name, Does: does, steps: then(before, offence), wants: want}
}

// replies are what a server that echoes answers to frames that keep to the rules.
func replies(steps []step) (messages []message, pongs [][]byte) {
	var open message
	for _, s := range steps {
		for _, f := range s.frames {
			switch opcode := f.first & opcodeBits; opcode {
			case opPing:
				pongs = append(pongs, f.payload)
				continue
			case opText, opBinary:
				open = message{kind: opcode}
			case opContinuation:
			default:
				continue
			}
			open.data = append(open.data, f.payload...)
			if f.first&fin != 0 {
				messages = append(messages, open)
			}
		}
	}
	return messages, pongs
}

// protocolError are the codes for a client that breaks a rule of framing.
func protocolError() []int { return []int{codeProtocol} }

func repeated(s string, n int) string { return string(bytes.Repeat([]byte(s), n)) }
