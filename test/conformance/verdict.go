// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"fmt"
	"slices"
)

// Verdict is what is thought of an answer.
type Verdict string

// The verdicts, best first.
const (
	// OK is what the RFC asks for.
	OK Verdict = "OK"
	// NonStrict is legal, but later than possible.
	NonStrict Verdict = "NON-STRICT"
	// Uncompressed is as it should be, but the server did not accept an offer of
	// compression.
	Uncompressed Verdict = "UNCOMPRESSED"
	// WrongCode ended the connection when it had to, for the wrong reason.
	WrongCode Verdict = "WRONG CODE"
	// NoClose ended it so, but without a Close frame.
	NoClose Verdict = "NO CLOSE"
	// Failed is anything else.
	Failed Verdict = "FAILED"
)

// Answer is what came from a server until the connection ended.
type Answer struct {
	messages []message
	pongs    [][]byte
	// code of the Close frame; 0 when there was none.
	code int
	// agreed is true where the server has accepted an offer.
	agreed bool
	// fault is what was wrong with the frames themselves, nil for nothing.
	fault error
}

// String is what a person wants to know of an answer that is not as it should be.
func (a *Answer) String() string {
	return fmt.Sprintf("%d messages, %d pongs, close code %d, fault %v", len(a.messages), len(a.pongs), a.code, a.fault)
}

// Judge holds an answer against what the case wants.
func (c *Case) Judge(a *Answer) Verdict {
	verdict := c.wants.judge(a)
	if verdict != OK && c.wants.late != nil && c.wants.late.judge(a) == OK {
		return NonStrict
	}
	return verdict
}

func (w *wants) judge(a *Answer) Verdict {
	switch {
	case a.fault != nil,
		!w.fits(len(a.messages), len(w.messages)) || !slices.EqualFunc(a.messages, w.messages[:len(a.messages)], sameMessage),
		!w.fits(len(a.pongs), len(w.pongs)) || !slices.EqualFunc(a.pongs, w.pongs[:len(a.pongs)], bytes.Equal):
		return Failed
	case a.code == 0:
		return NoClose
	case !slices.Contains(w.codes, a.code):
		return WrongCode
	case w.agreed && !a.agreed:
		return Uncompressed
	}
	return OK
}

// fits tells whether so many answers may have come of those that are wanted.
func (w *wants) fits(came, wanted int) bool {
	return came == wanted || came < wanted && w.cut
}

func sameMessage(a, b message) bool { return a.kind == b.kind && bytes.Equal(a.data, b.data) }
