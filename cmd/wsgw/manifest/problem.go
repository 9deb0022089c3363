// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package manifest

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
