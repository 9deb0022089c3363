// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// MaxCredentialBytes bounds what is looked at as a credential, before any
// parsing. Tokens of the large identity providers have 1 to 4 KiB, and the
// whole request head is 16 KiB by default.
const MaxCredentialBytes = 8 << 10

const authorization = "Authorization"

// shown is a credential and the place where it was shown.
type shown struct {
	value  secret.Text
	source contract.Source
}

// find returns the one credential that the request shows at these places.
// ErrNoCredential when there is none. Two credentials for one method are a
// contradiction that somebody else might solve differently (RFC 6750 section 2
// forbids it), so they are refused, as is a place that was used wrongly.
func find(from []contract.Source, r *Request) (shown, error) {
	var found shown
	for _, source := range from {
		value, present, problem := look(source, r)
		switch {
		case problem != "":
			return shown{}, outcome.Refuse(outcome.BadCredential, "%s", problem)
		case !present:
			continue
		case !found.value.Empty():
			return shown{}, outcome.Refuse(outcome.BadCredential, "credential shown in two places")
		}
		found = shown{value: secret.New(value), source: source}
	}
	if found.value.Empty() {
		return shown{}, ErrNoCredential
	}
	return found, nil
}

func look(source contract.Source, r *Request) (value string, present bool, problem string) {
	switch {
	case source.Subprotocol == contract.SubprotocolBase64URL:
		value, present, problem = lookBase64URL(r.Subprotocols)
	case source.Subprotocol != "":
		value, present, problem = lookSubprotocol(source.Subprotocol, r.Subprotocols)
	case source.Cookie != "":
		value, present, problem = lookCookie(source.Cookie, r.Header)
	case source.Query != "":
		value, present, problem = lookQuery(source.Query, r.Query)
	default:
		value, present, problem = lookHeader(source.Header, source.Prefix, r.Header)
	}
	if !present || problem != "" {
		return "", false, problem
	}
	if problem = implausible(value); problem != "" {
		return "", false, problem
	}
	return value, true, ""
}

// bearer is the prefix in Authorization, unless another is configured.
const bearer = "Bearer "

func lookHeader(name, prefix string, header http.Header) (value string, present bool, problem string) {
	values := header[http.CanonicalHeaderKey(name)]
	switch {
	case len(values) == 0:
		return "", false, ""
	case len(values) > 1:
		// Which one counts differs between servers; that is how one proxy is
		// made to check one credential and the next to use the other.
		return "", false, "credential header appears more than once"
	case prefix == "" && http.CanonicalHeaderKey(name) == authorization:
		prefix = bearer
	}
	// The parser of the head has cut a blank at the end, and with it that of a
	// prefix without anything behind.
	shown, bare := values[0], strings.TrimSuffix(prefix, " ")
	switch {
	case prefix != bare && strings.EqualFold(shown, bare):
		return "", true, ""
	case len(shown) < len(prefix) || !strings.EqualFold(shown[:len(prefix)], prefix):
		return "", false, ""
	}
	shown = shown[len(prefix):]
	if prefix != bare {
		shown = strings.TrimLeft(shown, " ")
	}
	return shown, true, ""
}

func lookSubprotocol(marker string, offered []string) (value string, present bool, problem string) {
	for i, name := range offered {
		if name != marker {
			continue
		}
		switch {
		case present:
			return "", false, "credential marker offered more than once"
		case i+1 == len(offered):
			return "", false, "no credential behind the marker among the subprotocols"
		}
		value, present = offered[i+1], true
	}
	return value, present, ""
}

// base64URLPrefix is followed by the credential in base64url, without padding.
const base64URLPrefix = contract.SubprotocolBase64URL + "."

// lookBase64URL reads the form that clients of the Kubernetes API server use: a
// credential may have characters that no subprotocol can have.
func lookBase64URL(offered []string) (value string, present bool, problem string) {
	for _, name := range offered {
		encoded, ok := strings.CutPrefix(name, base64URLPrefix)
		switch {
		case !ok:
			continue
		case present:
			return "", false, "credential marker offered more than once"
		case len(encoded) > base64.RawURLEncoding.EncodedLen(MaxCredentialBytes):
			return "", false, "credential too long"
		}
		decoded, err := decodeBase64(encoded)
		if err != nil {
			return "", false, "credential among the subprotocols is not base64url"
		}
		value, present = string(decoded), true
	}
	return value, present, ""
}

// implausible refuses what cannot be a credential. Blanks and controls would
// mean a list, a folded header or an injection; no credential has any.
func implausible(value string) string {
	if value == "" {
		return "empty credential"
	}
	if len(value) > MaxCredentialBytes {
		return "credential too long"
	}
	for i := range len(value) {
		if value[i] <= ' ' || value[i] > '~' {
			return "credential with a character that no credential has"
		}
	}
	return ""
}
