// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn/external"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// planted stands for a credential; it must turn up nowhere.
const planted = "planted-credential-9c1f"

// log is what the clients have logged.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// clientsOf returns clients whose backend "authz:9000" is at the addresses.
func clientsOf(t testing.TB, logged *log, addresses ...string) *external.Clients {
	t.Helper()
	return clientsAt(t, func() time.Time { return time.Unix(1_800_000_000, 0) }, logged, addresses...)
}

func clientsAt(t testing.TB, now func() time.Time, logged *log, addresses ...string) *external.Clients {
	t.Helper()
	clients := external.New(external.Options{
		Dial: func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		},
		Now:     now,
		Gateway: func() contract.GatewayRef { return contract.GatewayRef{Namespace: "default", Name: "edge"} },
		Logger:  slog.New(slog.NewTextHandler(logged, nil)),
	})
	t.Cleanup(clients.Close)
	at(clients, contract.BackendEndpoints{Addresses: addresses})
	return clients
}

func at(clients *external.Clients, endpoints contract.BackendEndpoints) {
	clients.SetEndpoints(contract.Endpoints{Backends: map[string]contract.BackendEndpoints{"authz:9000": endpoints}})
}

func question() *external.Question {
	return &external.Question{
		Policy: "users", Listener: "public", Route: "chat", ServerName: "ws.example.com", Host: "ws.example.com",
		Target: "/chat?room=1", Client: netip.MustParseAddr("192.0.2.7"), Principal: "spiffe://example.com/ann",
		Header: http.Header{
			"Authorization": {"Bearer " + planted}, "Cookie": {"a=1", "b=2"}, "X-Thing": {"one", "two"}, "Odd": {"caf\xe9"},
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Key": {"k"}, "Sec-Websocket-Protocol": {"bearer, t"},
			"X-Forwarded-For": {"10.0.0.1"}, "X-Envoy-Internal": {"true"}, "X-Real-Ip": {"10.0.0.1"},
			"Proxy-Authorization": {"Basic x"}, "Forwarded": {"for=10.0.0.1"},
		},
	}
}

// check asks with a time that no test should need.
func check(t testing.TB, clients *external.Clients, within time.Duration) (external.Answer, outcome.Reason, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	answer, err := clients.Check(ctx, "authz:9000", question())
	if err == nil {
		return answer, "", ""
	}
	refusal, ok := errors.AsType[*outcome.Refusal](err)
	if !ok {
		t.Fatalf("Check() = %v, which is no refusal", err)
	}
	if strings.Contains(err.Error(), planted) {
		t.Errorf("the credential is in the error: %v", err)
	}
	return answer, refusal.Reason, refusal.Detail
}

// asked waits until a question gets this answer.
func asked(t testing.TB, clients *external.Clients, want outcome.Reason) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		_, reason, detail := check(t, clients, time.Second)
		if reason == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still %q (%s), want %q", reason, detail, want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestTheServerIsToldWhatItNeedsAndNothingThatClientsCouldForge(t *testing.T) {
	server := wstest.Authorize(t, wstest.Always(wstest.Admit(t, map[string]any{"sub": "ann"})))
	clients := clientsOf(t, &log{}, server.Address)
	if _, reason, detail := check(t, clients, 30*time.Second); reason != "" {
		t.Fatalf("refused: %s: %s", reason, detail)
	}
	attributes := server.Questions()[0].GetAttributes()
	request := attributes.GetRequest().GetHttp()
	got := map[string]any{
		"headers": request.GetHeaders(), "extensions": attributes.GetContextExtensions(),
		"line":   request.GetMethod() + " " + request.GetScheme() + "://" + request.GetHost() + request.GetPath() + " " + request.GetProtocol(),
		"source": attributes.GetSource().GetAddress().GetSocketAddress().GetAddress(), "sni": attributes.GetTlsSession().GetSni(),
		"time": attributes.GetRequest().GetTime().GetSeconds(), "principal": attributes.GetSource().GetPrincipal(),
	}
	want := map[string]any{
		"headers": map[string]string{
			"authorization": "Bearer " + planted, "cookie": "a=1; b=2", "x-thing": "one,two", "odd": "caf\uFFFD", "sec-websocket-protocol": "bearer, t",
		},
		"extensions": map[string]string{"gateway": "default/edge", "listener": "public", "route": "chat", "policy": "users"},
		"line":       "GET https://ws.example.com/chat?room=1 HTTP/1.1",
		"source":     "192.0.2.7", "sni": "ws.example.com", "time": int64(1_800_000_000),
		"principal": "spiffe://example.com/ann",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("question (-want +got):\n%s", diff)
	}
}

