// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/gateway/listener"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const goodHead = "GET /chat?x=1 HTTP/1.1\r\nHost: ws.example.com\r\nUpgrade: websocket\r\nX-Empty:\r\nX-Tab:\ta\tb \r\n\r\n"

func reasonOf(t *testing.T, err error) outcome.Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	var refusal *outcome.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("%v is no refusal", err)
	}
	return refusal.Reason
}

func TestAGoodHeadIsParsedAsItIs(t *testing.T) {
	t.Parallel()
	request, err := listener.ParseHead([]byte(goodHead))
	if err != nil {
		t.Fatal(err)
	}
	if request.Method != http.MethodGet || request.RequestURI != "/chat?x=1" || request.Host != "ws.example.com" ||
		request.Header.Get("Upgrade") != "websocket" || request.Header.Get("X-Tab") != "a\tb" {
		t.Errorf("got %+v", request)
	}
}

func TestADoubtfulHeadIsRefusedAndNeverRepaired(t *testing.T) {
	t.Parallel()
	line := func(s string) string { return s + "\r\nHost: ws.example.com\r\n\r\n" }
	field := func(s string) string { return "GET / HTTP/1.1\r\nHost: ws.example.com\r\n" + s + "\r\n\r\n" }
	for name, head := range map[string]string{
		"no end":                       "GET / HTTP/1.1\r\nHost: ws.example.com\r\n",
		"empty line in front":          "\r\n" + goodHead,
		"HTTP/1.0":                     line("GET / HTTP/1.0"),
		"HTTP/0.9":                     "GET /\r\n\r\n",
		"HTTP/2 preface":               "PRI * HTTP/2.0\r\n\r\n",
		"HTTP/1.2":                     line("GET / HTTP/1.2"),
		"lower-case protocol":          line("GET / http/1.1"),
		"two spaces":                   line("GET  / HTTP/1.1"),
		"space behind the protocol":    line("GET / HTTP/1.1 "),
		"tab instead of space":         line("GET\t/ HTTP/1.1"),
		"no target":                    line("GET HTTP/1.1"),
		"absolute form":                line("GET http://ws.example.com/ HTTP/1.1"),
		"asterisk form":                line("OPTIONS * HTTP/1.1"),
		"authority form":               line("CONNECT ws.example.com:443 HTTP/1.1"),
		"space in the target":          line("GET /a b HTTP/1.1"),
		"NUL in the target":            line("GET /\x00 HTTP/1.1"),
		"not ASCII in the target":      line("GET /\xc3\xa9 HTTP/1.1"),
		"method that is no token":      line("G(T / HTTP/1.1"),
		"no Host":                      "GET / HTTP/1.1\r\nX: y\r\n\r\n",
		"two Hosts":                    field("Host: ws.example.com"),
		"two Hosts in other spelling":  field("hOST: other.example.com"),
		"folded line":                  field("X: a\r\n b"),
		"folded line with tab":         field("X: a\r\n\tb"),
		"folded first line":            "GET / HTTP/1.1\r\n X: y\r\nHost: ws.example.com\r\n\r\n",
		"space before the colon":       field("X : a"),
		"no colon":                     field("X"),
		"no name":                      field(": a"),
		"name that is no token":        field("X(: a"),
		"NUL in a value":               field("X: a\x00b"),
		"bare carriage return":         field("X: a\rb"),
		"carriage return at the end":   field("X: a\r"),
		"bare line feed":               field("X: a\nY: b"),
		"escape in a value":            field("X: \x1b[31m"),
		"delete in a value":            field("X: \x7f"),
		"Content-Length":               field("Content-Length: 5"),
		"Content-Length 0":             field("Content-Length: 0"),
		"two Content-Lengths":          field("Content-Length: 5\r\nContent-Length: 6"),
		"Transfer-Encoding":            field("Transfer-Encoding: chunked"),
		"Transfer-Encoding, disguised": field("Transfer-Encoding: xchunked"),
		"both":                         field("Content-Length: 5\r\nTransfer-Encoding: chunked"),
		"Trailer":                      field("Trailer: X-User"),
	} {
		if _, err := listener.ParseHead([]byte(head)); reasonOf(t, err) != outcome.BadRequest {
			t.Errorf("%s: got %v", name, err)
		}
	}
	many := field(strings.TrimSuffix(strings.Repeat("X: y\r\n", 200), "\r\n"))
	if _, err := listener.ParseHead([]byte(many)); reasonOf(t, err) != outcome.HeaderTooLarge {
		t.Errorf("200 fields: got %v", err)
	}
}

