// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// attackTime bounds the answer to an attack, on a busy machine under the race
// detector: nearly all of it is the machine's. What is no longer linear in the
// size of what was sent, which is a megabyte, takes much longer.
const attackTime = 20 * time.Second

// attack is a request that must not get in.
type attack struct {
	name string
	// raw is what is sent over TLS.
	raw string
	// want is the one reason that it is refused for.
	want outcome.Reason
}

// on is a handshake for a path with some header fields.
func on(path string, fields ...string) string {
	return strings.Replace(request(fields...), "GET /chat ", "GET "+path+" ", 1)
}

// fortress is a gateway with a route for each way to show a credential.
type fortress struct {
	*running

	echo *wstest.Upstream
	mint *mint
	// canary is a server that only a credential names.
	canary string
	// lured counts the requests that reached it.
	lured *atomic.Int64
}

const (
	fortressOrigin = "https://app.example.com"
	fortressKey    = "key-of-device-one-0123456789"
	fortressHash   = "$5$saltsalt$vl//FCOx/JlpvOHPT.ySOZHl1aqeiykZG3BVaEiPnw1" // of "staple"
)

func startFortress(t *testing.T) *fortress {
	t.Helper()
	f := &fortress{mint: newMint(t), lured: new(atomic.Int64)}
	// It would verify what the stranger signs, if anybody asked.
	foreign := f.mint.foreign.keySet(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		f.lured.Add(1)
		_, _ = io.WriteString(w, foreign)
	}))
	t.Cleanup(server.Close)
	f.canary = server.URL
	ca, root := wstest.NewCA(t), wstest.NewRoot(t)
	f.echo = wstest.Echo(t, "chat.v2")
	root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com", "*.chat.example.com"))
	root.Secret(t, "devices", map[string][]byte{"device-1": []byte(fortressKey), "device-2": []byte("sha256:" + strings.Repeat("ab", 32))})
	root.Secret(t, "users", map[string][]byte{"auth": []byte("cid:" + fortressHash + "\n")})
	root.Secret(t, "signing", map[string][]byte{"jwks.json": []byte(f.mint.keySet(t, true))})
	root.Config(t, f.config(t), endpoints(f.echo.Address))
	f.running = start(t, root, ca, nil)
	if problems := f.report(t).Problems; len(problems) > 0 {
		t.Fatalf("problems: %+v", problems)
	}
	return f
}

func (f *fortress) config(t *testing.T) contract.Config {
	t.Helper()
	token := contract.JWT{
		Issuer: attackIssuer, Audiences: []string{"chat"}, Algorithms: []string{"ES256", "RS256"},
		KeySet: contract.KeySet{Inline: f.mint.keySet(t, false)},
		From: []contract.Source{
			{Header: "Authorization"},
			{Subprotocol: "bearer"},
			{Subprotocol: contract.SubprotocolBase64URL},
			{Cookie: "session"},
			{Query: "access_token"},
		},
	}
	// The worst policy that can be written: symmetric and public keys in one set.
	mixed := token
	mixed.Algorithms = []string{"HS256", "RS256", "ES256"}
	mixed.KeySet = contract.KeySet{Secret: &contract.SecretKey{Secret: "signing", Key: "jwks.json"}}
	config := baseConfig()
	config.Policies, config.Routes = nil, nil
	// The most that can be configured: what has to be bounded is bounded elsewhere.
	config.Limits = &contract.Limits{RequestHeaderBytes: new(int32(1 << 20))}
	for name, method := range map[string]contract.Method{
		"token":    {JWT: &token},
		"mixed":    {JWT: &mixed},
		"key":      {APIKey: &contract.APIKey{Secret: "devices", From: []contract.Source{{Header: "X-Api-Key"}, {Query: "key"}}}},
		"password": {Basic: &contract.Basic{File: contract.SecretKey{Secret: "users", Key: "auth"}}},
		"open":     {Anonymous: &contract.Anonymous{}},
	} {
		origins := &contract.Origins{Allow: []string{fortressOrigin, "https://*.pages.example.com"}, AllowMissing: name != "open"}
		config.Policies = append(config.Policies, contract.Policy{Name: name, Methods: []contract.Method{method}, Origins: origins})
		config.Routes = append(config.Routes, contract.Route{
			Name: name, Hostnames: []string{"ws.example.com"}, Path: contract.Path{Prefix: "/" + name}, Policy: name,
			Backends: []contract.Backend{{Name: "echo"}},
		})
	}
	return config
}

