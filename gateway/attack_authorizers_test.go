// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

const (
	// questionTime is what the policies of these tests give a server that does not
	// answer; patientTime is for those that do, when all of them are asked at once
	// on a busy machine.
	questionTime = time.Second
	patientTime  = 5 * time.Second
	// oracleTime bounds the answer to a caller whose server does not help.
	oracleTime = patientTime + 30*time.Second
)

// oracle is an authorization server that is not as it should be.
type oracle struct {
	address string
	want    outcome.Reason // empty: it lets callers in all the same
	detail  string         // part of what the audit log says
	within  time.Duration  // what its policy gives it
}

func set(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: name, Value: value}}
}

// meddling are headers by which a server could write where it has no business.
func meddling() []*corev3.HeaderValueOption {
	list := []*corev3.HeaderValueOption{nil, {}}
	for _, name := range []string{
		"X-User", "x_user", "X-Session", "Authorization", "Cookie", "Set-Cookie", "Location", "Connection", "Upgrade", "Transfer-Encoding", "Content-Length", "Host",
		":path", ":status", "Sec-WebSocket-Key", "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "WWW-Authenticate", "X-Forwarded-For", "X-Admin",
	} {
		list = append(list, set(name, "meddling"))
	}
	return append(list, set("X-A", "meddling\r\nX-Admin: 1"), set("X-B", "meddling\x00"), set("X-C\r\nX-Admin", "meddling"), set("", "meddling"))
}

// meddler admits ann and wants everything else changed.
func meddler(t *testing.T) *authv3.CheckResponse {
	t.Helper()
	response := wstest.Admit(t, map[string]any{"sub": "ann", "X-User": "root", "session": marked})
	response.HttpResponse = &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
		Headers: meddling(), ResponseHeadersToAdd: meddling(),
		HeadersToRemove:         []string{"Upgrade", "Connection", "Sec-WebSocket-Key", "X-User", "Host", ":path"},
		QueryParametersToSet:    []*corev3.QueryParameter{{Key: "admin", Value: "meddling"}},
		QueryParametersToRemove: []string{"room"},
	}}
	return response
}

func denial(code codes.Code, answer int32) *authv3.CheckResponse {
	response := wstest.Deny(answer)
	response.Status.Code = int32(code)
	denied := response.GetDeniedResponse()
	denied.Headers, denied.Body = meddling(), strings.Repeat("meddling ", 6000)
	return response
}

// abuse is what a server does that speaks the protocol, and what comes of it.
type abuse struct {
	judge  wstest.Judgement
	want   outcome.Reason
	detail string
}

// inTime is the detail of what nobody has answered.
const inTime = "no answer in time"