// send returns the end of a connection whose other end writes chunks and closes
// if end is true.
func send(t *testing.T, end bool, chunks ...string) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, chunk := range chunks {
			if _, err := io.WriteString(client, chunk); err != nil {
				return
			}
		}
		if end {
			_ = client.Close()
		}
	}()
	t.Cleanup(func() {
		_ = server.Close()
		_ = client.Close()
		<-done
	})
	return server
}

func TestReadHeadStopsBehindTheHeadInWhateverPiecesItComes(t *testing.T) {
	t.Parallel()
	single := strings.Split(goodHead, "")
	for name, chunks := range map[string][]string{
		"at once":                 {goodHead},
		"byte by byte":            single,
		"with bytes behind":       {goodHead + "early"},
		"split in the line break": {goodHead[:len(goodHead)-1], goodHead[len(goodHead)-1:] + "early"},
	} {
		head, early, err := listener.ReadHead(send(t, false, chunks...), 4096)
		if err != nil || string(head) != goodHead {
			t.Errorf("%s: got %q %v", name, head, err)
		}
		if want := strings.TrimPrefix(strings.Join(chunks, ""), goodHead); string(early) != want {
			t.Errorf("%s: early data %q, want %q", name, early, want)
		}
	}
}

func TestReadHeadIsBounded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		conn net.Conn
		want outcome.Reason
	}{
		"too large":                {send(t, false, strings.Repeat("a", 3000)), outcome.HeaderTooLarge},
		"ends before the head":     {send(t, true, "GET / HTTP/1.1\r\n"), outcome.ClientGone},
		"ends at once":             {send(t, true), outcome.ClientGone},
		"never ends":               {send(t, false, "GET / HTTP/1.1\r\n"), outcome.HandshakeTimeout},
		"lines end with line feed": {send(t, false, "GET / HTTP/1.1\nHost: x\n\n"), outcome.BadRequest},
	} {
		if test.want == outcome.HandshakeTimeout {
			_ = test.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		}
		if _, _, err := listener.ReadHead(test.conn, 2500); reasonOf(t, err) != test.want {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

func TestAHeadOfExactlyTheLimitIsRead(t *testing.T) {
	t.Parallel()
	if _, _, err := listener.ReadHead(send(t, false, goodHead), len(goodHead)); err != nil {
		t.Error(err)
	}
	if _, _, err := listener.ReadHead(send(t, false, goodHead), len(goodHead)-1); reasonOf(t, err) != outcome.HeaderTooLarge {
		t.Errorf("one byte more: %v", err)
	}
}

func FuzzParseHead(f *testing.F) {
	f.Add([]byte(goodHead))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"))
	f.Add([]byte("PRI * HTTP/2.0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, head []byte) {
		request, err := listener.ParseHead(head)
		if err != nil {
			reasonOf(t, err)
			return
		}
		if request.ContentLength != 0 || len(request.TransferEncoding) > 0 || request.Host == "" && !bytes.Contains(bytes.ToLower(head), []byte("\r\nhost:")) {
			t.Fatalf("%q: accepted as %+v", head, request)
		}
		// What we forward is rebuilt from these fields: none may break a line.
		for name, values := range request.Header {
			for _, value := range values {
				if strings.ContainsAny(name+value, "\r\n\x00") {
					t.Fatalf("%q: field %q: %q", head, name, value)
				}
			}
		}
		if strings.ContainsAny(request.RequestURI, " \r\n\x00") || request.RequestURI[0] != '/' {
			t.Fatalf("%q: target %q", head, request.RequestURI)
		}
	})
}
