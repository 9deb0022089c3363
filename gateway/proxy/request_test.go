// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/extension"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

func TestRequestHoldsWhatItShouldAndNothingElse(t *testing.T) {
	t.Parallel()
	heads := make(chan []byte, 1)
	upstream := wstest.Raw(t, func(conn net.Conn) {
		var head bytes.Buffer
		request, err := http.ReadRequest(bufio.NewReader(io.TeeReader(conn, &head)))
		if err != nil {
			return
		}
		heads <- head.Bytes()
		_, _ = io.WriteString(conn, answer101(request))
		_, _ = io.Copy(io.Discard, conn)
	})
	u, err := newPool(upstream.Address).Connect(t.Context(), proxy.Choice{Backends: toB}, proxy.Handshake{
		Target: "/a%20b?q=1&r", Host: "ws.example.com:443",
		Header: http.Header{
			"X-User": {"alice", "bob"}, "Cookie": {"a=b"}, "Accept-Language": {"de\tfr"},
			"Connection": {"X-User"}, "Keep-Alive": {"1"}, "Transfer-Encoding": {"chunked"}, "Content-Length": {"5"}, "Upgrade": {"h2c"}, "Te": {"trailers"},
			"Host": {"evil"}, "Sec-Websocket-Key": {"x"}, "Sec-Websocket-Extensions": {"permessage-deflate"}, "sec-websocket-protocol": {"x"}, "Expect": {"100-continue"},
		},
		Subprotocols: []string{"chat.v2", "chat.v1"},
		Extensions: []extension.Extension{
			{Name: extension.Deflate, Parameters: []extension.Parameter{{Name: "server_max_window_bits", Value: "10"}}}, {Name: extension.Deflate},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	u.Release()
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSuffix(string(<-heads), "\r\n\r\n"), "\r\n") {
		if key, ok := strings.CutPrefix(line, "Sec-WebSocket-Key: "); ok {
			if len(key) != 24 {
				t.Errorf("key %q", key)
			}
			continue
		}
		lines = append(lines, line)
	}
	want := []string{
		"GET /a%20b?q=1&r HTTP/1.1", "Host: ws.example.com:443", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Protocol: chat.v2, chat.v1", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10, permessage-deflate", "Accept-Language: de\tfr", "Cookie: a=b", "X-User: alice", "X-User: bob",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCouldBeASecondRequestIsNotSent(t *testing.T) {
	t.Parallel()
	good := handshake()
	bad := map[string]proxy.Handshake{
		"line end in the target":       {Target: "/ HTTP/1.1\r\nX: y", Host: good.Host},
		"space in the target":          {Target: "/a b", Host: good.Host},
		"absolute target":              {Target: "http://x/", Host: good.Host},
		"no target":                    {Host: good.Host},
		"line end in the host":         {Target: "/", Host: "a\r\nX: y"},
		"no host":                      {Target: "/"},
		"line end in a value":          {Target: "/", Host: good.Host, Header: http.Header{"X": {"a\r\nY: z"}}},
		"bare line feed in a value":    {Target: "/", Host: good.Host, Header: http.Header{"X": {"a\nY: z"}}},
		"NUL in a value":               {Target: "/", Host: good.Host, Header: http.Header{"X": {"a\x00"}}},
		"colon in a name":              {Target: "/", Host: good.Host, Header: http.Header{"X: y\r\nZ": {"a"}}},
		"empty name":                   {Target: "/", Host: good.Host, Header: http.Header{"": {"a"}}},
		"subprotocol that is no token": {Target: "/", Host: good.Host, Subprotocols: []string{"a\r\nX: y"}},
		"two subprotocols in one":      {Target: "/", Host: good.Host, Subprotocols: []string{"a, b"}},
		"line end in an extension":     {Target: "/", Host: good.Host, Extensions: []extension.Extension{{Name: "a\r\nX: y"}}},
		"extension without a name":     {Target: "/", Host: good.Host, Extensions: []extension.Extension{{}}},
	}
	for name, h := range maps.All(bad) {
		var n network
		pool := n.pool(rand.Float64, map[string]contract.BackendEndpoints{"b": {Addresses: abc}})
		_, err := pool.Connect(t.Context(), proxy.Choice{Backends: toB}, h)
		if wantRefusal(t, err, outcome.InternalError); len(n.dialled()) != 0 {
			t.Errorf("%s: dialled", name)
		}
	}
}
