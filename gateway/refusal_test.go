// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

const sampleKey = "dGhlIHNhbXBsZSBub25jZQ=="

// request is a handshake as it goes over the wire, built by replacing lines.
func request(changes ...string) string {
	lines := []string{
		"GET /chat HTTP/1.1", "Host: ws.example.com", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + sampleKey,
	}
	for _, change := range changes {
		name, _, _ := strings.Cut(change, ":")
		replaced := false
		for i, line := range lines {
			if strings.HasPrefix(line, name+":") {
				lines[i], replaced = change, true
			}
		}
		if !replaced {
			lines = append(lines, change)
		}
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func without(header string) string {
	var kept []string
	for line := range strings.SplitSeq(strings.TrimSuffix(request(), "\r\n\r\n"), "\r\n") {
		if !strings.HasPrefix(line, header+":") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\r\n") + "\r\n\r\n"
}

// speakTLS opens a connection with a server name.
func (r *running) speakTLS(t *testing.T, listener, name string) *tls.Conn {
	t.Helper()
	conn, err := tls.Dial("tcp", r.addresses[listener], &tls.Config{RootCAs: r.ca.Pool, ServerName: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// ask sends raw bytes and returns the answer. A refused connection must end.
func (r *running) ask(t *testing.T, name, raw string) (*http.Response, string) {
	t.Helper()
	conn := r.speakTLS(t, "public", name)
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return response, ""
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("connection goes on after a refusal: %v", err)
	}
	return response, string(body)
}

func TestOnlyAStrictHandshakeIsLetIn(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, nil)
	for _, test := range []struct {
		name, raw string
		want      int
	}{
		{"a handshake", request(), 101},
		{"tokens in other cases", request("Upgrade: WebSocket", "Connection: keep-alive, UPGRADE"), 101},
		{"a port in Host", request("Host: ws.example.com:8443"), 101},
		{"Host in other case", request("Host: WS.Example.com"), 101},
		{"an origin for a policy without origins", request("Origin: https://app.example.com"), 403},
		{"method POST", strings.Replace(request(), "GET ", "POST ", 1), 405},
		{"method HEAD", strings.Replace(request(), "GET ", "HEAD ", 1), 405},
		{"HTTP/1.0", strings.Replace(request(), "HTTP/1.1", "HTTP/1.0", 1), 400},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
		{"a plain request", "GET /chat HTTP/1.1\r\nHost: ws.example.com\r\n\r\n", 426},
		{"no Upgrade", without("Upgrade"), 426},
		{"Upgrade to something else", request("Upgrade: h2c"), 426},
		{"Upgrade to two protocols", request("Upgrade: websocket, h2c"), 426},
		{"no Connection", without("Connection"), 426},
		{"Connection without upgrade", request("Connection: keep-alive"), 426},
		{"no version", without("Sec-WebSocket-Version"), 426},
		{"version 8", request("Sec-WebSocket-Version: 8"), 426},
		{"version 14", request("Sec-WebSocket-Version: 14"), 426},
		{"two versions in one field", request("Sec-WebSocket-Version: 13, 8"), 426},
		{"two versions in two fields", request("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13"), 426},
		{"version 013", request("Sec-WebSocket-Version: 013"), 426},
		{"no key", without("Sec-WebSocket-Key"), 400},
		{"two keys", request("Sec-WebSocket-Key: " + sampleKey + "\r\nSec-WebSocket-Key: " + sampleKey), 400},
		{"a key of 15 bytes", request("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA"), 400},
		{"a key of 17 bytes", request("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA="), 400},
		{"a key that is no base64", request("Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!=="), 400},
		{"a key with stray bits", request("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="), 400},
		{"an empty subprotocol", request("Sec-WebSocket-Protocol: a,,b"), 400},
		{"a subprotocol twice", request("Sec-WebSocket-Protocol: a, b, a"), 400},
		{"a subprotocol that is no token", request("Sec-WebSocket-Protocol: a b"), 400},
		{"a thousand subprotocols", request("Sec-WebSocket-Protocol: a" + numbered(1000)), 400},
		{"a body", request("Content-Length: 3"), 400},
		{"chunks", request("Transfer-Encoding: chunked"), 400},
		{"two Hosts", request("Host: ws.example.com\r\nHost: ws.example.com"), 400},
		{"an empty Host", request("Host:"), 400},
		{"a Host with userinfo", request("Host: a@ws.example.com"), 400},
		{"a Host with port 0", request("Host: ws.example.com:0"), 400},
		{"a path with dots", strings.Replace(request(), "/chat", "/chat/../admin", 1), 400},
		{"a path with encoded dots", strings.Replace(request(), "/chat", "/chat/%2e%2e/admin", 1), 400},
		{"a path with an encoded slash", strings.Replace(request(), "/chat", "/chat%2froom", 1), 400},
		{"a path with two slashes", strings.Replace(request(), "/chat", "//chat", 1), 400},
		{"a path with NUL", strings.Replace(request(), "/chat", "/chat%00", 1), 400},
		{"an absolute target", strings.Replace(request(), "/chat", "https://ws.example.com/chat", 1), 400},
		{"a path without a route", strings.Replace(request(), "/chat", "/chatter", 1), 404},
		{"a large head", request("X-Large: " + strings.Repeat("a", 17<<10)), 431},
		{"five hundred fields", request(strings.TrimSuffix(strings.Repeat("X: y\r\n", 500), "\r\n")), 431},
		{"bare line feeds", strings.ReplaceAll(request(), "\r\n", "\n"), 400},
		{"a name that nobody serves", request("Host: foreign.example.org"), 421},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := len(echo.Requests())
			response, body := r.ask(t, "ws.example.com", test.raw)
			if response.StatusCode != test.want {
				t.Fatalf("status %d %q, want %d", response.StatusCode, body, test.want)
			}
			if test.want == http.StatusSwitchingProtocols {
				if got := response.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
					t.Errorf("Sec-WebSocket-Accept %q", got)
				}
				return
			}
			checkRefusal(t, response, body)
			if len(echo.Requests()) != before {
				t.Error("the backend heard of a refused request")
			}
		})
	}
}

func numbered(n int) string {
	var list strings.Builder
	for i := range n {
		list.WriteString(",a" + strings.Repeat("b", i%7) + string(rune('a'+i%26)) + strings.Repeat("c", i/182))
	}
	return list.String()
}

func checkRefusal(t *testing.T, response *http.Response, body string) {
	t.Helper()
	if !response.Close || response.Header.Get("Cache-Control") != "no-store" || body == "" || len(body) > 100 {
		t.Errorf("a refusal with header %v and body %q", response.Header, body)
	}
	switch response.StatusCode {
	case http.StatusUpgradeRequired:
		if response.Header.Get("Upgrade") != "websocket" || response.Header.Get("Sec-WebSocket-Version") != "13" {
			t.Errorf("426 does not say what to upgrade to: %v", response.Header)
		}
	case http.StatusMethodNotAllowed:
		if response.Header.Get("Allow") != http.MethodGet {
			t.Errorf("405 does not say what is allowed: %v", response.Header)
		}
	}
}

// twoListeners has the listeners public and modern on one port.
func twoListeners(c *contract.Config) {
	modern := contract.Listener{
		Name: "modern", Port: 443, BindPort: 10443, Hostnames: []string{"modern.example.com"},
		MinTLSVersion: "1.3", CertificateSecret: "modern-tls",
	}
	c.Listeners = append(c.Listeners, modern)
	c.Routes[0].Hostnames = append(c.Routes[0].Hostnames, "modern.example.com")
}

func startTwo(t *testing.T) *running {
	t.Helper()
	ca := wstest.NewCA(t)
	root := wstest.NewRoot(t)
	config := baseConfig()
	twoListeners(&config)
	root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com", "*.chat.example.com"))
	root.TLSSecret(t, "modern-tls", ca.Issue(t, "modern.example.com"))
	root.Config(t, config, endpoints(wstest.Echo(t).Address))
	return start(t, root, ca, nil)
}

func TestTheHostMustBelongToTheListenerOfTheServerName(t *testing.T) {
	t.Parallel()
	r := startTwo(t)
	if r.addresses["public"] != r.addresses["modern"] {
		t.Fatalf("two sockets: %v", r.addresses)
	}
	for _, test := range []struct {
		serverName, host string
		want             int
	}{
		{"ws.example.com", "ws.example.com", 101},
		{"ws.example.com", "a.chat.example.com", 101},
		{"a.chat.example.com", "b.chat.example.com", 101},
		{"modern.example.com", "modern.example.com", 101},
		{"ws.example.com", "modern.example.com", 421},
		{"modern.example.com", "ws.example.com", 421},
		{"ws.example.com", "a.b.chat.example.com", 421},
		{"ws.example.com", "127.0.0.1", 421},
	} {
		if response, _ := r.ask(t, test.serverName, request("Host: "+test.host)); response.StatusCode != test.want {
			t.Errorf("server name %s, Host %s: status %d, want %d", test.serverName, test.host, response.StatusCode, test.want)
		}
	}
}

func TestTLSIsRefusedByName(t *testing.T) {
	t.Parallel()
	r := startTwo(t)
	for name, test := range map[string]struct {
		config *tls.Config
		want   string
	}{
		"unknown name":                 {&tls.Config{ServerName: "foreign.example.org"}, "unrecognized name"},
		"name below the wildcard":      {&tls.Config{ServerName: "a.b.chat.example.com"}, "unrecognized name"},
		"no name":                      {&tls.Config{InsecureSkipVerify: true}, "unrecognized name"},
		"an address as name":           {&tls.Config{ServerName: "127.0.0.1"}, "unrecognized name"},
		"TLS 1.1":                      {&tls.Config{ServerName: "ws.example.com", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "protocol version"},
		"TLS 1.2 at a modern listener": {&tls.Config{ServerName: "modern.example.com", MaxVersion: tls.VersionTLS12}, "protocol version"},
		"no common cipher suite": {&tls.Config{
			ServerName: "ws.example.com", MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_GCM_SHA256},
		}, "handshake failure"},
		"no common protocol": {&tls.Config{ServerName: "ws.example.com", NextProtos: []string{"h2"}}, "no application protocol"},
	} {
		config := test.config
		config.RootCAs = r.ca.Pool
		conn, err := tls.Dial("tcp", r.addresses["public"], config)
		if err == nil {
			_ = conn.Close()
			t.Errorf("%s: accepted", name)
		} else if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want alert %q", name, err, test.want)
		}
	}
	for name, config := range map[string]*tls.Config{
		"other case":                     {ServerName: "WS.Example.COM"},
		"wildcard":                       {ServerName: "a.chat.example.com"},
		"TLS 1.2 at the public listener": {ServerName: "ws.example.com", MaxVersion: tls.VersionTLS12},
		"TLS 1.3 at the modern listener": {ServerName: "modern.example.com"},
		"offers h2 as well":              {ServerName: "ws.example.com", NextProtos: []string{"h2", "http/1.1"}},
	} {
		config.RootCAs = r.ca.Pool
		conn, err := tls.Dial("tcp", r.addresses["public"], config)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p := conn.ConnectionState().NegotiatedProtocol; p != "" && p != "http/1.1" {
			t.Errorf("%s: negotiated %q", name, p)
		}
		_ = conn.Close()
	}
	r.end(t)
	if denied := r.audit.records(t, "denied"); len(denied) < 1 || !strings.Contains(r.audit.String(), "unknown_server_name") {
		t.Errorf("TLS failures left no trace: %s", r.audit)
	}
}

