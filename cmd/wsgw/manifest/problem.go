// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package manifest

import "fmt"

// Problem is something in a manifest that has to be repaired.
type Problem struct {
	// Position is FILE:DOCUMENT.
	Position string
	// Field is the path of the field; empty for the document as a whole.
	Field string
	// Message is a sentence that says what to do.
	Message string
}

// String is POSITION: FIELD: MESSAGE.
func (p Problem) String() string {
	if p.Field == "" {
		return p.Position + ": " + p.Message
	}
	return p.Position + ": " + p.Field + ": " + p.Message
}

// Findings are what there is to say of one document.
type Findings struct {
	// Problems have to be repaired.
	Problems []Problem
	// Unchecked are the references that no document holds.
	Unchecked []Problem
	// Hints are about what is in order and means something else than it looks like.
	Hints []Problem
}

// overruled hints at limits that look as if a route could have more than its gateway.
func (f *Findings) overruled(d Document, gateway string, limits []string) {
	for _, one := range limits {
		f.Hints = append(f.Hints, Problem{Position: d.Position(), Message: fmt.Sprintf(
			"%s: WebSocketGateway %q has tighter ones in spec.limits, or by default, and they count: raise those, or set tighter ones here", one, gateway)})
	}
}
