// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

const (
	// marked is in every credential and session of these tests.
	marked    = "marked-9c1f"
	oftenAsks = contract.Duration(time.Second)
)

// doorkeeper admits whoever shows "Bearer marked-9c1f-NAME" as NAME.
func doorkeeper(t *testing.T, gone ...string) wstest.Judgement {
	t.Helper()
	return func(_ context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
		attributes := r.GetAttributes()
		_, name, _ := strings.Cut(attributes.GetRequest().GetHttp().GetHeaders()["authorization"], marked+"-")
		if session := attributes.GetContextExtensions()["session"]; session != "" {
			name = strings.TrimPrefix(session, marked+"-session-")
		}
		if slices.Contains(gone, name) {
			return wstest.Deny(http.StatusForbidden), nil
		}
		if name == "" {
			return wstest.Deny(http.StatusUnauthorized), nil
		}
		return wstest.Admit(t, map[string]any{"sub": name, "org": "acme", "session": marked + "-session-" + name}), nil
	}
}

// guarded is the configuration whose route asks the backend "authz:9000".
func guarded(every contract.Duration) contract.Config {
	config := baseConfig()
	config.Policies = []contract.Policy{{
		Name: "asked",
		Methods: []contract.Method{{External: &contract.External{
			Backend: "authz:9000", Service: "authz", Timeout: new(contract.Duration(2 * time.Second)), RevalidateEvery: every,
		}}},
		Origins:         &contract.Origins{Allow: []string{"https://app.example.com"}, AllowMissing: true},
		IdentityHeaders: []contract.IdentityHeader{{Name: "X-User", Claim: "sub"}, {Name: "X-Session", Claim: "session"}},
	}}
	config.Routes[0].Policy = "asked"
	return config
}

type guardedGateway struct {
	*running
	echo   *wstest.Upstream
	server *wstest.Authorizer
}

// put brings a configuration into force, with the server as "authz:9000" and, if
// there is one, another as "other:9000".
func (g *guardedGateway) put(t *testing.T, config contract.Config, other ...string) {
	t.Helper()
	g.root.Config(t, config, g.endpoints(other...))
	g.served(t, config)
}

func (g *guardedGateway) endpoints(other ...string) contract.Endpoints {
	all := endpoints(g.echo.Address)
	all.Backends["authz:9000"] = contract.BackendEndpoints{Addresses: []string{g.server.Address}}
	all.Backends["other:9000"] = contract.BackendEndpoints{Addresses: other}
	return all
}

func startGuarded(t *testing.T, judge wstest.Judgement, config contract.Config) *guardedGateway {
	t.Helper()
	return startGuardedWith(t, judge, config, nil)
}

func startGuardedWith(t *testing.T, judge wstest.Judgement, config contract.Config, change func(*gateway.Options)) *guardedGateway {
	t.Helper()
	g := &guardedGateway{echo: wstest.Echo(t), server: wstest.Authorize(t, judge)}
	ca, root := wstest.NewCA(t), wstest.NewRoot(t)
	root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com", "*.chat.example.com"))
	root.Config(t, config, g.endpoints())
	g.running = start(t, root, ca, change)
	return g
}

func (g *guardedGateway) enter(t *testing.T, name string) *websocket.Conn {
	t.Helper()
	return g.open(t, "Authorization", "Bearer "+marked+"-"+name)
}

// What trusted proxies say becomes the client's address, and is told as that only.
func TestAnAuthorizationServerIsToldTheAddressThatATrustedProxyTold(t *testing.T) {
	t.Parallel()
	config := guarded(0)
	behind(false, true, "127.0.0.0/8")(&config)
	g := startGuarded(t, wstest.Always(wstest.Admit(t, nil)), config)
	if status := g.via(t, "", "10.0.0.1, 203.0.113.7"); status != http.StatusSwitchingProtocols {
		t.Fatalf("answered %d", status)
	}
	asked := g.server.Questions()[0].GetAttributes()
	if got := asked.GetSource().GetAddress().GetSocketAddress().GetAddress(); got != "203.0.113.7" {
		t.Errorf("the server was told that the client is %q", got)
	}
	if got, told := asked.GetRequest().GetHttp().GetHeaders()["x-forwarded-for"]; told {
		t.Errorf("the server was told what the client has invented: %q", got)
	}
}

