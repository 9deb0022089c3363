// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// planted are secrets that stand out, by what they are.
type planted map[string]string

// mark makes a secret that is nowhere else, good as a key and as a password.
func (p planted) mark(t *testing.T, what string) string {
	t.Helper()
	random := make([]byte, 12)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	p[what] = "zQ" + hex.EncodeToString(random)
	return p[what]
}

// traces are the ways in which a secret may be written.
func traces(secret string) map[string]string {
	escaped := ""
	for _, c := range []byte(secret) {
		escaped += fmt.Sprintf("%%%02X", c)
	}
	forms := map[string]string{
		"plain": secret, "hexadecimal": hex.EncodeToString([]byte(secret)),
		"escaped": escaped, "upper case": strings.ToUpper(secret), "lower case": strings.ToLower(secret),
		"numbers": numbers(secret),
	}
	// In base64 it depends on what is in front; the characters at both ends
	// depend on the neighbours.
	for before := range 3 {
		text := []byte(strings.Repeat("\x00", before) + secret)
		text = text[:len(text)/3*3]
		forms[fmt.Sprintf("base64 %d", before)] = base64.StdEncoding.EncodeToString(text)[(before*8+5)/6:]
		forms[fmt.Sprintf("base64url %d", before)] = base64.URLEncoding.EncodeToString(text)[(before*8+5)/6:]
	}
	return forms
}

// numbers is how a careless %v writes bytes.
func numbers(text string) string {
	var list []string
	for _, c := range []byte(text) {
		list = append(list, strconv.Itoa(int(c)))
	}
	return strings.Join(list, " ")
}

// search looks for every secret in what was emitted, by where that was.
func (p planted) search(t *testing.T, emitted map[string]string) {
	t.Helper()
	for where, text := range emitted {
		if text == "" {
			t.Errorf("nothing was emitted in %s: the search proves nothing", where)
		}
		for what, secret := range p {
			for form, trace := range traces(secret) {
				if i := strings.Index(text, trace); i >= 0 {
					t.Errorf("%s (%s) is in %s: %.200q", what, form, where, text[max(0, i-100):])
				}
			}
		}
	}
}

func TestTheSearchFindsWhatItLooksFor(t *testing.T) {
	t.Parallel()
	p := planted{}
	secret := p.mark(t, "secret")
	for _, text := range []string{
		secret, "x" + secret + "y", base64.StdEncoding.EncodeToString([]byte("a:" + secret)), base64.RawURLEncoding.EncodeToString([]byte("ab:" + secret + "/")),
		hex.EncodeToString([]byte("x" + secret)), "[" + numbers("x"+secret+"x") + "]", base64.StdEncoding.EncodeToString([]byte(secret)),
	} {
		found := false
		for _, trace := range traces(secret) {
			found = found || strings.Contains(text, trace)
		}
		if !found {
			t.Errorf("%q is not found in %q", secret, text)
		}
	}
}

// house is a gateway full of marked secrets.
type house struct {
	*fortress
	planted

	debug   *journal
	answers strings.Builder
	// explode makes the clock panic with a secret.
	explode atomic.Bool
}

