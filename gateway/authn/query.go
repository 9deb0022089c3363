// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"net/url"
	"slices"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// lookQuery finds a parameter of a query by its decoded name.
func lookQuery(wanted, query string) (value string, present bool, problem string) {
	for pair := range strings.SplitSeq(query, "&") {
		name, encoded, _ := strings.Cut(pair, "=")
		decoded, err := url.QueryUnescape(name)
		switch {
		case err != nil || decoded != wanted:
			continue
		case present:
			return "", false, "credential parameter appears more than once"
		}
		if value, err = url.QueryUnescape(encoded); err != nil {
			// The error quotes the value.
			return "", false, "credential parameter that is not encoded properly"
		}
		present = true
	}
	return value, present, ""
}

// StripTarget returns a request target without the parameters that carry
// credentials, in every spelling. Everything else stays as it was sent.
func (p *Policy) StripTarget(target string) string {
	path, query, found := strings.Cut(target, "?")
	private := foldedNames(p.sources, func(s contract.Source) string { return s.Query })
	if !found || len(private) == 0 {
		return target
	}
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(name); err != nil || !slices.Contains(private, fold(decoded)) {
			kept = append(kept, pair)
		}
	}
	if rest := strings.Join(kept, "&"); rest != "" {
		return path + "?" + rest
	}
	return path
}