// strike sends an attack and returns the answer and how long it took. It listens
// while it sends: who sends a megabyte is answered long before the end.
func (f *fortress) strike(t *testing.T, raw string) (*http.Response, string, time.Duration) {
	t.Helper()
	conn := f.speakTLS(t, "public", "ws.example.com")
	defer func() { _ = conn.Close() }()
	begin, sent := time.Now(), make(chan struct{})
	go func() {
		defer close(sent)
		// The gateway may hang up before the end.
		_, _ = io.WriteString(conn, raw)
	}()
	defer func() { _ = conn.NetConn().Close(); <-sent }()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	took := time.Since(begin)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return response, "", took
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("read answer: %v", err)
	}
	return response, string(body), took
}

// refusals is how often each reason was counted.
func (f *fortress) refusals(t *testing.T) map[outcome.Reason]string {
	t.Helper()
	_, _, text := f.get(t, "/metrics")
	counted := map[outcome.Reason]string{}
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, `wsgateway_handshakes_refused_total{reason="`); ok {
			reason, count, _ := strings.Cut(rest, `"} `)
			counted[outcome.Reason(reason)] = strings.TrimSpace(count)
		}
	}
	return counted
}

func TestAttacksAreRefusedForTheRightReasonAndTouchNobodyElse(t *testing.T) {
	t.Parallel()
	f := startFortress(t)
	for _, good := range f.good(t) {
		response, body, _ := f.strike(t, good.raw)
		if response.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%s: status %d %q; what follows would prove nothing", good.name, response.StatusCode, body)
		}
	}
	reached, before := f.echo.Accepted(), f.refusals(t)
	for _, one := range slices.Concat(f.tokens(t), f.places(t), f.origins(), f.requests()) {
		t.Run(one.name, func(t *testing.T) {
			response, body, took := f.strike(t, one.raw)
			if want := outcome.Refuse(one.want, "").Answer(); response.StatusCode != want.Status || body != want.Text+"\n" {
				t.Errorf("status %d %q, want %d %q", response.StatusCode, body, want.Status, want.Text)
			}
			after := f.refusals(t)
			if after[one.want] == before[one.want] {
				t.Errorf("reason %s was not counted", one.want)
			}
			for reason, count := range after {
				if (count != before[reason]) != (reason == one.want) {
					t.Errorf("reason %s went from %s to %s, want the one of %s to change", reason, before[reason], count, one.want)
				}
			}
			before = after
			if took > attackTime {
				t.Errorf("took %v", took)
			}
			if got := f.echo.Accepted(); got != reached {
				t.Errorf("the backend was reached")
				reached = got
			}
		})
	}
	if n := f.lured.Load(); n != 0 {
		t.Errorf("%d requests to an address that a credential named", n)
	}
	f.end(t)
	if text := f.logs.String(); strings.Contains(text, "mistake in the gateway") {
		t.Errorf("a step panicked: %s", text)
	}
}

// good are requests that get in.
func (f *fortress) good(t *testing.T) []attack {
	t.Helper()
	token := f.mint.good(t)
	return []attack{
		{name: "token", raw: on("/token", "Authorization: Bearer "+token)},
		{name: "RSA token", raw: on("/token", "Authorization: Bearer "+f.mint.rsa(t, `{"alg":"RS256","kid":"r1"}`, f.mint.claims("")))},
		{name: "token in the query", raw: on("/token?access_token="+token, "Origin: "+fortressOrigin)},
		{name: "token in a cookie", raw: on("/token", "Cookie: session="+token, "Origin: "+fortressOrigin)},
		{name: "symmetric token", raw: on("/mixed", "Authorization: Bearer "+f.mint.hmac(`{"alg":"HS256","kid":"h1"}`, f.mint.claims(""), f.mint.symmetric))},
		{name: "key", raw: on("/key", "X-API-Key: "+fortressKey)},
		{name: "password", raw: on("/password", basic("cid:staple"))},
		{name: "page", raw: on("/open", "Origin: https://a.pages.example.com")},
	}
}

// What looks like an attack but must not be refused by the standards has no
// effect either.
func TestHarmlessOdditiesHaveNoEffect(t *testing.T) {
	t.Parallel()
	f := startFortress(t)
	for _, odd := range f.harmless(t) {
		before := len(f.echo.Requests())
		response, body, took := f.strike(t, odd.raw)
		if response.StatusCode != http.StatusSwitchingProtocols || took > attackTime {
			t.Errorf("%s: status %d %q after %v", odd.name, response.StatusCode, body, took)
			continue
		}
		if got := response.Header.Get("Sec-WebSocket-Extensions"); got != "" {
			t.Errorf("%s: answered with the extension %q", odd.name, got)
		}
		for _, seen := range f.echo.Requests()[before:] {
			text := fmt.Sprint(seen.Header, seen.RequestURI)
			if strings.Contains(text, "permessage") || strings.Contains(text, "eyJ") || strings.Contains(text, f.canary) {
				t.Errorf("%s: the backend saw %s", odd.name, text)
			}
		}
	}
	if n := f.lured.Load(); n != 0 {
		t.Errorf("%d requests to an address that a credential named", n)
	}
}