func startHouse(t *testing.T) *house {
	t.Helper()
	h := &house{planted: planted{}, debug: &journal{}, fortress: &fortress{mint: newMint(t)}}
	ca, root := wstest.NewCA(t), wstest.NewRoot(t)
	h.echo = wstest.Echo(t, "chat.v2")
	root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com", "*.chat.example.com"))
	root.Secret(t, "devices", map[string][]byte{"device-1": []byte(h.mark(t, "API key"))})
	root.Secret(t, "users", map[string][]byte{"auth": []byte("cid:" + fortressHash + "\n")})
	root.Secret(t, "signing", map[string][]byte{"jwks.json": []byte(h.mint.keySet(t, true))})
	config := h.config(t)
	h.planted["symmetric key"] = string(h.mint.symmetric)
	h.upstreams(t, root, config)
	boom := "clock: " + h.mark(t, "value of a panic")
	h.running = start(t, root, ca, func(o *gateway.Options) {
		o.Logger = slog.New(slog.NewJSONHandler(h.debug, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Now = func() time.Time {
			// Only while a caller is judged: a credential is at hand there, and a panic
			// elsewhere would rightly end the process.
			if h.explode.Load() && strings.Contains(string(debug.Stack()), "gateway/handshake.(") && h.explode.CompareAndSwap(true, false) {
				panic(boom)
			}
			return time.Now()
		}
	})
	return h
}

// upstreams adds routes to backends that fail, each in a way that repeats what
// it was sent.
func (h *house) upstreams(t *testing.T, root *wstest.Root, config contract.Config) {
	t.Helper()
	parrot := wstest.Raw(t, func(conn net.Conn) {
		buffer := make([]byte, 8<<10)
		n, _ := conn.Read(buffer)
		_, _ = conn.Write(buffer[:n])
	})
	refusing := wstest.Raw(t, func(conn net.Conn) {
		buffer := make([]byte, 8<<10)
		n, _ := conn.Read(buffer)
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 403 no\r\nX-Seen: %x\r\n\r\n%s", buffer[:n], buffer[:n])
	})
	backends := map[string]contract.BackendEndpoints{
		"echo": {Addresses: []string{h.echo.Address}}, "parrot": {Addresses: []string{parrot.Address}},
		"refusing": {Addresses: []string{refusing.Address}}, "down": {Addresses: []string{"127.0.0.1:1"}},
	}
	for name := range backends {
		route := config.Routes[0]
		route.Name, route.Path, route.Policy, route.Backends = name, contract.Path{Prefix: "/to/" + name}, "key", []contract.Backend{{Name: name}}
		config.Routes = append(config.Routes, route)
	}
	root.Config(t, config, contract.Endpoints{Backends: backends})
}

// send strikes and keeps the answer.
func (h *house) send(t *testing.T, raw string) {
	t.Helper()
	response, body, _ := h.strike(t, raw)
	_, _ = fmt.Fprintln(&h.answers, response.Status, response.Header, body)
}

func TestNoSecretIsInAnythingThatTheGatewayEmits(t *testing.T) {
	t.Parallel()
	h := startHouse(t)
	h.callers(t)
	h.strangers(t)
	h.failures(t)
	listing := h.talk(t)
	h.badFiles(t)
	_, _, metrics := h.get(t, "/metrics")
	_, _, report := h.get(t, "/report")
	h.end(t)
	h.search(t, map[string]string{
		"the audit log": h.audit.String(), "the log": h.debug.String(), "the metrics": metrics, "the report": report,
		"the list of connections": listing, "the answers to clients": h.answers.String(),
	})
	for _, reason := range []string{"no_credential", "bad_credential", "origin_not_allowed", "bad_request", "header_too_large", "upstream_unreachable", "internal_error"} {
		if !strings.Contains(h.audit.String(), `"event.reason":"`+reason+`"`) {
			t.Errorf("the path to %s was not taken", reason)
		}
	}
}

// callers show good credentials at every place, on the way to backends that
// work and to such that do not.
func (h *house) callers(t *testing.T) {
	t.Helper()
	token, key := h.mint.good(t), h.planted["API key"]
	h.planted["signature of the token"] = token[strings.LastIndex(token, ".")+1:]
	h.planted["token"] = token
	const page = "Origin: " + fortressOrigin
	for _, raw := range []string{
		on("/token", "Authorization: Bearer "+token), on("/token", "Sec-WebSocket-Protocol: bearer, "+token),
		on("/token", "Sec-WebSocket-Protocol: "+contract.SubprotocolBase64URL+"."+encoded([]byte(token))+", chat.v2"),
		on("/token", "Cookie: session="+token, page), on("/token?access_token="+token, page), on("/key", "X-API-Key: "+key), on("/key?key="+key, page),
		on("/password", basic("cid:staple")),
		on("/to/parrot", "X-API-Key: "+key, "Cookie: app="+h.mark(t, "cookie of the application")),
		on("/to/refusing?room="+h.mark(t, "parameter of the application"), "X-API-Key: "+key, "Cookie: app="+h.planted["cookie of the application"]),
		on("/to/down", "X-API-Key: "+key),
	} {
		h.send(t, raw)
	}
	for what, secret := range h.planted {
		for _, seen := range h.echo.Requests() {
			if text := fmt.Sprint(seen.Header, seen.RequestURI); strings.Contains(text, secret) {
				t.Errorf("%s reached the backend: %s", what, text)
			}
		}
	}
}

// strangers show bad ones, or good ones in requests that are refused for
// something else.
func (h *house) strangers(t *testing.T) {
	t.Helper()
	bad := func(what string) string { return h.mark(t, what) }
	forged := joined(goodHeader, h.mint.claims(`,"x":"`+bad("claim")+`"`)) + "." + encoded([]byte(bad("forged signature")))
	for _, raw := range []string{
		on("/token", "Authorization: Bearer "+forged),
		on("/token", "Authorization: Bearer "+joined(`{"alg":"`+bad("alg")+`","kid":"`+bad("kid")+`"}`, `{"iss":"`+bad("iss")+`","exp":1}`)+".AAAA"),
		on("/token", "Authorization: Bearer "+h.mint.ecdsa(t, goodHeader, h.mint.except(`"chat"`, `"`+bad("aud")+`"`))),
		on("/token", "Authorization: Bearer "+bad("no token at all")),
		on("/token", "Authorization: "+bad("scheme")+" "+bad("credential of another scheme")),
		on("/token", "Sec-WebSocket-Protocol: bearer, "+bad("subprotocol token")),
		on("/token", "Sec-WebSocket-Protocol: bearer, "+bad("subprotocol token twice")+", bearer"),
		on("/token", "Sec-WebSocket-Protocol: "+contract.SubprotocolBase64URL+"."+encoded([]byte(bad("encoded token")))),
		on("/token", "Sec-WebSocket-Protocol: "+bad("subprotocol")+"/"),
		on("/token", "Cookie: session="+bad("cookie"), "Origin: "+fortressOrigin),
		on("/token?access_token="+bad("parameter"), "Origin: "+fortressOrigin),
		on("/token?access_token="+bad("parameter escaped badly")+"%zz", "Origin: "+fortressOrigin),
		on("/token?access_token="+bad("parameter from a foreign page"), "Origin: https://evil.example"),
		on("/key", "X-API-Key: "+bad("unknown key")), on("/key", "X-API-Key: "+bad("one of two keys"), "Authorization: Bearer "+bad("the other")),
		on("/password", basic("cid:"+bad("password"))), on("/password", basic(bad("no colon"))), on("/password", "Authorization: Basic "+bad("no base64")+"!"),
		on("/open", "Authorization: Bearer "+bad("token that nobody asked for")),
		on("/nowhere?access_token=" + bad("parameter without a route")),
		on("/token%2f?access_token=" + bad("parameter of a malformed path")), on("/token?x=\x01" + bad("parameter with a control character")),
		on("/token", "Host: foreign.example.org", "Authorization: Bearer "+bad("token for another host")),
		on("/token", "Host: "+bad("user")+":"+bad("password in the host")+"@ws.example.com"),
		on("/token", "Authorization: Bearer "+bad("token with NUL")+"\x00"), on("/token", "Authorization Bearer "+bad("token without a colon")),
		on("/token", "X-Fill: "+strings.Repeat("x", 1<<20), "Authorization: Bearer "+bad("token behind a large head")),
		on("/token", "Sec-WebSocket-Extensions: x;="+bad("extension")), on("/token", "Sec-WebSocket-Key: "+bad("handshake key")),
		strings.Replace(on("/token?access_token="+bad("parameter of a POST")), "GET", "POST", 1),
		bad("method") + " / HTTP/1.1\r\n\r\n",
	} {
		h.send(t, raw)
	}
	plain, err := net.Dial("tcp", h.addresses["public"])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = plain.Close() }()
	_, _ = io.WriteString(plain, on("/token", "Authorization: Bearer "+bad("token without TLS")))
	_, _ = io.Copy(&h.answers, plain)
}

// failures: a step panics while a caller is judged, and says what it works on.
func (h *house) failures(t *testing.T) {
	t.Helper()
	h.explode.Store(true)
	conn := h.speakTLS(t, "public", "ws.example.com")
	_, _ = io.WriteString(conn, on("/token", "Authorization: Bearer "+h.mint.good(t)))
	_, _ = io.Copy(&h.answers, conn)
	if h.explode.Load() {
		t.Error("no step panicked")
	}
}

// talk returns the list of connections while one is open that talks of secrets.
func (h *house) talk(t *testing.T) string {
	t.Helper()
	dialer := h.dialer("public")
	dialer.Header = http.Header{"X-Api-Key": {h.planted["API key"]}}
	conn := dialer.MustDial(t, "wss://ws.example.com/key/room?p="+h.mark(t, "parameter of an open connection"))
	if err := conn.WriteMessage(websocket.TextMessage, []byte(h.mark(t, "message"))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	_, _, listing := fetch(t, "http://"+h.addresses[gateway.ControlName]+"/connections", nil)
	_ = conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4000, h.mark(t, "close text")))
	_, _, _ = conn.ReadMessage()
	return listing
}
