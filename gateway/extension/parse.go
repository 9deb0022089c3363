// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import "strings"

const (
	// most bounds the work for what is a handful in every client: extensions in a
	// list, and parameters of each.
	most = 64
	// blanks may stand between the parts of a list.
	blanks = " \t"
)

// Extension is an item of a list.
type Extension struct {
	Name       string
	Parameters []Parameter
}

// Parameter of an extension. Value is empty only where there is none: RFC 6455 lets
// no value be empty.
type Parameter struct {
	Name, Value string
}

// Parse reads the values of all Sec-WebSocket-Extensions fields of a message, in their
// order. ok is false for what RFC 6455 section 9.1 wants a handshake to fail for, and
// for more than 64 extensions, or parameters of one.
func Parse(values []string) (list []Extension, ok bool) {
	for _, value := range values {
		for rest := "," + value; rest != ""; {
			if len(list) == most {
				return nil, false
			}
			var e Extension
			if e, rest, ok = cutExtension(rest[1:]); !ok {
				return nil, false
			}
			list = append(list, e)
		}
	}
	return list, true
}

// cutExtension takes one extension with its parameters from the front of a list. The
// rest is empty or begins with a comma.
func cutExtension(list string) (e Extension, rest string, ok bool) {
	if e.Name, list, ok = cutToken(list); !ok {
		return Extension{}, "", false
	}
	for strings.HasPrefix(list, ";") {
		var p Parameter
		if p, list, ok = cutParameter(list[1:]); !ok || len(e.Parameters) == most {
			return Extension{}, "", false
		}
		e.Parameters = append(e.Parameters, p)
	}
	return e, list, list == "" || strings.HasPrefix(list, ",")
}

// cutParameter takes a name, and a value if there is one. A quoted value must be
// a token once the quotes are gone, so that nobody has to unescape anything.
func cutParameter(list string) (p Parameter, rest string, ok bool) {
	if p.Name, list, ok = cutToken(list); !ok || !strings.HasPrefix(list, "=") {
		return p, list, ok
	}
	list = strings.TrimLeft(list[1:], blanks)
	quoted, isQuoted := strings.CutPrefix(list, `"`)
	if !isQuoted {
		p.Value, rest, ok = cutToken(list)
		return p, rest, ok
	}
	value, rest, closed := strings.Cut(quoted, `"`)
	p.Value = value
	return p, strings.TrimLeft(rest, blanks), closed && IsToken(value)
}

// cutToken takes a token and the blanks around it from the front of a list.
func cutToken(list string) (token, rest string, ok bool) {
	list = strings.TrimLeft(list, blanks)
	end := strings.IndexAny(list, ",;= \t\"")
	if end < 0 {
		end = len(list)
	}
	return list[:end], strings.TrimLeft(list[end:], blanks), IsToken(list[:end])
}

// IsToken tells whether s is a token of RFC 9110 section 5.6.2, as the names of
// extensions, subprotocols and headers are.
func IsToken(s string) bool {
	for _, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// String is the extension as it is written in a list.
func (e Extension) String() string {
	var b strings.Builder
	b.WriteString(e.Name)
	for _, p := range e.Parameters {
		b.WriteString("; " + p.Name)
		if p.Value != "" {
			b.WriteString("=" + p.Value)
		}
	}
	return b.String()
}

// List is the value of one field that has all extensions of a list.
func List(list []Extension) string {
	items := make([]string, len(list))
	for i, e := range list {
		items[i] = e.String()
	}
	return strings.Join(items, ", ")
}
