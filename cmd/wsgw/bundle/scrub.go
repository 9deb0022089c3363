// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bundle

import "regexp"

// redacted stands where something was taken away.
const redacted = "REDACTED"

// credentials are the shapes of what must not be given away, with what to leave
// of them. They are a net below the rope: nothing that is collected is meant to
// hold any of it.
func credentials() []struct {
	shape *regexp.Regexp
	leave string
} {
	type pattern = struct {
		shape *regexp.Regexp
		leave string
	}
	return []pattern{
		// A private key in PEM (RFC 7468), as it is or as a string of JSON or YAML; to
		// the end if the end is missing.
		{regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)`), redacted},
		// A JWS or JWE in its compact form (RFC 7515, section 7.1): the first part
		// begins with {" in base64url.
		{regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*){0,2}`), redacted},
		// Credentials of an Authorization header (RFC 9110, section 11.4).
		{regexp.MustCompile(`(?i)\b(bearer|basic)[ +]+[A-Za-z0-9._~+/-]{8,}=*`), "$1 " + redacted},
		// A password in an address (RFC 3986, section 3.2.1).
		{regexp.MustCompile(`([a-z][a-z0-9+.-]*://)[^/@\s"':]*:[^/@\s"']+@`), "${1}" + redacted + "@"},
		// The private members of a JSON Web Key (RFC 7518, section 6).
		{regexp.MustCompile(`(\\?"(?:d|k|p|q|dp|dq|qi)\\?"\s*:\s*\\?")[A-Za-z0-9_-]{16,}`), "${1}" + redacted},
	}
}

// Scrub takes away what looks like a credential, and counts how often.
func Scrub(data []byte) ([]byte, int) {
	found := 0
	for _, one := range credentials() {
		if n := len(one.shape.FindAllIndex(data, -1)); n > 0 {
			found += n
			data = one.shape.ReplaceAll(data, []byte(one.leave))
		}
	}
	return data, found
}
