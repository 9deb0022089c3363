// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

const cookieHeader = "Cookie"

// cookiePairs are the pairs of a Cookie header (RFC 6265 section 4.2), as they
// were sent. Quotes mean nothing to user agents and nothing here.
func cookiePairs(header http.Header) iter.Seq2[string, string] {
	return func(yield func(pair, name string) bool) {
		for _, value := range header[cookieHeader] {
			for pair := range strings.SplitSeq(value, ";") {
				pair = strings.Trim(pair, " \t")
				name, _, _ := strings.Cut(pair, "=")
				if pair != "" && !yield(pair, strings.TrimRight(name, " \t")) {
					return
				}
			}
		}
	}
}

// lookCookie refuses a cookie that comes twice: a page of a neighbouring domain
// can plant a second one of the same name, and which one counts differs between
// servers.
func lookCookie(wanted string, header http.Header) (value string, present bool, problem string) {
	for pair, name := range cookiePairs(header) {
		switch {
		case name != wanted:
			continue
		case present:
			return "", false, "credential cookie appears more than once"
		}
		_, value, _ = strings.Cut(pair, "=")
		value, present = strings.TrimLeft(value, " \t"), true
	}
	return value, present, ""
}

// stripCookies removes the cookies that carry credentials from a header that
// may be changed, in every spelling.
func (p *Policy) stripCookies(header http.Header) {
	if p.external != nil {
		delete(header, cookieHeader)
		return
	}
	private := foldedNames(p.sources, func(s contract.Source) string { return s.Cookie })
	if len(private) == 0 {
		return
	}
	var kept []string
	for pair, name := range cookiePairs(header) {
		if !slices.Contains(private, fold(name)) {
			kept = append(kept, pair)
		}
	}
	delete(header, cookieHeader)
	if len(kept) > 0 {
		header[cookieHeader] = []string{strings.Join(kept, "; ")}
	}
}
