// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package secret holds credentials so that they cannot be written down by
// mistake. A log line, an error or a record that is given one says Redacted, in
// every way of formatting that the standard library has.
//
// Standard library only; every part of the gateway may import it.
package secret

import (
	"fmt"
	"log/slog"
)

// Redacted is what is written in place of a secret.
const Redacted = "REDACTED"

// Text is a credential, or a part of one. The zero value is empty. It is
// immutable and safe for concurrent use. It cannot be compared by ==, so that
// nobody finds out how much of a guess was right by how long that took.
type Text struct {
	Sealed
	// held is a function: packages that print values by reflection follow
	// pointers and read unexported fields of structs, where they ask no method.
	// What a function has captured is out of their reach.
	held func() string
}

// New puts a value away.
func New(value string) Text {
	if value == "" {
		return Text{}
	}
	return Text{held: func() string { return value }}
}

// Reveal returns the value, for the one place that checks or sends it.
func (t Text) Reveal() string {
	if t.held == nil {
		return ""
	}
	return t.held()
}

// Empty tells whether there is no value.
func (t Text) Empty() bool { return t.held == nil }

// Len is the length of the value, in bytes.
func (t Text) Len() int { return len(t.Reveal()) }

// Sealed makes the types that embed it unformattable, with two exceptions. Fmt
// asks no method of a field that is not exported, so a type that holds a sealed
// one there has to be sealed itself. And it asks none for the verb p, nor for w
// outside of Errorf, which go vet both refuses. A Text holds out in all of these.
type Sealed struct{}

// String implements fmt.Stringer.
func (Sealed) String() string { return Redacted }

// GoString implements fmt.GoStringer, for the verb %#v.
func (Sealed) GoString() string { return Redacted }

// Format implements fmt.Formatter: every verb and every flag, also those that
// would show bytes or quote them.
func (Sealed) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(Redacted)) }

// MarshalText implements encoding.TextMarshaler.
func (Sealed) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalBinary implements encoding.BinaryMarshaler, which encoding/gob asks.
func (Sealed) MarshalBinary() ([]byte, error) { return []byte(Redacted), nil }

// MarshalJSON implements json.Marshaler.
func (Sealed) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

// LogValue implements slog.LogValuer.
func (Sealed) LogValue() slog.Value { return slog.StringValue(Redacted) }