// unmarked looks whether a credential or a session got where it must not be.
func (g *guardedGateway) unmarked(t *testing.T) {
	t.Helper()
	_, _, report := g.get(t, "/report")
	_, _, metrics := g.get(t, "/metrics")
	for where, text := range map[string]string{"audit": g.audit.String(), "logs": g.logs.String(), "report": report, "metrics": metrics} {
		if strings.Contains(text, marked) {
			t.Errorf("a credential or a session is in the %s:\n%s", where, text)
		}
	}
	for _, asked := range g.server.Questions() {
		if asked.GetAttributes().GetContextExtensions()["session"] != "" && strings.Contains(fmt.Sprint(asked.GetAttributes().GetRequest()), marked) {
			t.Errorf("a revalidation came with a credential: %v", asked)
		}
	}
}

// revalidated waits for the first answer about an open connection.
func (g *guardedGateway) revalidated(t *testing.T) {
	t.Helper()
	until(t, func() string {
		if g.sample(t, `wsgateway_authorization_questions_total{about="connection",result="admitted"}`) == "0" {
			return "nobody has had an answer yet"
		}
		return ""
	})
}

func ended(t *testing.T, conn *websocket.Conn, code int) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, code) {
		t.Errorf("connection: %v, want to be closed with %d", err, code)
	}
}

