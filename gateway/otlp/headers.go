// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"bytes"
	"fmt"
	"maps"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// Bounds of the headers of a server.
const (
	MaxHeaders     = 16
	MaxHeaderBytes = 8 << 10
)

// ReadHeaders makes headers of the keys of a Secret. Line breaks at the end of a
// value do not count: files have them. The error names the key and nothing of
// its value.
func ReadHeaders(keys []string, read func(key string) ([]byte, error)) (Headers, error) {
	if len(keys) > MaxHeaders {
		return nil, fmt.Errorf("%d headers, more than %d: remove some", len(keys), MaxHeaders)
	}
	headers := Headers{}
	for _, name := range keys {
		content, err := read(name)
		if err != nil {
			return nil, fmt.Errorf("header %q: %w", name, err)
		}
		value := bytes.TrimRight(content, "\r\n")
		switch {
		case !fit(name):
			return nil, fmt.Errorf("header %q: a key of the Secret has to be a name of a header that is not the protocol's own: rename it", name)
		case len(value) == 0 || len(value) > MaxHeaderBytes || bytes.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
			return nil, fmt.Errorf("header %q: its value must have 1 to %d printable ASCII characters", name, MaxHeaderBytes)
		}
		headers[name] = secret.New(string(value))
	}
	return headers, nil
}

// Equal tells whether two are the same.
func (h Headers) Equal(other Headers) bool {
	return maps.EqualFunc(h, other, func(a, b secret.Text) bool { return a.Reveal() == b.Reveal() })
}

// fit refuses what the protocols underneath write themselves, and what gRPC would
// take for something else.
func fit(name string) bool {
	lower := strings.ToLower(name)
	switch lower {
	case "content-type", "content-length", "transfer-encoding", "connection", "host", "te", "trailer", "upgrade", "user-agent":
		return false
	}
	if lower == "" || strings.HasPrefix(lower, "grpc-") || strings.HasSuffix(lower, "-bin") {
		return false
	}
	return !strings.ContainsFunc(lower, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}