func abuses(t *testing.T) map[string]abuse {
	t.Helper()
	admit := func(fields map[string]any) wstest.Judgement { return wstest.Always(wstest.Admit(t, fields)) }
	const unclear = outcome.AuthUnavailable
	rows := map[string]abuse{
		"fair":       {admit(map[string]any{"sub": "ann"}), "", ""},
		"meddles":    {wstest.Always(meddler(t)), "", ""},
		"many":       {admit(map[string]any{"sub": "ann", "x": slices.Repeat([]any{"y"}, 1000)}), "", ""},
		"breaks":     {admit(map[string]any{"sub": "ann\r\nX-Admin: 1", "org": "a\x00b"}), "", ""},
		"late":       {lateYes(t), unclear, inTime},
		"hangs":      {hang, unclear, inTime},
		"huge":       {admit(map[string]any{"sub": "ann", "x": strings.Repeat("x", 100<<10)}), unclear, "ResourceExhausted"},
		"megabyte":   {admit(map[string]any{"sub": "ann", "x": strings.Repeat("x", 1<<20)}), unclear, "ResourceExhausted"},
		"deep":       {admit(map[string]any{"x": levels(40)}), unclear, "deeper"},
		"abyss":      {admit(map[string]any{"x": levels(3000)}), unclear, "deeper"},
		"empty":      {wstest.Always(&authv3.CheckResponse{}), unclear, "empty"},
		"both":       {wstest.Always(&authv3.CheckResponse{Status: &rpcstatus.Status{}, HttpResponse: denial(0, 403).GetHttpResponse()}), unclear, "yes and no"},
		"neither":    {wstest.Always(&authv3.CheckResponse{Status: &rpcstatus.Status{Code: 7}, HttpResponse: meddler(t).GetHttpResponse()}), unclear, "yes and no"},
		"throws":     {failing(codes.PermissionDenied, strings.Repeat("meddling", 100)), unclear, "PermissionDenied"},
		"trailers":   {failing(codes.Internal, strings.Repeat("meddling", 8<<10)), unclear, "no answer"},
		"no-subject": {admit(map[string]any{"sub": 7}), unclear, "sub"},
		"long":       {admit(map[string]any{"sub": strings.Repeat("a", 513)}), unclear, "sub"},
		"past":       {admit(map[string]any{"exp": 1}), outcome.BadCredential, "a time that is over"},
		"never":      {admit(map[string]any{"exp": "never"}), unclear, "exp"},
		"denies":     {wstest.Always(denial(codes.PermissionDenied, 403)), outcome.AccessDenied, ""},
		"unknown":    {wstest.Always(denial(codes.Unauthenticated, 401)), outcome.BadCredential, ""},
		"unsaid":     {wstest.Always(denial(codes.PermissionDenied, 0)), outcome.AccessDenied, ""},
	}
	for name, code := range map[string]int32{"no-101": 101, "no-200": 200, "no-204": 204, "no-302": 302, "no-307": 307, "no-407": 407, "no-500": 500, "no-1000": 1000, "no-minus": -403} {
		rows[name] = abuse{wstest.Always(denial(codes.PermissionDenied, code)), unclear, fmt.Sprint(code)}
	}
	return rows
}

func hang(ctx context.Context, _ *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func failing(code codes.Code, message string) wstest.Judgement {
	return func(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
		return nil, grpcstatus.Error(code, message)
	}
}

// lateYes lets everybody in, but not in time.
func lateYes(t *testing.T) wstest.Judgement {
	t.Helper()
	yes := wstest.Admit(t, map[string]any{"sub": "ann"})
	return func(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
		select {
		case <-time.After(3 * questionTime):
		case <-t.Context().Done():
		}
		return yes, nil
	}
}

func levels(deep int) []any {
	list := []any{}
	for range deep {
		list = []any{list}
	}
	return list
}

// strangeServers speak no gRPC, or none that anybody would understand.
func strangeServers(t *testing.T, lure string) map[string]string {
	t.Helper()
	yes, err := proto.Marshal(wstest.Admit(t, map[string]any{"sub": "ann"}))
	if err != nil {
		t.Fatal(err)
	}
	acts := rogues(yes, lure)
	// The same message, but for what is no UTF-8, no message, or of a kind that only
	// later versions of the protocol know.
	acts["not-utf8"] = answers(bytes.ReplaceAll(yes, []byte("ann"), []byte("\xff\xfe\xfd")))
	acts["no-message"] = answers([]byte("no message of any kind"))
	acts["cut"] = answers(append(bytes.Clone(yes), 0x0a, 100))  // a field of 100 bytes that are not there
	acts["new-kind"] = answers([]byte{0x9a, 0x06, 2, 'o', 'k'}) // field 99
	at := map[string]string{"down": "127.0.0.1:1"}
	for name, act := range acts {
		at[name] = startRogue(t, act).Address
	}
	server := wstest.NewCA(t).Issue(t, "authz")
	pair, err := tls.X509KeyPair(server.Certificate, server.Key)
	if err != nil {
		t.Fatal(err)
	}
	for name, serve := range map[string]func(net.Conn){
		"mute":     func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) },
		"hangs-up": func(net.Conn) {},
		"http1":    func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") },
		"tls": func(conn net.Conn) {
			_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}}).Handshake()
		},
	} {
		at[name] = wstest.Raw(t, serve).Address
	}
	return at
}