func TestAnAuthorizationServerDecidesWhoConnectsAndAsWhom(t *testing.T) {
	t.Parallel()
	g := startGuarded(t, doorkeeper(t, "eve"), guarded(0))
	for _, test := range []struct {
		name    string
		changes []string
		want    int
		answer  string
	}{
		{"a token", []string{"Authorization: Bearer " + marked + "-ann", "Cookie: session=" + marked + "; theme=dark"}, 101, ""},
		{"a token among the subprotocols", []string{"Authorization: Bearer " + marked + "-ann", "Sec-WebSocket-Protocol: bearer, " + marked}, 101, "bearer"},
		{"nothing", nil, 401, ""},
		{"somebody withdrawn", []string{"Authorization: Bearer " + marked + "-eve"}, 403, ""},
		{"a token from a foreign page", []string{"Authorization: Bearer " + marked + "-ann", "Origin: https://evil.example"}, 403, ""},
	} {
		before := len(g.echo.Requests())
		response, _ := g.ask(t, "ws.example.com", request(append(test.changes, "X-User: root", "X_User: root")...))
		if response.StatusCode != test.want || response.Header.Get("Sec-WebSocket-Protocol") != test.answer {
			t.Errorf("%s: status %d, subprotocol %q", test.name, response.StatusCode, response.Header.Get("Sec-WebSocket-Protocol"))
		}
		seen := g.echo.Requests()[before:]
		if len(seen) != map[bool]int{true: 1}[test.want == 101] {
			t.Errorf("%s: the backend was asked %d times", test.name, len(seen))
		}
		for _, upstream := range seen {
			if got := upstream.Header["X-User"]; len(got) != 1 || got[0] != "ann" {
				t.Errorf("%s: the backend was told %v", test.name, got)
			}
			if text := fmt.Sprint(upstream.Header, upstream.RequestURI); strings.Contains(text, marked) || upstream.Header.Get("Cookie") != "" || upstream.Header.Get("X-Session") != "" {
				t.Errorf("%s: a credential has reached the backend: %s", test.name, text)
			}
		}
	}
	g.unmarked(t)
	g.end(t)
	opened := g.audit.records(t, "opened")[0]
	got := []any{opened.Method, opened.Issuer, opened.Subject}
	if diff := cmp.Diff([]any{"external", "authz", "ann"}, got); diff != "" {
		t.Errorf("audit record (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"bad_credential", "access_denied", "origin_not_allowed"}, reasonsOf(g.audit.records(t, "denied"))); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
}

func TestWithoutAnAnswerNobodyGetsInAndNobodyIsThrownOut(t *testing.T) {
	t.Parallel()
	g := startGuarded(t, doorkeeper(t), guarded(0))
	within := g.enter(t, "ann")
	g.server.Judge(func(ctx context.Context, _ *authv3.CheckRequest) (*authv3.CheckResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	begin := time.Now()
	response, _ := g.ask(t, "ws.example.com", request("Authorization: Bearer "+marked+"-bob"))
	if took := time.Since(begin); response.StatusCode != http.StatusServiceUnavailable || took > patience/2 || response.Header.Get("Retry-After") == "" {
		t.Errorf("server that hangs: %d after %v", response.StatusCode, took)
	}
	g.server.Stop()
	if response, _ := g.ask(t, "ws.example.com", request("Authorization: Bearer "+marked+"-bob")); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("server that is gone: %d", response.StatusCode)
	}
	if err := echoOnce(within); err != nil {
		t.Errorf("who was within: %v", err)
	}
	g.unmarked(t)
}

func TestARevalidationThatIsDeniedEndsExactlyThatConnection(t *testing.T) {
	t.Parallel()
	g := startGuarded(t, doorkeeper(t), guarded(oftenAsks))
	ann, bob := g.enter(t, "ann"), g.enter(t, "bob")
	g.server.Judge(doorkeeper(t, "ann"))
	ended(t, ann, outcome.CodeForbidden)
	time.Sleep(2 * time.Duration(oftenAsks))
	if err := echoOnce(bob); err != nil {
		t.Errorf("bob should have stayed: %v", err)
	}
	if got := g.sample(t, `wsgateway_authorization_questions_total{about="connection",result="refused"}`); got != "1" {
		t.Errorf("%q questions were refused, want 1", got)
	}
	g.unmarked(t)
	g.end(t)
	if closed := g.audit.records(t, "closed")[0]; closed.Reason != outcome.AccessRevoked || closed.Subject != "ann" || closed.CloseCode != 3003 {
		t.Errorf("audit record: %v", closed)
	}
}

func TestAServerThatIsAwayIsWaitedForAndNotForEver(t *testing.T) {
	t.Parallel()
	// Long enough for gRPC to find a server again on a busy machine.
	g := startGuarded(t, doorkeeper(t), guarded(contract.Duration(2*time.Second)))
	ann := g.enter(t, "ann")
	g.server.Stop()
	until(t, func() string {
		if g.sample(t, `wsgateway_authorization_questions_total{about="connection",result="unanswered"}`) == "0" {
			return "nobody has asked yet"
		}
		return ""
	})
	g.server.Start(t)
	g.revalidated(t)
	if err := echoOnce(ann); err != nil {
		t.Fatalf("the server came back, but: %v", err)
	}
	g.server.Stop()
	begin := time.Now()
	ended(t, ann, outcome.CodeUnauthorized)
	if took := time.Since(begin); took < 3*time.Second {
		t.Errorf("ended after %v, before its three intervals were over", took)
	}
	g.unmarked(t)
	g.end(t)
	if closed := g.audit.records(t, "closed")[0]; closed.Reason != outcome.CredentialExpired || !strings.Contains(closed.Message, "not revalidated") {
		t.Errorf("audit record: %v", closed)
	}
}

func TestAServerSaysUntilWhenAndMayExtendIt(t *testing.T) {
	t.Parallel()
	admit := func(d time.Duration) *authv3.CheckResponse {
		return wstest.Admit(t, map[string]any{"sub": "ann", "session": "s", "exp": time.Now().Add(d).Unix()})
	}
	g := startGuarded(t, func(_ context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
		if r.GetAttributes().GetRequest().GetHttp().GetHeaders()["authorization"] == "" {
			return admit(time.Hour), nil
		}
		return admit(8 * time.Second), nil
	}, guarded(oftenAsks))
	extended := g.open(t, "Authorization", "Bearer x")
	g.revalidated(t)
	g.put(t, guarded(0)) // from here on nobody is asked any more
	short := g.open(t, "Authorization", "Bearer x")
	ended(t, short, outcome.CodeUnauthorized)
	if err := echoOnce(extended); err != nil {
		t.Errorf("the extended connection: %v", err)
	}
}

func TestWhoeverCannotBeRevalidatedIsNotAdmitted(t *testing.T) {
	t.Parallel()
	g := startGuarded(t, wstest.Always(wstest.Admit(t, map[string]any{"sub": "ann"})), guarded(oftenAsks))
	if response, _ := g.ask(t, "ws.example.com", request()); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("an answer without a session: %d", response.StatusCode)
	}
	g.end(t)
	if refusals := g.audit.records(t, "denied"); len(refusals) != 1 || !strings.Contains(refusals[0].Message, "revalidateEvery") {
		t.Errorf("refusals: %v", refusals)
	}
}

func TestASessionThatBecomesSomebodyElsesEndsItsConnection(t *testing.T) {
	t.Parallel()
	g := startGuarded(t, doorkeeper(t), guarded(oftenAsks))
	ann := g.enter(t, "ann")
	g.server.Judge(wstest.Always(wstest.Admit(t, map[string]any{"sub": "bob", "session": "s"})))
	ended(t, ann, outcome.CodeForbidden)
}

func TestAChangedServerJudgesThoseWhoWereAdmittedByIt(t *testing.T) {
	t.Parallel()
	withoutSession := wstest.Always(wstest.Admit(t, map[string]any{"sub": "ann"}))
	for name, tt := range map[string]struct {
		judge  wstest.Judgement
		change func(*contract.Config)
		closed bool
	}{
		"another timeout":                 {doorkeeper(t), func(c *contract.Config) { c.Policies[0].Methods[0].External.Timeout = nil }, false},
		"revalidation, with a session":    {doorkeeper(t), func(c *contract.Config) { c.Policies[0].Methods[0].External.RevalidateEvery = oftenAsks }, false},
		"revalidation, without a session": {withoutSession, func(c *contract.Config) { c.Policies[0].Methods[0].External.RevalidateEvery = oftenAsks }, true},
		"another server":                  {doorkeeper(t), func(c *contract.Config) { c.Policies[0].Methods[0].External.Backend = "other:9000" }, true},
		"another server, and those within are kept": {doorkeeper(t), func(c *contract.Config) {
			c.Policies[0].Methods[0].External.Backend, c.KeepAdmitted = "other:9000", true
		}, false},
		"a method in front of it": {doorkeeper(t), func(c *contract.Config) {
			key := contract.Method{APIKey: &contract.APIKey{Secret: "keys", From: []contract.Source{{Header: "Authorization"}}}}
			c.Policies[0].Methods = append([]contract.Method{key}, c.Policies[0].Methods...)
		}, false},
		"anonymous instead": {doorkeeper(t), func(c *contract.Config) {
			c.Policies[0].Methods = []contract.Method{{Anonymous: &contract.Anonymous{}}}
		}, false},
		"API keys instead": {doorkeeper(t), func(c *contract.Config) {
			c.Policies[0].Methods = []contract.Method{{APIKey: &contract.APIKey{Secret: "keys", From: []contract.Source{{Header: "X-Key"}}}}}
		}, true},
		"a policy with a fault": {doorkeeper(t), func(c *contract.Config) {
			c.Policies[0] = contract.Policy{Name: "asked", Fault: contract.FaultPolicyInvalid}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGuarded(t, tt.judge, guarded(0))
			g.root.Secret(t, "keys", map[string][]byte{"device-1": []byte(aKey)})
			ann := g.enter(t, "ann")
			config := guarded(0)
			tt.change(&config)
			g.put(t, config)
			if tt.closed {
				ended(t, ann, outcome.CodeForbidden)
				return
			}
			time.Sleep(2 * time.Duration(oftenAsks))
			if err := echoOnce(ann); err != nil {
				t.Errorf("should have stayed: %v", err)
			}
		})
	}
}

func TestOpenConnectionsAreRevalidatedAsTheNewPolicySays(t *testing.T) {
	t.Parallel()
	g := startGuarded(t, doorkeeper(t), guarded(0))
	ann := g.enter(t, "ann")
	g.server.Judge(doorkeeper(t, "ann"))
	time.Sleep(2 * time.Duration(oftenAsks))
	if err := echoOnce(ann); err != nil {
		t.Fatalf("nobody was to be asked, but: %v", err)
	}
	g.put(t, guarded(oftenAsks))
	ended(t, ann, outcome.CodeForbidden)
}

// startDenied has let in ann and bob, and the server has denied ann since. The
// policy of config is one in dry run, or ann would be gone.
func startDenied(t *testing.T, config contract.Config) (g *guardedGateway, ann, bob *websocket.Conn) {
	t.Helper()
	g = startGuarded(t, doorkeeper(t), config)
	ann, bob = g.enter(t, "ann"), g.enter(t, "bob")
	g.server.Judge(doorkeeper(t, "ann"))
	until(t, func() string {
		if g.sample(t, `wsgateway_authorization_questions_total{about="connection",result="refused"}`) == "0" {
			return "ann was not asked about yet"
		}
		return ""
	})
	return g, ann, bob
}

func TestAServerThatIsTriedInADryRunThrowsNobodyOut(t *testing.T) {
	t.Parallel()
	config := guarded(oftenAsks)
	config.Policies[0].DryRun = true
	g, ann, bob := startDenied(t, config)
	g.server.Stop()
	time.Sleep(5 * time.Duration(oftenAsks))
	for name, conn := range map[string]*websocket.Conn{"ann": ann, "bob": bob} {
		if err := echoOnce(conn); err != nil {
			t.Errorf("%s should have stayed: %v", name, err)
		}
	}
}