func TestARevalidationShowsTheSessionAndNoCredential(t *testing.T) {
	server := wstest.Authorize(t, wstest.Always(wstest.Admit(t, nil)))
	clients := clientsOf(t, &log{}, server.Address)
	q := &external.Question{
		Policy: "users", Listener: "public", Route: "chat", Host: "ws.example.com", Target: "/chat",
		Open: &external.Open{Connection: "c-1", Session: "s-1", Subject: "ann"},
	}
	if _, err := clients.Check(t.Context(), "authz:9000", q); err != nil {
		t.Fatal(err)
	}
	attributes := server.Questions()[0].GetAttributes()
	want := map[string]string{
		"gateway": "default/edge", "listener": "public", "route": "chat", "policy": "users",
		"connection": "c-1", "session": "s-1", "subject": "ann",
	}
	if diff := cmp.Diff(want, attributes.GetContextExtensions()); diff != "" {
		t.Errorf("extensions (-want +got):\n%s", diff)
	}
	if headers := attributes.GetRequest().GetHttp().GetHeaders(); len(headers) > 0 || attributes.GetSource().GetAddress() != nil {
		t.Errorf("headers %v, source %v: want none", headers, attributes.GetSource())
	}
}

func TestAServerThatDoesNotAnswerAdmitsNobody(t *testing.T) {
	echoes := func(code codes.Code) wstest.Judgement {
		return func(_ context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
			return nil, status.Error(code, r.GetAttributes().GetRequest().GetHttp().GetHeaders()["authorization"])
		}
	}
	hang := func(ctx context.Context, _ *authv3.CheckRequest) (*authv3.CheckResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	huge := wstest.Admit(t, map[string]any{"sub": "ann", "padding": strings.Repeat("x", 100<<10)})
	for name, tt := range map[string]struct {
		judge  wstest.Judgement
		within time.Duration
		detail string
	}{
		"hangs":                {hang, 300 * time.Millisecond, "no answer in time"},
		"answers too much":     {wstest.Always(huge), 30 * time.Second, "ResourceExhausted"},
		"fails":                {echoes(codes.Internal), 30 * time.Second, "Internal"},
		"says it is away":      {echoes(codes.Unavailable), 30 * time.Second, "Unavailable"},
		"denies as a fault":    {echoes(codes.PermissionDenied), 30 * time.Second, "PermissionDenied"},
		"answers nothing":      {wstest.Always(&authv3.CheckResponse{}), 30 * time.Second, "empty"},
		"answers with nothing": {wstest.Always(nil), 30 * time.Second, "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logged := &log{}
			clients := clientsOf(t, logged, wstest.Authorize(t, tt.judge).Address)
			begin := time.Now()
			_, reason, detail := check(t, clients, tt.within)
			if reason != outcome.AuthUnavailable || !strings.Contains(detail, tt.detail) {
				t.Errorf("%s: %s, want auth_unavailable with %q", reason, detail, tt.detail)
			}
			if took := time.Since(begin); took > tt.within+30*time.Second {
				t.Errorf("took %v", took)
			}
			if strings.Contains(logged.String(), planted) {
				t.Errorf("the credential is in the log: %s", logged)
			}
		})
	}
}

func TestWhatIsNoAuthorizationServerAdmitsNobody(t *testing.T) {
	other := grpc.NewServer()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = other.Serve(listener) })
	t.Cleanup(func() {
		other.Stop()
		serving.Wait()
	})
	silent := wstest.Raw(t, func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1<<20)) })
	for name, tt := range map[string]struct{ address, detail string }{
		"another gRPC service":   {listener.Addr().String(), "Unimplemented"},
		"no HTTP/2":              {wstest.Echo(t).Address, "no answer"},
		"something that is mute": {silent.Address, "no answer"},
		"a closed port":          {"127.0.0.1:1", "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, reason, detail := check(t, clientsOf(t, &log{}, tt.address), time.Second)
			if reason != outcome.AuthUnavailable || !strings.Contains(detail, tt.detail) {
				t.Errorf("%s: %s, want auth_unavailable with %q", reason, detail, tt.detail)
			}
		})
	}
}

