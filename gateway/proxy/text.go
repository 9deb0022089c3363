// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"
	"io"
	"unicode/utf8"
)

var errInvalidUTF8 = errors.New("text message is not valid UTF-8")

// inbound is a message while it is read. It tells the errors of reading from
// those of writing, which io.Copy mixes, and checks text as it comes.
type inbound struct {
	reader io.Reader
	// err is why reading ended before the message did.
	err error
	// text says that the message must be UTF-8 (RFC 6455 section 5.6).
	text bool
	// part holds the beginning of a character whose end has not come yet.
	part  [utf8.UTFMax]byte
	parts int
}

func (in *inbound) reset(reader io.Reader, text bool) {
	*in = inbound{reader: reader, text: text}
}

// Read implements io.Reader. It returns no byte of a read that holds an invalid
// sequence.
func (in *inbound) Read(p []byte) (int, error) {
	if in.err != nil {
		return 0, in.err
	}
	n, err := in.reader.Read(p)
	if in.text && !in.check(p[:n], errors.Is(err, io.EOF)) {
		n, err = 0, errInvalidUTF8
	}
	if err != nil && !errors.Is(err, io.EOF) {
		in.err = err
	}
	return n, err
}

// check says whether p may follow what was seen, and at the end of the message
// whether that is complete. It fails at the first impossible byte.
func (in *inbound) check(p []byte, end bool) bool {
	for in.parts > 0 && len(p) > 0 {
		in.part[in.parts] = p[0]
		in.parts++
		p = p[1:]
		if part := in.part[:in.parts]; utf8.FullRune(part) {
			if !utf8.Valid(part) {
				return false
			}
			in.parts = 0
		}
	}
	cut := len(p) - incomplete(p)
	if cut < len(p) {
		in.parts = copy(in.part[:], p[cut:])
	}
	return utf8.Valid(p[:cut]) && (!end || in.parts == 0)
}

// incomplete is the length of the character that p ends within.
func incomplete(p []byte) int {
	for length := 1; length < utf8.UTFMax && length <= len(p); length++ {
		if tail := p[len(p)-length:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return length
		}
	}
	return 0
}
