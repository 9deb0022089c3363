// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package explanation

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// redacted stands for what must not be shown. Its length often tells what went
// wrong, such as a token that was cut.
func redacted(value string) string { return fmt.Sprintf("<redacted, %d bytes>", len(value)) }

// speaking are the headers whose values are shown. All others may carry a
// credential: which ones do is the policy's to say, and a mistake in its name is
// what somebody may be looking for.
func speaking() []string {
	return []string{
		"Host", "Origin", "Upgrade", "Connection", "Sec-Websocket-Version", "X-Forwarded-For",
		"X-Forwarded-Host", "X-Forwarded-Proto",
	}
}

// redactedHead is a request with nothing in it that could be a credential.
func redactedHead(head []byte, known []string) []string {
	var list []string
	for i, line := range bytes.Split(head, []byte("\r\n")) {
		switch text := string(line); {
		case text == "":
		case i == 0:
			list = append(list, withoutQuery(text))
		default:
			name, value, _ := strings.Cut(text, ":")
			list = append(list, redactedField(name, strings.TrimSpace(value), known))
		}
	}
	return list
}

func redactedField(name, value string, known []string) string {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	switch {
	case slices.Contains(speaking(), canonical) && !strings.Contains(value, "@"): // in front of it could be a password
		return name + ": " + value
	case canonical == "Authorization":
		// The scheme is no secret if it looks like one and something follows.
		scheme, rest, found := strings.Cut(value, " ")
		if found && slices.Contains([]string{"bearer", "basic"}, strings.ToLower(scheme)) {
			return name + ": " + scheme + " " + redacted(rest)
		}
	case canonical == "Sec-Websocket-Protocol":
		return name + ": " + redactedTokens(strings.Split(value, ","), known)
	}
	return name + ": " + redacted(value)
}

// redactedTokens shows subprotocols that are known, or too short to be a token or
// a key.
func redactedTokens(offered, known []string) string {
	list := make([]string, 0, len(offered))
	for i, token := range offered {
		token = strings.TrimSpace(token)
		follows := i > 0 && strings.TrimSpace(offered[i-1]) == contract.SubprotocolBearer
		if !slices.Contains(known, token) && (follows || len(token) >= authn.MinAPIKeyBytes) {
			token = redacted(token)
		}
		list = append(list, token)
	}
	return strings.Join(list, ", ")
}

// withoutQuery leaves of an address, or of a request line, nothing of its query.
func withoutQuery(address string) string {
	before, query, found := strings.Cut(address, "?")
	if !found {
		return address
	}
	query, rest, line := strings.Cut(query, " ")
	before += "?" + redacted(query)
	if line {
		before += " " + rest
	}
	return before
}

// forwarded is the request for the backend. identity are the headers that the
// gateway says itself: they are what somebody looks for here.
func forwarded(target, host string, header http.Header, identity []string) []string {
	list := []string{withoutQuery("GET " + target + " HTTP/1.1"), "Host: " + host}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			if slices.Contains(identity, name) {
				list = append(list, name+": "+value)
				continue
			}
			list = append(list, redactedField(name, value, nil))
		}
	}
	return list
}
