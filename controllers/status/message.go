// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// maxMessage bounds a message to what a person reads and a terminal shows; the
	// API would take 32 KiB.
	maxMessage = 1024
	// maxQuote bounds what somebody else says in it, so that several find room and
	// what we say ourselves is not cut off.
	maxQuote = 400
)

// Quote makes what another program says of a failure fit for a message of ours: on
// one line, in at most 400 bytes, without the near end of a connection and without
// the marks, such as the token of an ACME challenge. They are others each time, tell
// nobody anything, and would make the status another one with each attempt.
func Quote(text string, marks ...string) string {
	for _, mark := range marks {
		if mark != "" {
			text = strings.ReplaceAll(text, mark, "...")
		}
	}
	return cutAt(maxQuote, strings.Join(strings.Fields(WithoutLocalPort(text)), " "))
}

// shorten cuts a message of ours.
func shorten(message string) string { return cutAt(maxMessage, message) }

// cutAt cuts a text at a whole character.
func cutAt(limit int, message string) string {
	const mark = " ..."
	if len(message) <= limit {
		return message
	}
	cut := limit - len(mark)
	for cut > 0 && !utf8.RuneStart(message[cut]) {
		cut--
	}
	return message[:cut] + mark
}

// list puts several sentences into one message: the first, how many there are
// beyond it, and those.
func list(sentences []string) string {
	switch len(sentences) {
	case 0:
		return ""
	case 1:
		return sentences[0]
	}
	return fmt.Sprintf("%s (%d more: %s)", sentences[0], len(sentences)-1, strings.Join(sentences[1:], "; "))
}

// plural is "1 pod" or "3 pods".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
