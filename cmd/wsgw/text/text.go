// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package text lays out what people read in a terminal. Most of it was chosen by
// somebody else, a client or the writer of an object: nothing of it may make a
// terminal do or show something else than the text.
package text

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Printable replaces what is not printable, line breaks included: escape
// sequences can move the cursor, rewrite what was shown, or worse.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// Cut shortens to at most width characters, with a mark where something is
// missing. A width of 0 or less means as it is.
func Cut(s string, width int) string {
	if width <= 0 || utf8.RuneCountInString(s) <= width {
		return s
	}
	runes := []rune(s)
	return string(runes[:width-1]) + "…"
}

// Or answers the first of two texts that is not empty.
func Or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Count is "1 pod" or "3 pods".
func Count[N int | int32 | int64 | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Bytes is an amount in the unit that fits, such as 3.4 MiB.
func Bytes(n uint64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	value, units := float64(n)/(1<<10), "KMGTPE"
	for value >= 1<<10 && len(units) > 1 {
		value, units = value/(1<<10), units[1:]
	}
	return fmt.Sprintf("%.1f %ciB", value, units[0])
}

// Span is a duration as a person would say it, two units at most: 45s, 3m20s, 5h,
// 61d.
func Span(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 10*time.Minute:
		return d.Truncate(time.Second).String()
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	default:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
}

// When is a day and how far away it is.
func When(at, now time.Time) string {
	day := at.UTC().Format(time.RFC3339)
	if at.Before(now) {
		return day + " (" + Span(now.Sub(at)) + " ago)"
	}
	return day + " (in " + Span(at.Sub(now)) + ")"
}
