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
	name, port, hasPort := header, "", false
	if strings.HasPrefix(header, "[") {
		end := strings.IndexByte(header, ']')
		if end < 0 {
			return "", ErrHost
		}
		name, port = header[:end+1], header[end+1:]
		if port != "" {
			port, hasPort = strings.CutPrefix(port, ":")
			if !hasPort {
				return "", ErrHost
			}
		}
	} else {
		name, port, hasPort = strings.Cut(header, ":")
	}
	if hasPort {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil || number == 0 || port[0] == '+' {
			return "", ErrHost
		}
	}
	return checkHost(name)
}

func checkHost(name string) (string, error) {
	if name == "" || len(name) > maxHostBytes {
		return "", ErrHost
	}
	if name[0] == '[' {
		for _, c := range []byte(name[1 : len(name)-1]) {
			if !isHex(c) && c != ':' && c != '.' {
				return "", ErrHost
			}
		}
		return name, nil
	}
	for _, c := range []byte(name) {
		if !isAlphaNumeric(c) && c != '-' && c != '.' && c != '_' {
			return "", ErrHost
		}
	}
	return strings.ToLower(name), nil
}

func isAlphaNumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