func TestPlainHTTPIsToldToSpeakTLS(t *testing.T) {
	t.Parallel()
	r, _ := startBase(t, nil)
	// Of a large request much is unread when the answer is on its way.
	for _, raw := range []string{request(), request("X-Large: " + strings.Repeat("a", 40<<10))} {
		conn, err := net.Dial("tcp", r.addresses["public"])
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, raw)
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		answer, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") || !strings.Contains(string(answer), "wss://") {
			t.Errorf("%d bytes: got %q %v", len(raw), answer, err)
		}
	}
}

func TestASlowHandshakeEndsAtItsDeadline(t *testing.T) {
	t.Parallel()
	r, _ := startBase(t, func(c *contract.Config) {
		c.Limits = &contract.Limits{HandshakeTimeout: new(contract.Duration(2 * time.Second))}
	})
	silent, err := net.Dial("tcp", r.addresses["public"])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	begin := time.Now()
	_ = silent.SetReadDeadline(begin.Add(contract.DefaultHandshakeTimeout - time.Second))
	if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, io.EOF) || time.Since(begin) < 1900*time.Millisecond {
		t.Errorf("without a word: %v after %v", err, time.Since(begin))
	}
	response, _ := r.ask(t, "ws.example.com", "GET /chat HTTP/1.1\r\nHost: ws")
	if response.StatusCode != http.StatusRequestTimeout {
		t.Errorf("half a request: status %d", response.StatusCode)
	}
}

