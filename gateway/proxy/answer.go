// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 6455 section 4.2.2 asks for SHA-1; nothing depends on its strength
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/extension"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

const (
	// maxHeadBytes bounds the head of an answer: a backend may be hostile too.
	maxHeadBytes = 16 << 10
	maxFields    = 100
	// acceptSuffix is the constant of RFC 6455 section 1.3.
	acceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
)

var (
	errHeadTooLarge = errors.New("head of the answer is too large")
	errMalformed    = errors.New("malformed answer")
)

// answer is the head of what an upstream answered.
type answer struct {
	// A backend may set cookies in it.
	secret.Sealed

	status int
	header http.Header
	// subprotocol and extension are set by verify.
	subprotocol, extension string
	// rest is what came behind the head: the upstream's first frames.
	rest []byte
}

// readHead reads to the first empty line. head ends with it.
func readHead(r io.Reader) (head, rest []byte, err error) {
	const terminator = "\r\n\r\n"
	buffer := make([]byte, 0, 1024)
	for {
		if len(buffer) == cap(buffer) {
			buffer = slices.Grow(buffer, 1) // doubles
		}
		n, err := r.Read(buffer[len(buffer):cap(buffer)])
		from := max(len(buffer)-len(terminator)+1, 0)
		buffer = buffer[:len(buffer)+n]
		if at := bytes.Index(buffer[from:], []byte(terminator)); at >= 0 {
			end := from + at + len(terminator)
			if end > maxHeadBytes {
				return nil, nil, errHeadTooLarge
			}
			return buffer[:end], slices.Clone(buffer[end:]), nil
		}
		switch {
		case len(buffer) > maxHeadBytes:
			return nil, nil, errHeadTooLarge
		case bareLineFeed(buffer[max(from-1, 0):]):
			return nil, nil, fmt.Errorf("%w: line feed without carriage return", errMalformed)
		case errors.Is(err, io.EOF):
			return nil, nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, nil, err
		}
	}
}

// bareLineFeed tells at once what would otherwise be waited for in vain: a head
// whose lines end in a way that has no empty line for this parser. The first
// byte of b belongs to what was judged before.
func bareLineFeed(b []byte) bool {
	for i, c := range b {
		if c == '\n' && i > 0 && b[i-1] != '\r' {
			return true
		}
	}
	return false
}

// parseAnswer reads a head strictly: what this parser repaired, another might
// read differently, and then the two would disagree on where frames begin.
func parseAnswer(head []byte) (*answer, error) {
	body, ok := strings.CutSuffix(string(head), "\r\n\r\n")
	if !ok {
		return nil, errMalformed
	}
	lines := strings.Split(body, "\r\n")
	if len(lines) > maxFields+1 {
		return nil, fmt.Errorf("%w: more than %d header fields", errMalformed, maxFields)
	}
	status, err := parseStatusLine(lines[0])
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	for _, line := range lines[1:] {
		name, value, found := strings.Cut(line, ":")
		// A line that begins with a space is a folded one (RFC 9112 section
		// 5.2): its name is no token either.
		if !found || !extension.IsToken(name) || !isFieldValue(value) {
			return nil, fmt.Errorf("%w: bad header field", errMalformed)
		}
		header.Add(name, strings.Trim(value, " \t"))
	}
	return &answer{status: status, header: header}, nil
}

func parseStatusLine(line string) (int, error) {
	rest, ok := strings.CutPrefix(line, "HTTP/1.1 ")
	if !ok || len(rest) < 3 || !isFieldValue(rest) || len(rest) > 3 && rest[3] != ' ' {
		return 0, fmt.Errorf("%w: bad status line", errMalformed)
	}
	status := 0
	for _, digit := range []byte(rest[:3]) {
		if digit < '0' || digit > '9' {
			return 0, fmt.Errorf("%w: bad status line", errMalformed)
		}
		status = status*10 + int(digit-'0')
	}
	return status, nil
}

// verify is RFC 6455 section 4.1, page 19, with nothing left out: an upstream
// that answers 101 to a request it did not understand would otherwise have the
// client speak to it, or to whoever is behind it, without any protocol at all.
func (a *answer) verify(key string, h *Handshake) error {
	if a.status != http.StatusSwitchingProtocols {
		return fmt.Errorf("answered %d instead of 101", a.status)
	}
	upgrade, accept := a.header["Upgrade"], a.header["Sec-Websocket-Accept"]
	switch {
	case len(upgrade) != 1 || !strings.EqualFold(upgrade[0], "websocket"):
		return errors.New("101 without Upgrade: websocket")
	case !hasToken(a.header["Connection"], "upgrade"):
		return errors.New("101 without Connection: Upgrade")
	case len(accept) != 1 || accept[0] != acceptKey(key):
		return errors.New("101 with a wrong Sec-WebSocket-Accept")
	case len(a.header["Content-Length"]) > 0 || len(a.header["Transfer-Encoding"]) > 0:
		return errors.New("101 with a body")
	}
	if err := a.verifyExtension(h.Extensions); err != nil {
		return err
	}
	return a.verifySubprotocol(h.Subprotocols)
}

func (a *answer) verifyExtension(offered []extension.Extension) error {
	agreed, err := extension.Agreed(a.header["Sec-Websocket-Extensions"], offered)
	if agreed != nil {
		a.extension = agreed.String()
	}
	return err //nolint:wrapcheck // says all that there is to say
}

// forTheCaller says whether a refusal is about the one who asks and not about
// the upstream's own state. a may be nil.
func (a *answer) forTheCaller() bool {
	return a != nil && a.status >= http.StatusMultipleChoices && a.status < http.StatusInternalServerError
}

func (a *answer) verifySubprotocol(offered []string) error {
	chosen := a.header["Sec-Websocket-Protocol"]
	if len(chosen) == 0 {
		return nil
	}
	if len(chosen) > 1 || !slices.Contains(offered, chosen[0]) {
		return errors.New("101 with a subprotocol that was not offered")
	}
	a.subprotocol = chosen[0]
	return nil
}

func hasToken(values []string, token string) bool {
	for _, value := range values {
		for element := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.Trim(element, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// acceptKey is the value that proves that a key was read.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + acceptSuffix)) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}
