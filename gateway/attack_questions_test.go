// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// strict admits who shows exactly one good token, as a server does that trusts us
// to have told it everything once.
func strict(t *testing.T) wstest.Judgement {
	t.Helper()
	yes, no := wstest.Admit(t, map[string]any{"sub": "ann"}), wstest.Deny(http.StatusUnauthorized)
	return func(_ context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
		if r.GetAttributes().GetRequest().GetHttp().GetHeaders()["authorization"] == "Bearer "+marked {
			return yes, nil
		}
		return no, nil
	}
}

// What clients send reaches the server once and in one reading, and nothing of it
// looks as if we had said it.
func TestWhatIsSmuggledInQuestionsToAServer(t *testing.T) {
	t.Parallel()
	const token = "Authorization: Bearer " + marked
	const bad, malformed = outcome.BadCredential, outcome.BadRequest
	config := guarded(0)
	denied := config.Policies[0]
	denied.Name, denied.ClientCIDRs = "elsewhere", &contract.ClientCIDRs{Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}
	config.Policies = append(config.Policies, denied)
	route := config.Routes[0]
	route.Name, route.Policy, route.Path = "elsewhere", "elsewhere", contract.Path{Prefix: "/elsewhere"}
	config.Routes = append(config.Routes, route)
	g := startGuarded(t, strict(t), config)
	good := map[string]string{"authorization": "Bearer " + marked}
	for n, row := range []struct {
		name string
		raw  string
		want outcome.Reason
		// told are the headers that the server sees; nil for a server that is not asked.
		told map[string]string
	}{
		{"one token", request(token), "", good},
		{"the name in another case", request("AUTHORIZATION: Bearer " + marked), "", good},
		{"the token twice", request(token + "\r\n" + token), bad, map[string]string{"authorization": "Bearer " + marked + ",Bearer " + marked}},
		{"the good one second", request("Authorization: Bearer x\r\n" + token), bad, map[string]string{"authorization": "Bearer x,Bearer " + marked}},
		{"the good one first", request(token + "\r\nauthorization: x"), bad, map[string]string{"authorization": "Bearer " + marked + ",x"}},
		{"an underscore beside it", request("Authorization: Bearer x", "Author_ization: Bearer "+marked), bad, map[string]string{"authorization": "Bearer x", "author_ization": "Bearer " + marked}},
		{"not UTF-8", request("Authorization: Bearer " + marked + "\xff"), bad, map[string]string{"authorization": "Bearer " + marked + "\ufffd"}},
		{"a pretended session", request("Session: s", "X-Session: s", "Connection-Id: c"), bad, map[string]string{"session": "s", "x-session": "s", "connection-id": "c"}},
		{"a pretended extension", request("Context-Extensions: session=s", "X-User: root"), bad, map[string]string{"context-extensions": "session=s", "x-user": "root"}},
		{"what proxies say", request(
			token, "X-Forwarded-For: 10.0.0.1", "X-Forwarded-Client-Cert: By=x", "X-Envoy-Internal: true", "X-Envoy-Auth-Partial-Body: false",
			"X-Real-IP: 10.0.0.1", "Forwarded: for=10.0.0.1", "Via: 1.1 x", "Proxy-Authorization: Basic eDp5", "Proxy-Connection: x",
		), "", good},
		{"what proxies say, in other spellings", request(
			token, "X_Forwarded_For: 10.0.0.1", "X-Forwarded_Client-Cert: By=x", "X_ENVOY_INTERNAL: true", "X.Real.IP: 10.0.0.1", "x_forwarded-proto: https", "Proxy_Authorization: Basic eDp5",
		), "", good},
		{"a pretended certificate and address", request(
			token, "Client-Cert: :MIIB:", "client_cert_chain: :MIIB:", "X-SSL-Client-Verify: SUCCESS", "SSL_CLIENT_S_DN: CN=root", "X-ARR-ClientCert: MIIB",
			"X-Client-Cert: MIIB", "True-Client-IP: 10.0.0.1", "CF_Connecting_IP: 10.0.0.1", "X-Original-Forwarded-For: 10.0.0.1", "X.Cluster.Client.IP: 10.0.0.1",
		), "", good},
		{"what is about the connection", request(
			token, "Connection: Upgrade, Authorization, X-A", "Keep-Alive: 5", "TE: trailers", "HTTP2-Settings: AAMAAABk", "Sec-WebSocket-Extensions: x",
		), "", good},
		{"a trailer announced", request(token, "Trailer: Authorization"), malformed, nil},
		{"a body", request(token, "Content-Length: 4"), malformed, nil},
		{"chunks", request(token, "Transfer-Encoding: chunked"), malformed, nil},
		{"a pseudo header", request(token, ":path: /admin"), malformed, nil},
		{"a line break inside", request("Authorization: Bearer " + marked + "\rX-Admin: 1"), malformed, nil},
		{"a NUL inside", request("Authorization: Bearer " + marked + "\x00"), malformed, nil},
		{"a folded line", request("Authorization: Bearer\r\n " + marked), malformed, nil},
		{"a name with a blank", request("Authorization : Bearer " + marked), malformed, nil},
		{"more than a head may have", request(token, "X-A: "+strings.Repeat("a", 17<<10)), outcome.HeaderTooLarge, nil},
		{"more fields than a head may have", request(token, "X-A: a"+strings.Repeat("\r\nX-A: a", 200)), outcome.HeaderTooLarge, nil},
		{"a foreign page", request(token, "Origin: https://evil.example"), outcome.OriginNotAllowed, nil},
		{"two origins", request(token, "Origin: https://app.example.com\r\nOrigin: https://evil.example"), outcome.OriginNotAllowed, nil},
		{"another host", request(token, "Host: other.example.com"), outcome.Misdirected, nil},
		{"no such route", on("/nowhere", token), outcome.NoRoute, nil},
		{"another network", on("/elsewhere", token), outcome.AddressNotAllowed, nil},
		{"another path by dots", on("/chat/../elsewhere", token), malformed, nil},
		{"no handshake", "GET /chat HTTP/1.1\r\nHost: ws.example.com\r\n" + token + "\r\n\r\n", outcome.NotWebSocket, nil},
		{"another method", strings.Replace(request(token), "GET", "POST", 1), outcome.MethodNotAllowed, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			before, reached := len(g.server.Questions()), g.echo.Accepted()
			got := g.strikeAs(n, nil, row.raw)
			got.fits(t, row.want, attackTime)
			if entered := g.echo.Accepted() - reached; (entered == 1) != (row.want == "") {
				t.Errorf("the backend was reached %d times", entered)
			}
			questions := g.server.Questions()[before:]
			if row.told == nil {
				if len(questions) > 0 {
					t.Errorf("the server was asked: %v", questions)
				}
				return
			}
			if len(questions) != 1 {
				t.Fatalf("the server was asked %d times, want once", len(questions))
			}
			attributes := questions[0].GetAttributes()
			if diff := cmp.Diff(row.told, attributes.GetRequest().GetHttp().GetHeaders()); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			known := map[string]string{"gateway": "default/edge", "listener": "public", "route": "chat", "policy": "asked"}
			if diff := cmp.Diff(known, attributes.GetContextExtensions()); diff != "" {
				t.Errorf("context extensions (-want +got):\n%s", diff)
			}
			if got, want := attributes.GetSource().GetAddress().GetSocketAddress().GetAddress(), stranger(n).String(); got != want {
				t.Errorf("the server was told that the client is %q, want %q", got, want)
			}
		})
	}
	g.unmarked(t)
	g.end(t)
	g.running.unharmed(t)
}

