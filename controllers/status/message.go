// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxMessage bounds a message to what a person reads and a terminal shows; the
// API would take 32 KiB.
const maxMessage = 1024

// shorten cuts a message at a whole character.
func shorten(message string) string {
	const mark = " ..."
	if len(message) <= maxMessage {
		return message
	}
	cut := maxMessage - len(mark)
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
