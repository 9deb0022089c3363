// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake

import (
	"slices"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// maxLabel is the length of a label of a host name (RFC 1035 section 2.3.4).
const maxLabel = 63

// checkOrigin compares byte by byte: browsers send origins in one form only, and
// everything laxer has been used to come in from a page that looks similar.
func checkOrigin(sent []string, origins *contract.Origins) error {
	switch {
	case len(sent) > 1:
		return outcome.Refuse(outcome.OriginNotAllowed, "more than one Origin")
	case len(sent) == 1 && (origins == nil || !listed(sent[0], origins.Allow)):
		return outcome.Refuse(outcome.OriginNotAllowed, "origin is not listed")
	case len(sent) == 0 && origins != nil && !origins.AllowMissing:
		return outcome.Refuse(outcome.OriginNotAllowed, "no Origin")
	}
	return nil
}

// toldOrigin is what is remembered of the Origin headers of a request. More than
// one, and an empty one, become what is in no list: whoever a dry run lets in with
// them must not be taken for somebody with one, or none, later.
func toldOrigin(sent []string) string {
	if len(sent) == 1 && sent[0] == "" {
		return "(empty)"
	}
	return strings.Join(sent, ", ")
}

// listed never finds "null": it is what sandboxed frames, files and redirects
// send, so everybody can have it.
func listed(origin string, allowed []string) bool {
	return origin != "null" && slices.ContainsFunc(allowed, func(pattern string) bool {
		before, behind, wildcard := strings.Cut(pattern, "*")
		if !wildcard {
			return origin == pattern
		}
		label, ok := strings.CutPrefix(origin, before)
		if !ok {
			return false
		}
		label, ok = strings.CutSuffix(label, behind)
		return ok && isLabel(label)
	})
}

// isLabel accepts exactly one label of a host name as browsers write it: in
// lower case, names of other scripts in their ASCII form. Without it, a
// wildcard would match across dots, or through "evil.example/?" in a client
// that sends what no browser does.
func isLabel(s string) bool {
	if s == "" || len(s) > maxLabel || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
