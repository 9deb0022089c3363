// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake

import "strings"

// maxExtensions bounds the work for what is a handful in every client.
const maxExtensions = 64

// extensionsWellFormed holds Sec-WebSocket-Extensions to RFC 6455 section 9.1,
// which wants a handshake with anything else to fail. What the extensions are is
// not asked here: none is passed on or agreed to.
func extensionsWellFormed(values []string) bool {
	count := 0
	for _, value := range values {
		for more := true; more; count++ {
			if count == maxExtensions {
				return false
			}
			var ok bool
			if value, more, ok = cutExtension(value); !ok {
				return false
			}
		}
	}
	return true
}

// cutExtension takes one extension with its parameters from the front of a list;
// more tells whether a comma followed.
func cutExtension(list string) (rest string, more, ok bool) {
	if list, ok = cutToken(list); !ok {
		return "", false, false
	}
	for parameters := 0; strings.HasPrefix(list, ";"); parameters++ {
		if list, ok = cutParameter(list[1:]); !ok || parameters == maxExtensions {
			return "", false, false
		}
	}
	if list == "" {
		return "", false, true
	}
	rest, more = strings.CutPrefix(list, ",")
	return rest, more, more
}

// cutParameter takes a name, and a value if there is one. A quoted value must be
// a token once the quotes are gone, so that nobody has to unescape anything.
func cutParameter(list string) (rest string, ok bool) {
	if list, ok = cutToken(list); !ok || !strings.HasPrefix(list, "=") {
		return list, ok
	}
	list = trimBlanks(list[1:])
	quoted, isQuoted := strings.CutPrefix(list, `"`)
	if !isQuoted {
		return cutToken(list)
	}
	value, rest, closed := strings.Cut(quoted, `"`)
	return trimBlanks(rest), closed && isToken(value)
}

// cutToken takes a token and the blanks around it from the front of a list.
func cutToken(list string) (rest string, ok bool) {
	list = trimBlanks(list)
	end := strings.IndexAny(list, ",;= \t\"")
	if end < 0 {
		end = len(list)
	}
	return trimBlanks(list[end:]), isToken(list[:end])
}

func trimBlanks(s string) string { return strings.TrimLeft(s, " \t") }