func TestOfTwoEndpointsTheOneThatLivesAnswers(t *testing.T) {
	server := wstest.Authorize(t, wstest.Always(wstest.Admit(t, nil)))
	clients := clientsOf(t, &log{}, "127.0.0.1:1", server.Address)
	for range 20 {
		if _, reason, detail := check(t, clients, 30*time.Second); reason != "" {
			t.Fatalf("refused: %s: %s", reason, detail)
		}
	}
}

func TestTheServicesOwnAddressHelpsWhenEveryEndpointIsGone(t *testing.T) {
	server := wstest.Authorize(t, wstest.Always(wstest.Admit(t, nil)))
	clients := clientsOf(t, &log{})
	if _, reason, detail := check(t, clients, time.Second); reason != outcome.AuthUnavailable || !strings.Contains(detail, "no address") {
		t.Errorf("without an address: %s: %s", reason, detail)
	}
	at(clients, contract.BackendEndpoints{Addresses: []string{"127.0.0.1:1"}, Service: server.Address})
	asked(t, clients, "")
}

func TestAServerThatRestartsOrMovesIsFoundAgain(t *testing.T) {
	server := wstest.Authorize(t, wstest.Always(wstest.Admit(t, nil)))
	logged := &log{}
	clients := clientsOf(t, logged, server.Address)
	asked(t, clients, "")
	server.Stop()
	asked(t, clients, outcome.AuthUnavailable)
	server.Start(t)
	asked(t, clients, "")
	other := wstest.Authorize(t, wstest.Always(wstest.Deny(403)))
	at(clients, contract.BackendEndpoints{Addresses: []string{other.Address}})
	asked(t, clients, outcome.AccessDenied)
	if text := logged.String(); !strings.Contains(text, "does not answer") || !strings.Contains(text, "answers again") || strings.Contains(text, planted) {
		t.Errorf("log: %s", text)
	}
}

func TestManyQuestionsAtOnceAreAllAnswered(t *testing.T) {
	var mu sync.Mutex
	now, most := 0, 0
	server := wstest.Authorize(t, func(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(5 * time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
		return wstest.Admit(t, nil), nil
	})
	clients := clientsOf(t, &log{}, server.Address)
	var asking sync.WaitGroup
	for range 1000 {
		asking.Go(func() {
			if _, reason, detail := check(t, clients, 30*time.Second); reason != "" {
				t.Errorf("refused: %s: %s", reason, detail)
			}
		})
	}
	asking.Wait()
	if most > 256 {
		t.Errorf("%d questions at once, want at most 256", most)
	}
}

func TestAClosedClientAsksNobody(t *testing.T) {
	server := wstest.Authorize(t, wstest.Always(wstest.Admit(t, nil)))
	clients := clientsOf(t, &log{}, server.Address)
	asked(t, clients, "")
	clients.Keep(external.Use{Policy: "users", Backend: "another:9000"})
	asked(t, clients, "") // it is made again where it is still used
	clients.Close()
	if _, reason, _ := check(t, clients, time.Second); reason != outcome.AuthUnavailable {
		t.Errorf("after Close: %q", reason)
	}
}

func TestTheEnvironmentNamesNoProxyForCredentials(t *testing.T) {
	proxy := wstest.Raw(t, func(net.Conn) { t.Error("somebody has connected to the proxy") })
	t.Setenv("HTTPS_PROXY", "http://"+proxy.Address)
	t.Setenv("https_proxy", "http://"+proxy.Address)
	if _, reason, detail := check(t, clientsOf(t, &log{}, "127.0.0.1:1"), time.Second); reason != outcome.AuthUnavailable || !strings.Contains(detail, "refused") {
		t.Errorf("%s: %s", reason, detail)
	}
}
