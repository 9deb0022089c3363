// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

const offeredExtensions = "Sec-WebSocket-Extensions: "

// requests are attacks by the handshake itself, from a page that is listed.
func (f *fortress) requests() []attack {
	var rows []attack
	for name, value := range map[string]string{
		"an unbalanced quote":         `permessage-deflate; x="a`,
		"quotes around something odd": `permessage-deflate; x="a b"`,
		"quotes around nothing":       `permessage-deflate; x=""`,
		"quotes around a name":        `"permessage-deflate"`,
		"an empty item":               "permessage-deflate,,x",
		"a parameter without a name":  "permessage-deflate; =15",
		"an empty parameter":          "permessage-deflate;;x",
		"an empty value":              "permessage-deflate; server_max_window_bits=",
		"a semicolon at the end":      "permessage-deflate;",
		"a name with a slash":         "permessage/deflate",
		"a name with a blank":         "permessage deflate",
		"not ASCII":                   "permessage-déflate",
		"nothing":                     "",
		"a thousand":                  "x" + strings.Repeat(", x", 1000),
		"a thousand parameters":       "x" + strings.Repeat("; y", 1000),
	} {
		rows = append(rows, attack{"extensions: " + name, on("/open", "Origin: "+fortressOrigin, offeredExtensions+value), outcome.BadRequest})
	}
	for name, fields := range map[string][]string{
		"a body":           {"Content-Length: 5"},
		"a body of chunks": {"Transfer-Encoding: chunked"},
		"two keys":         {"Sec-WebSocket-Key: " + sampleKey + "\r\nSec-WebSocket-Key: " + sampleKey},
		"a folded field":   {"X-A: b\r\n c"},
	} {
		rows = append(rows, attack{"request: " + name, on("/open", append(fields, "Origin: "+fortressOrigin)...), outcome.BadRequest})
	}
	return rows
}

// harmless are requests that get in, for the oddity is none of ours to judge.
func (f *fortress) harmless(t *testing.T) []attack {
	t.Helper()
	var rows []attack
	key := strings.TrimSuffix(strings.TrimPrefix(f.mint.foreign.keySet(t), `{"keys":[`), "]}")
	for name, value := range map[string]string{
		"jku": `"` + f.canary + `/keys"`, "x5u": `"` + f.canary + `/chain"`, "jwk": key, "x5c": `["AAAA"]`, "typ": `"at+jwt"`,
	} {
		token := f.mint.ecdsa(t, `{"alg":"ES256","kid":"k1","`+name+`":`+value+`}`, f.mint.claims(""))
		rows = append(rows, attack{name: "our key and " + name, raw: on("/token", "Authorization: Bearer "+token)})
	}
	for name, claims := range map[string]string{
		"no kid to choose by": f.mint.claims(`,"kid":"evil"`), "several audiences": f.mint.except(`"chat"`, `["mail","chat"]`),
		"a fraction of a second": f.mint.except(fmt.Sprint(f.mint.expiry), fmt.Sprint(f.mint.expiry)+".5"),
	} {
		rows = append(rows, attack{name: name, raw: on("/token", "Authorization: bearer  "+f.mint.ecdsa(t, `{"alg":"ES256"}`, claims))})
	}
	for name, value := range map[string]string{
		"deflate a hundred times":  strings.TrimSuffix(strings.Repeat("permessage-deflate, ", 64), ", "),
		"unknown parameters":       `permessage-deflate; a; b=c; d="e"`,
		"a window of seven bits":   "permessage-deflate; server_max_window_bits=7",
		"unknown extensions":       "x-unknown, permessage-deflate; client_max_window_bits",
		"in several header fields": "x-one\r\n" + offeredExtensions + "x-two",
	} {
		rows = append(rows, attack{name: "extensions: " + name, raw: on("/open", "Origin: "+fortressOrigin, offeredExtensions+value)})
	}
	return rows
}
