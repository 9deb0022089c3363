// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/extension"
)

// encode writes the request of RFC 6455 section 4.1. What could end a line
// early, and so begin a request of its own, is an error here although callers
// have checked it: request smuggling starts with one check too few.
func (h *Handshake) encode(key string) ([]byte, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	request := make([]byte, 0, 1024)
	line := func(parts ...string) {
		for _, part := range parts {
			request = append(request, part...)
		}
		request = append(request, "\r\n"...)
	}
	line("GET ", h.Target, " HTTP/1.1")
	line("Host: ", h.Host)
	line("Upgrade: websocket")
	line("Connection: Upgrade")
	line("Sec-WebSocket-Version: 13")
	line("Sec-WebSocket-Key: ", key)
	if len(h.Subprotocols) > 0 {
		line("Sec-WebSocket-Protocol: ", strings.Join(h.Subprotocols, ", "))
	}
	if len(h.Extensions) > 0 {
		// In one field: not every server reads several.
		line("Sec-WebSocket-Extensions: ", extension.List(h.Extensions))
	}
	for _, name := range slices.Sorted(maps.Keys(h.Header)) {
		if ours(name) {
			continue
		}
		for _, value := range h.Header[name] {
			line(name, ": ", value)
		}
	}
	line()
	return request, nil
}

func (h *Handshake) check() error {
	if !strings.HasPrefix(h.Target, "/") || !printable(h.Target) {
		return errors.New("request target cannot be sent")
	}
	if h.Host == "" || !printable(h.Host) {
		return errors.New("request host cannot be sent")
	}
	for _, subprotocol := range h.Subprotocols {
		if !extension.IsToken(subprotocol) {
			return errors.New("subprotocol cannot be sent")
		}
	}
	if _, ok := extension.Parse([]string{extension.List(h.Extensions)}); !ok && len(h.Extensions) > 0 {
		return errors.New("extension cannot be sent")
	}
	for name, values := range h.Header {
		if !extension.IsToken(name) || !allFieldValues(values) {
			return fmt.Errorf("header %q cannot be sent", name)
		}
	}
	return nil
}

func allFieldValues(values []string) bool {
	for _, value := range values {
		if !isFieldValue(value) {
			return false
		}
	}
	return true
}

// ours are the headers of the connection itself (RFC 9110 section 7.6.1), of
// framing, and of the handshake. Nobody else may set them.
func ours(name string) bool {
	lower := strings.ToLower(name)
	switch lower {
	case "host", "connection", "upgrade", "keep-alive", "proxy-connection", "te", "trailer",
		"transfer-encoding", "content-length", "expect", "http2-settings":
		return true
	}
	return strings.HasPrefix(lower, "sec-websocket-")
}

func newKey() string {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails: it would end the process
	return base64.StdEncoding.EncodeToString(nonce[:])
}

// shake sends the request and reads the answer's head. conn has no deadline
// when it returns without an error.
func shake(ctx context.Context, conn net.Conn, request []byte) (*answer, error) {
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, fmt.Errorf("set deadline: %w", err)
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write(request); err != nil {
		return nil, fmt.Errorf("send request: %w", err)
	}
	head, rest, err := readHead(conn)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if !stop() {
		return nil, ctx.Err()
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("clear deadline: %w", err)
	}
	parsed, err := parseAnswer(head)
	if err != nil {
		return nil, err
	}
	parsed.rest = rest
	return parsed, nil
}

// printable is true for a string of visible ASCII characters.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// isFieldValue is RFC 9110 section 5.5: no control characters but tab.
func isFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
