// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

const (
	firstReadBytes = 2 << 10
	// maxHeaderFields bounds the work of parsing within the size that is
	// allowed: 16 KiB have room for thousands of empty fields.
	maxHeaderFields = 128
)

// ReadHead reads from conn until the empty line that ends a request head, at
// most limit bytes, within the deadline that the caller has set on conn. early is what
// came in the same reads behind the head; it is not looked at. The error is an
// *outcome.Refusal.
func ReadHead(conn net.Conn, limit int) (head, early []byte, err error) {
	buffer := make([]byte, 0, min(firstReadBytes, limit))
	for {
		n, err := conn.Read(buffer[len(buffer):cap(buffer)])
		scanned := len(buffer)
		buffer = buffer[:scanned+n]
		end, bad := endOfHead(buffer, scanned)
		switch {
		case bad:
			return nil, nil, outcome.Refuse(outcome.BadRequest, "line feed without carriage return")
		case end > 0:
			return buffer[:end:end], buffer[end:], nil
		case err != nil:
			return nil, nil, readRefusal(err, len(buffer))
		case len(buffer) >= limit:
			return nil, nil, outcome.Refuse(outcome.HeaderTooLarge, "no end of the request head within %d bytes", limit)
		}
		if len(buffer) == cap(buffer) {
			larger := make([]byte, len(buffer), min(2*cap(buffer), limit))
			copy(larger, buffer)
			buffer = larger
		}
	}
}

// endOfHead looks at what is new from scanned on. A bare line feed ends it at
// once: otherwise a client that ends its lines so would wait for the deadline.
func endOfHead(buffer []byte, scanned int) (end int, bad bool) {
	for i := scanned; i < len(buffer); i++ {
		if buffer[i] != '\n' {
			continue
		}
		if i == 0 || buffer[i-1] != '\r' {
			return 0, true
		}
		if i >= 3 && buffer[i-2] == '\n' {
			return i + 1, false
		}
	}
	return 0, false
}

func readRefusal(err error, got int) *outcome.Refusal {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return outcome.Refuse(outcome.HandshakeTimeout, "request head not complete in time, %d bytes received", got)
	case errors.Is(err, io.EOF):
		return outcome.Refuse(outcome.ClientGone, "connection ended before the request, %d bytes received", got)
	}
	return outcome.Refuse(outcome.ClientGone, "read request: %v", err)
}

// ParseHead parses a request head, which ends with an empty line. It accepts
// what RFC 9112 allows a sender to generate and nothing that two readers could
// understand differently. The request has no body. The error is an
// *outcome.Refusal.
func ParseHead(head []byte) (*http.Request, error) {
	if err := checkHead(head); err != nil {
		return nil, err
	}
	request, err := http.ReadRequest(bufio.NewReaderSize(bytes.NewReader(head), min(len(head), 4096)))
	if err != nil {
		return nil, outcome.Refuse(outcome.BadRequest, "request head cannot be parsed")
	}
	if len(request.TransferEncoding) > 0 || request.ContentLength != 0 || len(request.Trailer) > 0 {
		return nil, outcome.Refuse(outcome.BadRequest, "request announces a body")
	}
	// ReadRequest moves the field into Host; whoever looks at the header should
	// see one truth.
	request.Body = http.NoBody
	return request, nil
}

func checkHead(head []byte) error {
	lines := bytes.Split(head, []byte("\r\n"))
	if len(lines) < 3 || len(lines[len(lines)-1]) > 0 || len(lines[len(lines)-2]) > 0 {
		return outcome.Refuse(outcome.BadRequest, "request head has no end")
	}
	fields := lines[1 : len(lines)-2]
	if len(fields) > maxHeaderFields {
		return outcome.Refuse(outcome.HeaderTooLarge, "%d header fields, more than %d", len(fields), maxHeaderFields)
	}
	if err := checkRequestLine(lines[0]); err != nil {
		return err
	}
	hosts := 0
	for _, field := range fields {
		name, err := checkField(field)
		if err != nil {
			return err
		}
		switch {
		case equalFold(name, "Host"):
			hosts++
		case equalFold(name, "Content-Length"), equalFold(name, "Transfer-Encoding"), equalFold(name, "Trailer"):
			// A body, or the mere doubt about one, is how requests are smuggled.
			return outcome.Refuse(outcome.BadRequest, "request announces a body")
		}
	}
	if hosts != 1 {
		return outcome.Refuse(outcome.BadRequest, "%d Host fields", hosts)
	}
	return nil
}

func checkRequestLine(line []byte) error {
	method, rest, ok := bytes.Cut(line, []byte(" "))
	target, version, ok2 := bytes.Cut(rest, []byte(" "))
	switch {
	case !ok || !ok2 || !isToken(method):
		return outcome.Refuse(outcome.BadRequest, "malformed request line")
	case string(version) != "HTTP/1.1":
		return outcome.Refuse(outcome.BadRequest, "protocol version is not HTTP/1.1")
	case len(target) == 0 || target[0] != '/':
		return outcome.Refuse(outcome.BadRequest, "request target is not an absolute path")
	}
	for _, c := range target {
		if c <= ' ' || c >= 0x7f {
			return outcome.Refuse(outcome.BadRequest, "request target holds a character that must be encoded")
		}
	}
	return nil
}

func checkField(field []byte) (name []byte, err error) {
	name, value, ok := bytes.Cut(field, []byte(":"))
	if !ok || !isToken(name) {
		// This is also how a folded line and a space before the colon look.
		return nil, outcome.Refuse(outcome.BadRequest, "malformed header field")
	}
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return nil, outcome.Refuse(outcome.BadRequest, "control character in a header field")
		}
	}
	return name, nil
}

func equalFold(name []byte, want string) bool {
	return len(name) == len(want) && bytes.EqualFold(name, []byte(want))
}

// isToken tells whether s is a token of RFC 9110 section 5.6.2.
func isToken(s []byte) bool {
	for _, c := range s {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) < 0 {
			return false
		}
	}
	return len(s) > 0
}
