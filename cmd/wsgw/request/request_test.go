// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package request_test

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/request"
)

const handshake = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

func TestARequestIsWhatAClientWouldSend(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		source request.Source
		want   request.Request
	}{
		"an address alone": {
			request.Source{URL: "wss://ws.example.com"},
			request.Request{ServerName: "ws.example.com", Port: 443, Head: []byte("GET / HTTP/1.1\r\nHost: ws.example.com\r\n" + handshake + "\r\n")},
		},
		"a port and a query": {
			request.Source{URL: "wss://ws.example.com:8443/chat?room=5&x=%2F"},
			request.Request{ServerName: "ws.example.com", Port: 8443, Head: []byte("GET /chat?room=5&x=%2F HTTP/1.1\r\nHost: ws.example.com:8443\r\n" + handshake + "\r\n")},
		},
		"headers of its own": {
			request.Source{URL: "wss://ws.example.com/", Headers: []string{"host: other.example.com", "X-A:b", "x-a:  c "}},
			request.Request{ServerName: "ws.example.com", Port: 443, Head: []byte("GET / HTTP/1.1\r\n" + handshake + "host: other.example.com\r\nX-A: b\r\nx-a: c\r\n\r\n")},
		},
		"origin and subprotocols": {
			request.Source{URL: "wss://ws.example.com/", Origins: []string{"null"}, Subprotocols: []string{"bearer", "@-", "chat"}},
			request.Request{ServerName: "ws.example.com", Port: 443, Head: []byte("GET / HTTP/1.1\r\nHost: ws.example.com\r\n" + handshake + "Origin: null\r\nSec-WebSocket-Protocol: bearer, from-stdin, chat\r\n\r\n")},
		},
	} {
		got, err := tt.source.Read(strings.NewReader("from-stdin\n"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(tt.want, *got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// FuzzRead: whatever a command line says becomes one request or an error, which
// does not repeat it.
func FuzzRead(f *testing.F) {
	f.Add("wss://ws.example.com/chat", "X-A: b", "chat", "X-B: c\nX-C: d")
	f.Add("wss://ws.example.com:1/?%zz", "Authorization: Bearer @-", "@-", ":")
	f.Add("wss://a b/ HTTP/1.1\r\nX: y", "A\r\nB: c", "a\r\nb", "\x00")
	f.Fuzz(func(t *testing.T, address, header, subprotocol, stdin string) {
		// Names of files begin with a dash: there are none here, and @- is standard input.
		header, subprotocol, stdin = strings.ReplaceAll(header, "@", "@-"), strings.ReplaceAll(subprotocol, "@", "@-"), strings.ReplaceAll(stdin, "@", "@-")
		source := request.Source{URL: address, Headers: []string{header}, Subprotocols: []string{subprotocol}, HeaderFile: "-"}
		got, err := source.Read(strings.NewReader(stdin))
		if err != nil {
			if len(stdin) > 20 && strings.Contains(err.Error(), stdin) && !strings.Contains(header+subprotocol, stdin) {
				t.Fatalf("the error repeats what was read: %v", err)
			}
			return
		}
		if bytes.Count(got.Head, []byte("\r\n\r\n")) != 1 || !bytes.HasSuffix(got.Head, []byte("\r\n\r\n")) {
			t.Fatalf("not one request: %q", got.Head)
		}
		if !strings.HasPrefix(string(got.Head), "GET ") || got.Port < 1 || got.ServerName == "" {
			t.Fatalf("port %d, name %q, %q", got.Port, got.ServerName, got.Head)
		}
		if request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(got.Head))); err == nil && request.Method != http.MethodGet {
			t.Fatalf("method %q", request.Method)
		}
	})
}
