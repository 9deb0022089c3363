// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"errors"
	"strconv"
	"strings"
)

// Hosts finds the value of the most specific pattern for a host name: the exact
// name, else the wildcard that stands for its first label. The zero value is
// ready; once filled it may be read concurrently.
type Hosts[T any] struct {
	exact map[string]T
	// wild is keyed by what follows "*.".
	wild map[string]T
}

// Set gives a pattern its value, replacing an earlier one. A pattern is a
// lower-case DNS name whose first label may be "*".
func (h *Hosts[T]) Set(pattern string, value T) {
	if h.exact == nil {
		h.exact, h.wild = map[string]T{}, map[string]T{}
	}
	if rest, ok := strings.CutPrefix(pattern, "*."); ok {
		h.wild[rest] = value
		return
	}
	h.exact[pattern] = value
}

// Get returns the value of exactly this pattern.
func (h *Hosts[T]) Get(pattern string) (T, bool) {
	if rest, ok := strings.CutPrefix(pattern, "*."); ok {
		value, found := h.wild[rest]
		return value, found
	}
	value, found := h.exact[pattern]
	return value, found
}

// Exact returns the value of the pattern that is the name itself.
func (h *Hosts[T]) Exact(name string) (T, bool) {
	value, found := h.exact[name]
	return value, found
}

// Wildcard returns the value of the wildcard that stands for the first label of
// name. It stands for one label only, as in certificates (RFC 9525 section 6.3).
func (h *Hosts[T]) Wildcard(name string) (T, bool) {
	label, rest, ok := strings.Cut(name, ".")
	if !ok || label == "" || label == "*" {
		var none T
		return none, false
	}
	value, found := h.wild[rest]
	return value, found
}

// Lookup returns the value of the most specific pattern for name, which is in
// lower case.
func (h *Hosts[T]) Lookup(name string) (T, bool) {
	if value, found := h.Exact(name); found {
		return value, true
	}
	return h.Wildcard(name)
}

// ErrHost means that a Host header is not a host with an optional port.
var ErrHost = errors.New("malformed host")

// maxHostBytes is the longest name that DNS can hold, in its text form.
const maxHostBytes = 253

// Host returns the name in a Host header in lower case, without its port: the
// client's port says nothing, since a Service may map any port to ours. An
// address in brackets is returned as it is; it matches no pattern.
func Host(header string) (string, error) {
	if strings.HasPrefix(header, "[") {
		return bracketed(header)
	}
	name, port, hasPort := strings.Cut(header, ":")
	if !isName(name) || hasPort && !isPort(port) {
		return "", ErrHost
	}
	return strings.ToLower(name), nil
}

// bracketed reads "[address]" with an optional port.
func bracketed(header string) (string, error) {
	address, rest, closed := strings.Cut(header[1:], "]")
	port, hasPort := strings.CutPrefix(rest, ":")
	if !closed || !isAddress(address) || hasPort && !isPort(port) || !hasPort && rest != "" {
		return "", ErrHost
	}
	return "[" + address + "]", nil
}

func isPort(s string) bool {
	number, err := strconv.ParseUint(s, 10, 16)
	return err == nil && number > 0 && s[0] != '+'
}

func isAddress(s string) bool {
	for _, c := range []byte(s) {
		if !isHex(c) && c != ':' && c != '.' {
			return false
		}
	}
	return s != ""
}

func isName(s string) bool {
	for _, c := range []byte(s) {
		if !isAlphaNumeric(c) && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= maxHostBytes
}

func isAlphaNumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
