// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// The ways a request target can be refused.
var (
	ErrTargetForm     = errors.New("request target is not an absolute path")
	ErrTargetBytes    = errors.New("request target holds a character that must be percent-encoded")
	ErrTargetEncoding = errors.New("request target holds a percent-encoding that is invalid or hides a character")
	ErrTargetSegments = errors.New("request target holds an empty, . or .. path element")
)

// Target checks the target of a request in origin form and returns its path,
// decoded. The target itself may be forwarded as it is: the checks leave no
// two ways to read it. Encoded slashes, backslashes, dots, letters and control
// characters are refused, because a backend that decodes them would serve
// another path than the one whose policy was checked.
func Target(raw string) (path string, err error) {
	if raw == "" || raw[0] != '/' {
		return "", ErrTargetForm
	}
	encoded, query, _ := strings.Cut(raw, "?")
	for i := range len(query) {
		if query[i] <= ' ' || query[i] >= 0x7f || query[i] == '#' {
			return "", ErrTargetBytes
		}
	}
	path, err = decode(encoded)
	if err != nil {
		return "", err
	}
	if !normalised(path) {
		return "", ErrTargetSegments
	}
	return path, nil
}

func decode(encoded string) (string, error) {
	var path strings.Builder
	path.Grow(len(encoded))
	for i := 0; i < len(encoded); i++ {
		c := encoded[i]
		switch {
		case c == '%':
			decoded, ok := decodeOctet(encoded[i:])
			if !ok {
				return "", ErrTargetEncoding
			}
			path.WriteByte(decoded)
			i += 2
		case !isPathByte(c):
			return "", ErrTargetBytes
		default:
			path.WriteByte(c)
		}
	}
	if !utf8.ValidString(path.String()) {
		return "", ErrTargetEncoding
	}
	return path.String(), nil
}

// decodeOctet reads "%xx" at the start of s. It refuses what must not hide
// behind an encoding: unreserved characters (RFC 3986 section 2.3 calls both
// forms equal, readers differ), separators and control characters.
func decodeOctet(s string) (byte, bool) {
	if len(s) < 3 || !isHex(s[1]) || !isHex(s[2]) {
		return 0, false
	}
	c := unhex(s[1])<<4 | unhex(s[2])
	switch {
	case c < ' ', c == 0x7f, c == '/', c == '\\', isAlphaNumeric(c), strings.IndexByte("-._~", c) >= 0:
		return 0, false
	}
	return c, true
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// isPathByte tells the characters that may stand in a path as they are
// (RFC 3986 section 3.3: pchar and the slash).
func isPathByte(c byte) bool {
	return isAlphaNumeric(c) || strings.IndexByte("/-._~!$&'()*+,;=:@", c) >= 0
}

func normalised(path string) bool {
	elements := strings.Split(path[1:], "/")
	for i, element := range elements {
		switch element {
		case ".", "..":
			return false
		case "":
			if i != len(elements)-1 {
				return false
			}
		}
	}
	return true
}