func TestConnectionsAreCapped(t *testing.T) {
	t.Parallel()
	r, _ := startBase(t, func(c *contract.Config) { c.Limits = &contract.Limits{MaxConnections: new(int32(1))} })
	first := r.dialer("public").MustDial(t, "wss://ws.example.com/chat")
	if _, _, err := r.dialer("public").Dial(t.Context(), "wss://ws.example.com/chat"); err == nil {
		t.Error("a second connection was let in")
	}
	_ = first.Close()
	until(t, func() string {
		conn, _, err := r.dialer("public").Dial(t.Context(), "wss://ws.example.com/chat")
		if err != nil {
			return "the place was not given back: " + err.Error()
		}
		_ = conn.Close()
		return ""
	})
	r.end(t)
	if !strings.Contains(r.audit.String(), "too_many_connections") {
		t.Errorf("no record of the refusal: %s", r.audit)
	}
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*gateway.Options){
		"no root":                            func(o *gateway.Options) { o.Root = "" },
		"no audit":                           func(o *gateway.Options) { o.Audit = nil },
		"a control port for everybody":       func(o *gateway.Options) { o.ControlAddress = "0.0.0.0:0" },
		"a control port on a name":           func(o *gateway.Options) { o.ControlAddress = "example.com:0" },
		"an admin address that cannot exist": func(o *gateway.Options) { o.AdminAddress = "203.0.113.1:1" },
	} {
		options := gateway.Options{Root: t.TempDir(), Audit: io.Discard, AcceptAfterStop: -1}
		change(&options)
		if err := gateway.Run(t.Context(), options); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