// A server that takes its time holds a bounded number of questions, and nobody
// waits longer than the policy says, nor for others' questions.
func TestSlowAnswersAreBoundedAndHurtNobodyElse(t *testing.T) {
	const callers, patience = 320, 5 * time.Second
	var now, most atomic.Int64
	var begin atomic.Pointer[time.Time]
	g := startGuarded(t, func(ctx context.Context, _ *authv3.CheckRequest) (*authv3.CheckResponse, error) {
		// Later, some are still here whom nobody waits for any more.
		for n := now.Add(1); time.Since(*begin.Load()) < patience-time.Second; {
			if old := most.Load(); n <= old || most.CompareAndSwap(old, n) {
				break
			}
		}
		defer now.Add(-1)
		<-ctx.Done()
		return nil, ctx.Err()
	}, withOpen(guarded(0), patience))
	answered := make([]answer, callers)
	// They ask together: on a busy machine, the last one's TLS takes longer than the
	// first one's patience.
	var reached, asking sync.WaitGroup
	ask := make(chan struct{})
	reached.Add(callers)
	for n := range callers {
		asking.Go(func() {
			conn, err := g.reach(n, nil)
			reached.Done()
			<-ask
			started := time.Now()
			if answered[n] = (answer{err: err}); err == nil {
				answered[n] = exchange(conn, request("Authorization: Bearer "+marked))
			}
			answered[n].took = time.Since(started)
		})
	}
	reached.Wait()
	begin.Store(new(time.Now()))
	close(ask)
	until(t, func() string {
		// On a busy machine the moment may have passed when we look.
		if most.Load() < 100 {
			return "the server is asked about too few at once"
		}
		return ""
	})
	free := g.strikeAs(callers, nil, on("/open"))
	free.fits(t, "", strangerTime)
	asking.Wait()
	for n := range callers {
		answered[n].fits(t, outcome.AuthUnavailable, strangerTime)
	}
	if n := most.Load(); n > 256 {
		t.Errorf("%d questions at once, want at most 256", n)
	}
	g.server.Judge(strict(t))
	after := g.strikeAs(callers+1, nil, request("Authorization: Bearer "+marked))
	after.fits(t, "", attackTime)
	g.end(t)
	g.running.unharmed(t)
}

// withOpen adds a route for everybody, and gives servers so much time.
func withOpen(config contract.Config, patience time.Duration) contract.Config {
	config.Policies[0].Methods[0].External.Timeout = new(contract.Duration(patience))
	// So many handshakes of TLS at once take long on a busy machine.
	config.Limits = &contract.Limits{HandshakeTimeout: new(contract.Duration(strangerTime))}
	config.Policies = append(config.Policies, contract.Policy{Name: "open", Methods: []contract.Method{{Anonymous: &contract.Anonymous{}}}})
	open := config.Routes[0]
	open.Name, open.Policy, open.Path = "open", "open", contract.Path{Prefix: "/open"}
	config.Routes = append(config.Routes, open)
	return config
}
