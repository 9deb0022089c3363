// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package external

import "strings"

// withheld tells the headers of a client that no server is told of: those about
// one hop, and those by which proxies tell servers things. A server that also
// stands behind another proxy may believe that we have written them, and a
// certificate or an address in them would then be the client's own invention.
func withheld(name string) bool {
	folded := foldedName(name)
	for _, prefix := range proxiesPrefixes() {
		if strings.HasPrefix(folded, prefix) {
			return true
		}
	}
	switch folded {
	case "connection", "content-length", "http2-settings", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
		"sec-websocket-extensions", "sec-websocket-key", "sec-websocket-version",
		// Who has asked: RFC 7239, RFC 9110 section 7.6.3, and what there was before.
		"forwarded", "via", "x-forwarded", "forwarded-for", "x-real-ip", "client-ip", "x-client-ip", "x-cluster-client-ip",
		"true-client-ip", "x-true-client-ip", "x-original-host", "x-originating-ip", "x-remote-ip", "x-remote-addr", "remote-addr", "x-proxyuser-ip",
		"cf-connecting-ip", "cf-connecting-ipv6", "cf-pseudo-ipv4", "fastly-client-ip", "fly-client-ip", "wl-proxy-client-ip",
		"x-azure-clientip", "x-azure-socketip", "x-appengine-user-ip", "x-appengine-remote-addr", "x-nf-client-connection-ip",
		// Whose certificate it was, beside the prefixes below.
		"x-arr-clientcert", "x-ssl-cert", "ssl-cert", "wl-proxy-client-cert":
		return true
	}
	return false
}

// proxiesPrefixes are how families of such headers begin. RFC 9440 names
// Client-Cert and Client-Cert-Chain; the others are those of proxies and of the
// variables that servers make of them.
func proxiesPrefixes() []string {
	return []string{
		"x-forwarded-", "x-original-forwarded-", "x-envoy-", "proxy-",
		"client-cert", "x-client-cert", "x-client-verify", "x-client-dn", "x-tls-client-", "tls-client-",
		"x-ssl-client-", "ssl-client-", "x-amzn-mtls-", "cf-client-cert-",
	}
}

// foldedName is a header name as the laxest server takes it: CGI and its heirs
// know no case, and make one character of all that are neither letter nor digit.
func foldedName(name string) string {
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
