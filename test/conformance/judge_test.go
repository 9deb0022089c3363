// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/test/conformance"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// The suite is worth what it finds.
func TestServersThatDoNotDoAsTheyShouldAreFound(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		cases  map[string]conformance.Verdict
	}{
		"a server that only hangs up": {"", map[string]conformance.Verdict{
			"1.1.2": conformance.Failed, "2.5": conformance.NoClose, "6.4.1": conformance.NoClose, "7.1.3": conformance.NoClose,
		}},
		"a server that says good-bye to everything": {"\x88\x02\x03\xe8", map[string]conformance.Verdict{
			"1.1.2": conformance.Failed, "2.5": conformance.WrongCode, "6.4.1": conformance.WrongCode, "7.1.3": conformance.OK,
		}},
		"a server that answers what nobody has asked":    {"\x8a\x00\x88\x02\x03\xea", map[string]conformance.Verdict{"2.5": conformance.Failed, "3.1": conformance.Failed}},
		"a server that sees a fault where there is none": {"\x88\x02\x03\xea", map[string]conformance.Verdict{"7.1.3": conformance.WrongCode, "2.5": conformance.OK}},
		"a server that masks its frames":                 {"\x88\x82abcd\x62\x88", map[string]conformance.Verdict{"2.5": conformance.Failed}},
		"a server that goes on behind its Close frame":   {"\x88\x02\x03\xea\x8a\x00", map[string]conformance.Verdict{"2.5": conformance.Failed}},
		"a server that ends inside a frame":              {"\x88\x02\x03", map[string]conformance.Verdict{"2.5": conformance.NoClose}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := wstest.Raw(t, func(conn net.Conn) {
				request, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
					"Sec-WebSocket-Accept: "+wstest.Accept(request.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n"+test.answer)
				hangUp(conn)
			})
			for name, want := range test.cases {
				all := cases()
				c := all[slices.IndexFunc(all, func(c conformance.Case) bool { return c.Name == name })]
				answer, err := c.Run(t.Context(), conformance.Target{Dial: plain(server.Address), Host: host, Path: "/"})
				if err != nil {
					t.Fatal(err)
				}
				if got := c.Judge(answer); got != want {
					t.Errorf("case %s: %s, want %s: %s", name, got, want, answer)
				}
			}
		})
	}
}
