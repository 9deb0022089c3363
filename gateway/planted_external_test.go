// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// annex is a gateway whose callers show marked secrets to an authorization server
// and marked certificates to the listener; and the server repeats what it hears.
type annex struct {
	*running
	planted

	echo    *wstest.Upstream
	server  *wstest.Authorizer
	debug   *journal
	answers strings.Builder
	callers int
	// good is a certificate that gets in.
	good *tls.Certificate
	// explode makes the clock panic with a secret where the stack has this text.
	explode atomic.Pointer[string]
}

// annexRules fail for most callers, each in a way that cel-go describes with the
// value at hand.
func annexRules() *contract.Authorization {
	return rules(
		"Allow: identity.claims.mode == 'open'",
		"Allow: int(identity.claims.heard) > 0",
		"Allow: timestamp(identity.claims.heard) > timestamp('2026-01-01T00:00:00Z')",
		"Allow: identity.claims.heard.nothing == 1",
		"Allow: {'a': 1}[identity.claims.heard] == 1",
	)
}

func startAnnex(t *testing.T) *annex {
	t.Helper()
	a := &annex{planted: planted{}, debug: &journal{}, echo: wstest.Echo(t, "chat.v2")}
	a.server = wstest.Authorize(t, a.parrot(t))
	ca, root, clients := wstest.NewCA(t), wstest.NewRoot(t), wstest.NewCA(t)
	config := guarded(oftenAsks)
	config.Listeners[0].ClientCertificates = askFor(false, clients)
	config.Policies[0].Authorization = annexRules()
	config.Policies[0].IdentityHeaders = []contract.IdentityHeader{{Name: "X-User", Claim: "sub"}}
	partners := byCertificate(contract.IdentityFromURI)
	config.Policies = append(config.Policies, partners)
	for _, name := range []string{"partners", "down"} {
		route := config.Routes[0]
		route.Name, route.Policy, route.Path = name, partners.Name, contract.Path{Prefix: "/" + name}
		config.Routes = append(config.Routes, route)
	}
	away := config.Policies[0]
	away.Name, away.Methods = "down", []contract.Method{{External: &contract.External{Backend: "other:9000", Service: "other"}}}
	config.Policies = append(config.Policies, away)
	config.Routes[2].Policy = "down"
	all := endpoints(a.echo.Address)
	all.Backends["authz:9000"] = contract.BackendEndpoints{Addresses: []string{a.server.Address}}
	all.Backends["other:9000"] = contract.BackendEndpoints{Addresses: []string{"127.0.0.1:1"}}
	root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com", "*.chat.example.com"))
	root.Config(t, config, all)
	boom := "clock: " + a.mark(t, "value of a panic")
	a.running = start(t, root, ca, func(o *gateway.Options) {
		o.Logger = slog.New(slog.NewJSONHandler(a.debug, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Now = func() time.Time {
			if where := a.explode.Load(); where != nil && strings.Contains(string(debug.Stack()), *where) && a.explode.CompareAndSwap(where, nil) {
				panic(boom)
			}
			return time.Now()
		}
	})
	a.good = forgerOf(t, clients).issue(t, uris(alice))
	a.certificates(t, forgerOf(t, clients))
	return a
}

// parrot answers as the query says, and puts all that it has heard, and secrets of
// its own, wherever an answer has room.
func (a *annex) parrot(t *testing.T) wstest.Judgement {
	t.Helper()
	own, handle := a.mark(t, "what the server says"), a.mark(t, "session")
	return func(ctx context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
		asked := r.GetAttributes().GetRequest().GetHttp()
		_, mode, _ := strings.Cut(asked.GetPath(), "mode=")
		mode, _, _ = strings.Cut(mode, "&")
		if r.GetAttributes().GetContextExtensions()["session"] != "" {
			mode = "revalidated"
		}
		var heard strings.Builder
		for _, value := range asked.GetHeaders() {
			heard.WriteString(value + " " + own + " ")
		}
		return parroted(ctx, t, mode, heard.String(), handle)
	}
}

func parroted(ctx context.Context, t *testing.T, mode, heard, handle string) (*authv3.CheckResponse, error) {
	t.Helper()
	headers := []*corev3.HeaderValueOption{{Header: &corev3.HeaderValue{Key: "X-Heard", Value: heard}}}
	yes := wstest.Admit(t, map[string]any{"sub": "ann", "session": handle, "heard": heard, "mode": mode})
	yes.GetOkResponse().Headers, yes.GetOkResponse().ResponseHeadersToAdd = headers, headers
	denied := func(code int32) *authv3.CheckResponse {
		no := wstest.Deny(code)
		no.Status.Message = heard
		no.GetDeniedResponse().Headers, no.GetDeniedResponse().Body = headers, heard
		return no
	}
	switch mode {
	case "401", "403", "302":
		return denied(map[string]int32{"401": 401, "403": 403, "302": 302}[mode]), nil
	case "fails":
		return nil, grpcstatus.Error(codes.Internal, heard)
	case "contradicts":
		yes.Status.Code, yes.Status.Message = int32(codes.PermissionDenied), heard
	case "subject":
		return wstest.Admit(t, map[string]any{"sub": map[string]any{heard: heard}}), nil
	case "expiry":
		return wstest.Admit(t, map[string]any{"sub": "ann", "exp": heard}), nil
	case "handle":
		return wstest.Admit(t, map[string]any{"sub": "ann", "session": strings.Repeat(handle, 100)}), nil
	case "deep":
		return wstest.Admit(t, map[string]any{"sub": "ann", "x": []any{heard, levels(40)}}), nil
	case "hangs":
		<-ctx.Done()
		return nil, ctx.Err()
	case "revalidated":
		return nil, grpcstatus.Error(codes.Unavailable, heard+handle)
	}
	return yes, nil
}

// send asks as a caller of its own, so that every refusal is written in full.
func (a *annex) send(change func(*tls.Config), raw string) answer {
	a.callers++
	got := a.strikeAs(a.callers, change, raw)
	_, _ = fmt.Fprintln(&a.answers, got.status, got.header, got.body, got.err)
	return got
}

// consult shows marked secrets at every place, to a server that answers in every
// way.
func (a *annex) consult(t *testing.T) {
	t.Helper()
	bad := func(what string) string { return a.mark(t, what) }
	for _, mode := range []string{"open", "401", "403", "302", "fails", "contradicts", "subject", "expiry", "handle", "deep", "hangs", "closed"} {
		secrets := []string{
			"Authorization: Bearer " + bad("token, "+mode), "Cookie: session=" + bad("cookie, "+mode), "X-API-Key: " + bad("key, "+mode),
			"Sec-WebSocket-Protocol: chat.v2, bearer, " + bad("subprotocol token, "+mode), "Proxy-Authorization: Basic " + bad("for a proxy, "+mode),
		}
		want := map[string]int{"open": http.StatusSwitchingProtocols, "401": 401, "403": 403, "closed": 403}[mode]
		if want == 0 {
			want = http.StatusServiceUnavailable
		}
		if got := a.send(nil, on("/chat?mode="+mode, secrets...)); got.status != want {
			t.Errorf("mode %s: status %d %q, want %d", mode, got.status, got.body, want)
		}
		a.send(nil, on("/down?mode="+mode+"&access_token="+bad("query, "+mode), secrets...))
	}
	for what, secret := range a.planted {
		for _, seen := range a.echo.Requests() {
			if text := fmt.Sprint(seen.Header, seen.RequestURI); strings.Contains(text, secret) {
				t.Errorf("%s reached the backend: %s", what, text)
			}
		}
	}
}

// certificates holds secrets in places where certificates have none, but nobody
// can keep people from putting them there.
func (a *annex) certificates(t *testing.T, f *forger) {
	t.Helper()
	bad := func(what string) string { return a.mark(t, what) }
	for _, one := range []*tls.Certificate{
		f.issue(t, uris("https://user:"+bad("password in a URI")+"@example.com/")),
		f.issue(t, generalName(6, "https://"+bad("host of a URI that is none")+":x/")),
		f.issue(t, generalName(2, bad("a DNS name that is none")+"\xff")),
		f.issue(t, uris(alice, "urn:"+bad("one URI of two"))),
		f.issue(t, uris("urn:"+bad("a URI that is too long")+strings.Repeat("a", 2000))),
		{Certificate: [][]byte{[]byte(bad("a key for a certificate"))}, PrivateKey: freshKey(t)},
		f.issueFor(t, pretender{freshKey(t).Public()}, uris("urn:"+bad("a certificate without its key"))),
	} {
		a.send(showing(one, tls.VersionTLS13), on("/partners", "Authorization: Bearer "+bad("token beside a certificate")))
		a.send(showing(one, tls.VersionTLS12), on("/partners", "Authorization: Bearer "+bad("token beside a certificate, TLS 1.2")))
	}
	stranger := forgerOf(t, wstest.NewCA(t)).issue(t, uris("urn:"+bad("a URI of a stranger")))
	a.send(showing(stranger, tls.VersionTLS13), on("/partners", "Cookie: session="+bad("cookie behind a certificate")))
}

// panics: a step fails by a mistake of ours while it works on a secret.
func (a *annex) panics(t *testing.T) {
	t.Helper()
	token := func(where string) string {
		return "Authorization: Bearer " + a.mark(t, "token while there is a panic in "+where)
	}
	for where, meet := range map[string]func(where string){
		"authn.(*externalMethod).Authenticate(": func(where string) { a.send(nil, on("/chat?mode=open", token(where))) },
		"handshake.(*Door).askCertificate(": func(where string) {
			a.send(showing(a.good, tls.VersionTLS13), on("/partners", token(where)))
		},
		"gateway.(*server).revalidate(": func(where string) { a.stay(t, token(where)) },
	} {
		a.explode.Store(&where)
		meet(where)
		until(t, func() string {
			if a.explode.Load() != nil {
				return "nothing panics in " + where
			}
			return ""
		})
	}
}

// stay opens a connection.
func (a *annex) stay(t *testing.T, header string) {
	t.Helper()
	name, value, _ := strings.Cut(header, ": ")
	d := a.dialer("public")
	d.Header = http.Header{name: {value}}
	_ = d.MustDial(t, "wss://ws.example.com/chat?mode=open")
}

func TestNoSecretOfAuthorizationServersAndCertificatesIsEmitted(t *testing.T) {
	t.Parallel()
	a := startAnnex(t)
	a.consult(t)
	a.stay(t, "Authorization: Bearer "+a.mark(t, "token of an open connection"))
	until(t, func() string {
		if a.sample(t, `wsgateway_authorization_questions_total{about="connection",result="unanswered"}`) == "0" {
			return "nobody was asked about"
		}
		return ""
	})
	_, _, listing := fetch(t, "http://"+a.addresses[gateway.ControlName]+"/connections", nil)
	_, _, metrics := a.get(t, "/metrics")
	_, _, report := a.get(t, "/report")
	a.panics(t)
	a.end(t)
	a.search(t, map[string]string{
		"the audit log": a.audit.String(), "the log": a.debug.String(), "the metrics": metrics, "the report": report,
		"the list of connections": listing, "the answers to clients": a.answers.String(),
	})
	for _, reason := range []string{
		"bad_credential", "access_denied", "auth_unavailable", "client_certificate_invalid", "internal_error",
	} {
		if !strings.Contains(a.audit.String(), `"event.reason":"`+reason+`"`) {
			t.Errorf("the path to %s was not taken", reason)
		}
	}
}