// consulting is a gateway with a route and a policy for each oracle.
func consulting(t *testing.T, oracles map[string]oracle) (*running, *wstest.Upstream) {
	t.Helper()
	ca, root, echo := wstest.NewCA(t), wstest.NewRoot(t), wstest.Echo(t)
	config, all := guarded(0), endpoints(echo.Address)
	policy, route := config.Policies[0], config.Routes[0]
	config.Policies, config.Routes = nil, nil
	for name, one := range oracles {
		backend := name + ":9000"
		policy.Name, route.Name, route.Policy, route.Path = name, name, name, contract.Path{Prefix: "/" + name}
		policy.Methods = []contract.Method{{External: &contract.External{Backend: backend, Service: name, Timeout: new(contract.Duration(one.within))}}}
		config.Policies, config.Routes = append(config.Policies, policy), append(config.Routes, route)
		all.Backends[backend] = contract.BackendEndpoints{Addresses: []string{one.address}}
	}
	root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com", "*.chat.example.com"))
	root.Config(t, config, all)
	return start(t, root, ca, nil), echo
}

// Whatever an authorization server does, it lets in only whom it clearly admits,
// says nothing to clients and backends but who that is, and costs its own callers
// a bounded time.
func TestAuthorizationServersThatAbuseTheirPlace(t *testing.T) {
	t.Parallel()
	lure := wstest.Raw(t, func(net.Conn) {})
	oracles := map[string]oracle{}
	for name, row := range abuses(t) {
		within := patientTime
		if row.detail == inTime {
			within = questionTime
		}
		oracles[name] = oracle{wstest.Authorize(t, row.judge).Address, row.want, row.detail, within}
	}
	for name, address := range strangeServers(t, "https://"+lure.Address+"/") {
		if _, twice := oracles[name]; twice {
			t.Fatalf("two rows are called %s", name)
		}
		oracles[name] = oracle{address: address, want: outcome.AuthUnavailable, within: questionTime}
	}
	r, echo := consulting(t, oracles)
	names := slices.Sorted(maps.Keys(oracles))
	answered := make([]answer, len(names))
	var asking sync.WaitGroup
	for n, name := range names {
		asking.Go(func() {
			answered[n] = r.strikeAs(n, nil, on("/"+name+"?room=5", "Authorization: Bearer "+marked, "X-User: root", "X_User: root"))
		})
	}
	asking.Wait()
	r.end(t)
	r.unharmed(t)
	entered := int64(0)
	for n, name := range names {
		t.Run(name, func(t *testing.T) {
			one, got := oracles[name], answered[n]
			got.fits(t, one.want, oracleTime)
			for field := range got.header {
				if slices.Contains([]string{"Set-Cookie", "Location", "X-User", "X-Admin", "X-A", "X-B"}, field) {
					t.Errorf("the client is told %s: %v", field, got.header[field])
				}
			}
			if one.want == "" {
				entered++
				r.became(t, n, audit.EventOpened)
				return
			}
			record := r.became(t, n, audit.EventDenied)
			if record.Reason != one.want || record.Policy != name || !strings.Contains(record.Message, one.detail) {
				t.Errorf("record %+v, want %s with %q", record, one.want, one.detail)
			}
		})
	}
	if got := echo.Accepted(); got != entered || lure.Accepted() != 0 {
		t.Errorf("the backend was reached %d times, want %d; the address of a redirect %d times", got, entered, lure.Accepted())
	}
	for _, seen := range echo.Requests() {
		want := http.Header{
			"X-User": {"ann"}, "X-Forwarded-For": seen.Header["X-Forwarded-For"], "X-Forwarded-Host": {"ws.example.com"}, "X-Forwarded-Proto": {"https"},
			"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": seen.Header["Sec-Websocket-Key"],
		}
		if strings.HasPrefix(seen.RequestURI, "/breaks") {
			delete(want, "X-User") // no header can say it
		}
		if diff := cmp.Diff(want, seen.Header); diff != "" || !strings.HasSuffix(seen.RequestURI, "?room=5") {
			t.Errorf("%s: the backend was told (-want +got):\n%s", seen.RequestURI, diff)
		}
	}
	for where, text := range map[string]string{"audit log": r.audit.String(), "log": r.logs.String()} {
		if strings.Contains(text, "meddling") || strings.Contains(text, marked) {
			t.Errorf("what a server said, or was shown, is in the %s:\n%s", where, text)
		}
	}
}
