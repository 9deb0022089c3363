// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxIdentityHeaderBytes bounds one identity header, far below what backends
// accept as a whole request head (8 KiB in general).
const maxIdentityHeaderBytes = 2 << 10

// Strip returns copies of header and subprotocols without anything that only
// the gateway may see or say: every configured source of a credential,
// Authorization and Sec-WebSocket-Protocol always, and every identity header of
// the policy, all of them in every spelling that a backend might fold into the
// same name. Of a subprotocol source both the marker and the credential go.
func (p *Policy) Strip(header http.Header, subprotocols []string) (http.Header, []string) {
	private := []string{fold(authorization), fold("Sec-WebSocket-Protocol")}
	for _, source := range p.sources {
		private = append(private, fold(source.Header))
	}
	for _, identity := range p.identityHeaders {
		private = append(private, fold(identity.Name))
	}
	kept := make(http.Header, len(header))
	for name, values := range header {
		if !slices.Contains(private, fold(name)) {
			kept[name] = slices.Clone(values)
		}
	}
	return kept, p.stripSubprotocols(subprotocols)
}

// fold maps the spellings of a header name that a backend may take for one:
// CGI and its heirs turn everything but letters and digits into an underscore.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, name)
}

// stripSubprotocols takes out each marker and what follows it, be that another
// marker: each method has read the list in its own way.
func (p *Policy) stripSubprotocols(offered []string) []string {
	var kept []string
	for i, name := range offered {
		if !p.marks(name) && (i == 0 || !p.marks(offered[i-1])) {
			kept = append(kept, name)
		}
	}
	return kept
}

// marks tells whether a subprotocol announces a credential.
func (p *Policy) marks(subprotocol string) bool {
	for _, source := range p.sources {
		if source.Subprotocol != "" && source.Subprotocol == subprotocol {
			return true
		}
	}
	return false
}

// SubprotocolAnswer returns the subprotocol that the client has to be answered
// when the backend chose none: the marker that the client offered in front of
// its credential (a browser fails the connection if none of its subprotocols is
// chosen), or an empty string.
func (p *Policy) SubprotocolAnswer(offered []string) string {
	if i := slices.IndexFunc(offered, p.marks); i >= 0 {
		return offered[i]
	}
	return ""
}

// IdentityHeaders returns the headers that tell the backend who is connected.
// A claim that is missing, empty, an object, too long, or not printable ASCII
// sends no header; lists are joined by commas, and a list with a comma in an
// item sends none, because it could pretend to be a longer list.
func (p *Policy) IdentityHeaders(identity Identity) http.Header {
	header := http.Header{}
	for _, wanted := range p.identityHeaders {
		value, ok := headerValue(identity.Claims[wanted.Claim])
		if ok {
			header.Set(wanted.Name, value)
		}
	}
	return header
}

func headerValue(claim any) (string, bool) {
	items, isList := claim.([]any)
	if !isList {
		value, ok := scalar(claim)
		return value, ok && sendable(value)
	}
	values := make([]string, 0, len(items))
	for _, item := range items {
		value, ok := scalar(item)
		if !ok || value == "" || strings.Contains(value, ",") {
			return "", false
		}
		values = append(values, value)
	}
	joined := strings.Join(values, ",")
	return joined, sendable(joined)
}

func scalar(claim any) (string, bool) {
	switch value := claim.(type) {
	case string:
		return value, true
	case json.Number:
		return value.String(), true
	case bool:
		return strconv.FormatBool(value), true
	}
	return "", false
}

// sendable refuses what would end the header and begin another, and what
// backends read differently: controls, anything that is not ASCII, and blanks
// at the ends, which HTTP drops.
func sendable(value string) bool {
	if value == "" || len(value) > maxIdentityHeaderBytes || strings.TrimSpace(value) != value {
		return false
	}
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
}
