// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake

import (
	"net/http"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// forwardedOnce are the headers of a client that a backend gets to see, if the
// client sent exactly one. Everything else is left out: an unknown header may be
// one that the backend trusts because it thinks that a proxy wrote it.
func forwardedOnce() []string {
	return []string{"User-Agent", "Accept-Language", "Origin", "Traceparent", "X-Request-Id"}
}

// forwardedLists are headers that a client may send in several fields, and what
// joins these into one.
func forwardedLists() map[string]string {
	return map[string]string{"Cookie": "; ", "Tracestate": ",", "Baggage": ","}
}

// forwardedHeader builds the header for the backend from a client's header, from
// which credentials have been removed already. identity overrides; clientIP
// and host are ours to say.
func forwardedHeader(client, identity http.Header, names []contract.IdentityHeader, clientIP, host string) http.Header {
	reserved := make(map[string]bool, len(names))
	for _, name := range names {
		reserved[folded(name.Name)] = true
	}
	out := http.Header{}
	for _, name := range forwardedOnce() {
		if values := client.Values(name); len(values) == 1 && !reserved[folded(name)] {
			out.Set(name, values[0])
		}
	}
	for name, separator := range forwardedLists() {
		if values := client.Values(name); len(values) > 0 && !reserved[folded(name)] {
			out.Set(name, strings.Join(values, separator))
		}
	}
	out.Set("X-Forwarded-For", clientIP)
	out.Set("X-Forwarded-Host", host)
	out.Set("X-Forwarded-Proto", "https")
	for name, values := range identity {
		out[http.CanonicalHeaderKey(name)] = values
	}
	return out
}

// folded is a header name as the laxest backend compares it: CGI and its heirs
// make "_" of "-", some also of ".", and none looks at case.
func folded(name string) string {
	return strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))
}
