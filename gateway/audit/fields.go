// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of texts, in bytes. A longer one is cut, and its field named in the
// field wsgateway.truncated. Together they keep a line, with every quote escaped,
// below the 16 KiB at which container runtimes cut lines in two.
const (
	// maxWordBytes is for names that come from a list of ours.
	maxWordBytes   = 64
	maxTextBytes   = 256
	maxIssuerBytes = 512
	maxPathBytes   = 1024
)

// bodyBytes is what most records need.
const bodyBytes = 1280

// timeStep is what clocks of different machines agree on at best: times are never
// written finer.
const timeStep = time.Microsecond

// fields writes the fields of a record. A field without a value is left out by
// the methods for texts, moments and flags. It is not encoding/json because the
// line is made in place, once for all streams, and each adds only its own place.
type fields struct {
	line      []byte
	truncated []string
	// privacy is nil where nothing is left out.
	privacy *Privacy
}

func newFields(event Event) *fields {
	f := &fields{line: make([]byte, 0, bodyBytes)}
	f.begin(event)
	return f
}

// begin says which event it is.
func (f *fields) begin(event Event) {
	f.key("event.action")
	f.line = append(append(append(f.line, '"'), event...), '"')
	f.line = append(f.line, event.classes()...)
}

// finish says what was cut.
func (f *fields) finish() {
	if len(f.truncated) > 0 {
		f.key("wsgateway.truncated")
		f.line = append(append(append(f.line, `["`...), strings.Join(f.truncated, `","`)...), `"]`...)
	}
}

// entry ends the record.
func (f *fields) entry(event Event, at time.Time, weight uint64) *entry {
	f.finish()
	return &entry{time: at, event: event, weight: weight, body: f.line}
}

// key begins a field. Names are ours and need no escaping.
func (f *fields) key(name string) {
	f.line = append(append(append(f.line, `,"`...), name...), `":`...)
}

func (f *fields) text(name, value string) { f.upTo(maxTextBytes, name, value) }

func (f *fields) word(name, value string) { f.upTo(maxWordBytes, name, value) }

// target is a text of which everything behind a question or number sign goes:
// that is where browsers and users put tokens.
func (f *fields) target(limit int, name, value string) {
	if i := strings.IndexAny(value, "?#"); i >= 0 {
		value = value[:i]
	}
	f.upTo(limit, name, value)
}

func (f *fields) upTo(limit int, name, value string) {
	if value != "" {
		f.always(limit, name, value)
	}
}

// always writes a text that is there even when it is empty.
func (f *fields) always(limit int, name, value string) {
	f.key(name)
	var cut bool
	f.line, cut = appendText(f.line, value, limit)
	if cut && !slices.Contains(f.truncated, name) {
		f.truncated = append(f.truncated, name)
	}
}

// address writes NAME.ip and NAME.port, or NAME.address of what is none.
func (f *fields) address(name, value string) {
	if value == "" {
		return
	}
	address, port, hasPort := parseAddress(value)
	if !address.IsValid() {
		f.text(name+".address", value)
		return
	}
	f.key(name + ".ip")
	f.line = append(address.AppendTo(append(f.line, '"')), '"')
	if hasPort {
		f.number(name+".port", uint64(port))
	}
}

// parseAddress understands IP and IP:PORT; the address is invalid for others.
func parseAddress(text string) (address netip.Addr, port uint16, hasPort bool) {
	if both, err := netip.ParseAddrPort(text); err == nil {
		return both.Addr().Unmap().WithZone(""), both.Port(), true
	}
	alone, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, 0, false
	}
	return alone.Unmap().WithZone(""), 0, false
}

func (f *fields) number(name string, n uint64) {
	f.key(name)
	f.line = strconv.AppendUint(f.line, n, 10)
}

// signed is for numbers that peers choose, and differences.
func (f *fields) signed(name string, n int64) {
	f.key(name)
	f.line = strconv.AppendInt(f.line, n, 10)
}

func (f *fields) flag(name string, set bool) {
	if set {
		f.key(name)
		f.line = append(f.line, "true"...)
	}
}

func (f *fields) moment(name string, t time.Time) {
	if !t.IsZero() {
		f.key(name)
		f.line = appendTime(f.line, t)
	}
}

func appendTime(line []byte, t time.Time) []byte {
	// RFC 3339, in the layout for which package time has code of its own.
	return append(t.UTC().Truncate(timeStep).AppendFormat(append(line, '"'), time.RFC3339Nano), '"')
}

// plainPrefix is how much of a text can be copied as it is, which is all of most.
func plainPrefix(text string) int {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return i
		}
	}
	return len(text)
}

// appendText appends a JSON string of at most limit bytes before escaping, and
// tells whether that is less than all. What is not printable is replaced: an
// escape sequence or a change of the direction of writing could make a terminal
// show another record than there is. What is printable needs no escape but two
// characters (RFC 8259 section 7).
func appendText(line []byte, value string, limit int) (appended []byte, cut bool) {
	line = append(line, '"')
	plain := plainPrefix(value[:min(len(value), limit)])
	line = append(line, value[:plain]...)
	value = value[plain:]
	left := limit - plain
	for len(value) > 0 {
		r, size := utf8.DecodeRuneInString(value)
		value = value[size:]
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = utf8.RuneError
		}
		left -= utf8.RuneLen(r)
		if left < 0 {
			cut = true
			break
		}
		if r == '"' || r == '\\' {
			line = append(line, '\\')
		}
		line = utf8.AppendRune(line, r)
	}
	return append(line, '"'), cut
}
