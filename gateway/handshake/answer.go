// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 section 4.2.2 says SHA-1; it proves understanding, not identity.
	"encoding/base64"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// retryAfterDefault is short: what is asked to come back later usually finds
// another pod, or this one recovered.
const retryAfterDefault = 5 * time.Second

// retryAfter is the value of Retry-After in whole seconds (RFC 9110 section
// 10.2.3): at least wait, which 0 leaves to us, and up to twice that. Clients
// that were refused together would otherwise come back together.
func retryAfter(wait time.Duration, spread float64) string {
	if wait <= 0 {
		wait = retryAfterDefault
	}
	seconds := math.Ceil(wait.Seconds())
	return strconv.Itoa(int(seconds + math.Floor(spread*(seconds+1))))
}

// switching is our 101 answer.
func switching(key, subprotocol, extension string) []byte {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	sum := sha1.Sum([]byte(key + guid)) //nolint:gosec // see the import
	var b strings.Builder
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ")
	b.WriteString(base64.StdEncoding.EncodeToString(sum[:]))
	if subprotocol != "" {
		b.WriteString("\r\nSec-WebSocket-Protocol: ")
		b.WriteString(subprotocol)
	}
	if extension != "" {
		b.WriteString("\r\nSec-WebSocket-Extensions: ")
		b.WriteString(extension)
	}
	b.WriteString("\r\n\r\n")
	return []byte(b.String())
}

// Refuse returns the HTTP answer to a refused request, nil where there is none
// to give. The connection is to be closed after it. spread is random, at least 0
// and less than 1, and spreads the times at which clients come back.
func Refuse(refusal *outcome.Refusal, spread float64) []byte {
	answer := refusal.Answer()
	if answer.Status == 0 {
		return nil
	}
	text := answer.Text + "\n"
	var b strings.Builder
	line := func(parts ...string) {
		for _, part := range parts {
			b.WriteString(part)
		}
		b.WriteString("\r\n")
	}
	line("HTTP/1.1 ", strconv.Itoa(answer.Status), " ", http.StatusText(answer.Status))
	switch answer.Status {
	case http.StatusUpgradeRequired:
		// RFC 9110 section 7.8 wants the option named along with the field.
		line("Connection: Upgrade, close")
		line("Upgrade: websocket")
		line("Sec-WebSocket-Version: 13")
	case http.StatusMethodNotAllowed:
		line("Connection: close")
		line("Allow: GET")
	default:
		line("Connection: close")
	}
	if answer.Challenge {
		challenges := refusal.Challenges
		if len(challenges) == 0 {
			challenges = []string{"Bearer"}
		}
		for _, challenge := range challenges {
			line("WWW-Authenticate: ", challenge)
		}
	}
	if answer.RetryAfter {
		line("Retry-After: ", retryAfter(refusal.Wait, spread))
	}
	line("Cache-Control: no-store")
	line("Content-Type: text/plain; charset=utf-8")
	line("X-Content-Type-Options: nosniff")
	line("Content-Length: ", strconv.Itoa(len(text)))
	line()
	b.WriteString(text)
	return []byte(b.String())
}
