// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/extension"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

const (
	keyBytes = 16
	// maxSubprotocols is far above what clients offer and bounds the work of
	// comparing them with each other.
	maxSubprotocols = 64
)

// upgrade is what a WebSocket handshake says of itself.
type upgrade struct {
	// A token may be among the subprotocols.
	secret.Sealed

	key          string
	subprotocols []string
	extensions   []extension.Extension
}

// checkUpgrade holds a request to RFC 6455 section 4.2.1. A lenient reading here
// is how a request that a backend refuses to upgrade becomes a tunnel.
func checkUpgrade(r *http.Request) (upgrade, error) {
	if r.Method != http.MethodGet {
		return upgrade{}, outcome.Refuse(outcome.MethodNotAllowed, "a handshake needs the method GET")
	}
	if to := r.Header.Values("Upgrade"); len(to) != 1 || !strings.EqualFold(strings.TrimSpace(to[0]), "websocket") {
		return upgrade{}, outcome.Refuse(outcome.NotWebSocket, "Upgrade is not websocket alone")
	}
	if !hasToken(r.Header.Values("Connection"), "upgrade") {
		return upgrade{}, outcome.Refuse(outcome.NotWebSocket, "Connection does not name Upgrade")
	}
	if version := r.Header.Values("Sec-Websocket-Version"); len(version) != 1 || version[0] != "13" {
		return upgrade{}, outcome.Refuse(outcome.UnsupportedVersion, "Sec-WebSocket-Version is not 13 alone")
	}
	key := r.Header.Values("Sec-Websocket-Key")
	if len(key) != 1 || !validKey(key[0]) {
		return upgrade{}, outcome.Refuse(outcome.BadRequest, "Sec-WebSocket-Key is not one value of 16 bytes in base64")
	}
	subprotocols, ok := tokens(r.Header.Values("Sec-Websocket-Protocol"))
	if !ok {
		return upgrade{}, outcome.Refuse(outcome.BadRequest, "Sec-WebSocket-Protocol is no list of different tokens")
	}
	extensions, ok := extension.Parse(r.Header.Values("Sec-Websocket-Extensions"))
	if !ok {
		return upgrade{}, outcome.Refuse(outcome.BadRequest, "Sec-WebSocket-Extensions is no list of extensions")
	}
	return upgrade{key: key[0], subprotocols: subprotocols, extensions: extensions}, nil
}

func validKey(key string) bool {
	if len(key) != base64.StdEncoding.EncodedLen(keyBytes) {
		return false
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(key)
	return err == nil && len(decoded) == keyBytes
}

func hasToken(values []string, token string) bool {
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(item), token) {
				return true
			}
		}
	}
	return false
}

// tokens splits a list over one or more fields. Empty and repeated items are
// malformed: RFC 6455 section 4.1 wants the offered subprotocols to be unique.
func tokens(values []string) ([]string, bool) {
	var list []string
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			item = strings.Trim(item, " \t")
			if !extension.IsToken(item) || slices.Contains(list, item) || len(list) == maxSubprotocols {
				return nil, false
			}
			list = append(list, item)
		}
	}
	return list, true
}
