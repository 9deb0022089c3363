// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake_test

import (
	"bufio"
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/match"
	"github.com/wsgateway/websocket-gateway-operator/gateway/metrics"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/gateway/revocation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backend plays the pool.
type backend struct {
	asked       []proxy.Handshake
	choice      proxy.Choice
	subprotocol string
	extension   string
	err         error
}

func (b *backend) Connect(_ context.Context, choice proxy.Choice, h proxy.Handshake) (*proxy.Upstream, error) {
	b.choice = choice
	b.asked = append(b.asked, h)
	if b.err != nil {
		return nil, b.err
	}
	near, far := net.Pipe()
	_ = far.Close()
	return &proxy.Upstream{Conn: near, Subprotocol: b.subprotocol, Extension: b.extension, Backend: "echo", Address: "192.0.2.1:80"}, nil
}

// bearer is a policy that admits whoever offers the subprotocols "bearer, good".
type bearer struct {
	err   error
	calls int
	wait  bool
	// saw is the last request, proof what was asked about last.
	saw   *authn.Request
	proof *authn.Proof
}

func (b *bearer) Authenticate(ctx context.Context, r *authn.Request) (authn.Identity, error) {
	b.calls++
	b.saw = r
	if b.wait {
		<-ctx.Done()
		return authn.Identity{}, outcome.Refuse(outcome.AuthUnavailable, "too slow")
	}
	if b.err != nil {
		return authn.Identity{}, b.err
	}
	return authn.Identity{Policy: "users", Subject: strings.Join(r.Subprotocols, "+")}, nil
}

func (b *bearer) Strip(header http.Header, subprotocols []string) (http.Header, []string) {
	kept := header.Clone()
	kept.Del("Authorization")
	if i := slices.Index(subprotocols, "bearer"); i >= 0 {
		return kept, slices.Delete(slices.Clone(subprotocols), i, i+2)
	}
	return kept, subprotocols
}

func (b *bearer) StripTarget(target string) string {
	return strings.ReplaceAll(target, "token=good", "")
}

func (b *bearer) Challenges() []string { return nil }

func (b *bearer) SubprotocolAnswer(offered []string) string {
	if slices.Contains(offered, "bearer") {
		return "bearer"
	}
	return ""
}

func (b *bearer) IdentityHeaders(authn.Identity) http.Header {
	return http.Header{"X-User": {"ann"}}
}

// scene is a door with one listener, one route and one policy.
type scene struct {
	backend  backend
	policy   bearer
	route    contract.Route
	origins  *contract.Origins
	dryRun   bool
	draining bool
	seats    seats
	attempt  audit.Attempt
	methods  []contract.Method
	// paced and waits are those of the caller.
	paced, waits func() error
	revoked      *revocation.List

	clients     map[string]handshake.ClientCertificates
	certificate *clientcert.Certificate
	// client is where the caller comes from, if not from 198.51.100.7.
	client string
}

func (s *scene) from() netip.Addr {
	if s.client == "" {
		return netip.MustParseAddr("198.51.100.7")
	}
	return netip.MustParseAddr(s.client)
}

func newScene() *scene {
	return &scene{route: contract.Route{
		Name: "chat", Hostnames: []string{"ws.example.com"}, Path: contract.Path{Prefix: "/chat"}, Policy: "users",
		Backends: []contract.Backend{{Name: "echo"}},
	}}
}

func (s *scene) admit(t *testing.T, fields ...string) (*handshake.Admission, error) {
	t.Helper()
	head := "GET /chat/room?q=1 HTTP/1.1\r\nHost: ws.example.com:8443\r\nUpgrade: websocket\r\nConnection: Upgrade, X-User\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	for _, field := range fields {
		head += field + "\r\n"
	}
	request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	door := &handshake.Door{
		Upstreams: &s.backend, Draining: func() bool { return s.draining }, Seat: s.seat, Now: time.Now, Took: func(metrics.Phase, time.Duration) {},
		AuthenticateTimeout: 100 * time.Millisecond, UpstreamTimeout: time.Minute,
	}
	s.attempt = audit.Attempt{}
	a, err := door.Admit(t.Context(), s.rules(), &handshake.Caller{
		Request: request, Listener: "public", Client: s.from(),
		ServedBy: func(host string) (string, bool) { return "public", host == "ws.example.com" },
		Paced:    s.paced, Waits: s.waits,
		Certificate: s.certificate,
	}, &s.attempt)
	if a != nil {
		t.Cleanup(a.Upstream.Release)
	}
	return a, err
}

// rules are the scene's.
func (s *scene) rules() *handshake.Rules {
	return &handshake.Rules{
		Clients: s.clients, Routes: match.NewRoutes([]contract.Route{s.route}), Revocations: s.revoked,
		Policies: map[string]handshake.Policy{"users": {
			Policy: &contract.Policy{
				Name: "users", DryRun: s.dryRun, Origins: s.origins, Methods: s.methods,
				IdentityHeaders: []contract.IdentityHeader{{Name: "X-User", Claim: "sub"}, {Name: "User-Agent", Claim: "agent"}},
			},
			Authenticator: &s.policy,
		}},
	}
}

func reason(err error) outcome.Reason {
	if refusal, ok := errors.AsType[*outcome.Refusal](err); ok {
		return refusal.Reason
	}
	return ""
}

func TestTheBackendSeesOnlyWhatIsOnTheList(t *testing.T) {
	t.Parallel()
	s := newScene()
	_, err := s.admit(t, "User-Agent: browser", "Accept-Language: de", "Origin-X: no", "Cookie: a=1", "Cookie: b=2",
		"Authorization: Bearer token", "Proxy-Authorization: Basic x", "X-User: eve", "x_user: eve", "X.User: eve", "x-USER: eve",
		"X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: evil", "Forwarded: for=1.2.3.4", "X-Real-IP: 1.2.3.4", "X-Request-Id: r1",
		"Client-Cert: :MIIB:", "X-SSL-Client-Verify: SUCCESS", "X-Forwarded-Client-Cert: By=x", "True-Client-IP: 1.2.3.4", "CF-Connecting-IP: 1.2.3.4",
		"Traceparent: 00-a-b-01", "Tracestate: a=1", "Tracestate: b=2", "Sec-WebSocket-Extensions: permessage-deflate", "X-Custom: y", "TE: trailers")
	if err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Accept-Language": {"de"}, "Cookie": {"a=1; b=2"}, "X-Request-Id": {"r1"},
		"Traceparent": {"00-a-b-01"}, "Tracestate": {"a=1,b=2"}, "X-User": {"ann"},
		"X-Forwarded-For": {"198.51.100.7"}, "X-Forwarded-Host": {"ws.example.com:8443"}, "X-Forwarded-Proto": {"https"},
	}
	asked := s.backend.asked[0]
	if diff := cmp.Diff(want, asked.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if asked.Target != "/chat/room?q=1" || asked.Host != "ws.example.com:8443" {
		t.Errorf("target %q, host %q", asked.Target, asked.Host)
	}
}

func TestAHeaderThatMustBeSingleIsNotForwardedTwice(t *testing.T) {
	t.Parallel()
	s := newScene()
	if _, err := s.admit(t, "X-Request-Id: a", "X-Request-Id: b"); err != nil {
		t.Fatal(err)
	}
	if got := s.backend.asked[0].Header.Values("X-Request-Id"); got != nil {
		t.Errorf("forwarded %v", got)
	}
}

func TestSubprotocolsAreTheBackendsChoiceAndNeverTheToken(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		allowed []string
		fields  []string
		chosen  string
		offered []string
		answer  string
		want    outcome.Reason
	}{
		{name: "none"},
		{name: "passed on", fields: []string{"Sec-WebSocket-Protocol: a, b"}, offered: []string{"a", "b"}, chosen: "b", answer: "b"},
		{name: "in two fields", fields: []string{"Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: b"}, offered: []string{"a", "b"}},
		{name: "token alone", fields: []string{"Sec-WebSocket-Protocol: bearer, good"}, answer: "bearer"},
		{name: "token and real ones", fields: []string{"Sec-WebSocket-Protocol: bearer, good, chat.v2"}, offered: []string{"chat.v2"}, chosen: "chat.v2", answer: "chat.v2"},
		{name: "token, backend chose none", fields: []string{"Sec-WebSocket-Protocol: bearer, good, chat.v2"}, offered: []string{"chat.v2"}, answer: "bearer"},
		{name: "restricted", allowed: []string{"b", "c"}, fields: []string{"Sec-WebSocket-Protocol: a, b"}, offered: []string{"b"}, chosen: "b", answer: "b"},
		{name: "restricted, token alone", allowed: []string{"b"}, fields: []string{"Sec-WebSocket-Protocol: bearer, good"}, answer: "bearer"},
		{name: "restricted, none offered", allowed: []string{"b"}},
		{name: "restricted, others offered", allowed: []string{"b"}, fields: []string{"Sec-WebSocket-Protocol: a"}, want: outcome.SubprotocolMismatch},
	} {
		s := newScene()
		s.route.Subprotocols, s.backend.subprotocol = test.allowed, test.chosen
		a, err := s.admit(t, test.fields...)
		if reason(err) != test.want {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
			continue
		}
		if test.want != "" {
			continue
		}
		if diff := cmp.Diff(test.offered, s.backend.asked[0].Subprotocols); diff != "" && len(test.offered)+len(s.backend.asked[0].Subprotocols) > 0 {
			t.Errorf("%s: offered on (-want +got):\n%s", test.name, diff)
		}
		if a.Subprotocol != test.answer || strings.Contains(string(a.Answer), "good") ||
			strings.Contains(string(a.Answer), "Sec-WebSocket-Protocol: "+test.answer+"\r\n") != (test.answer != "") {
			t.Errorf("%s: answer %q", test.name, a.Answer)
		}
	}
}

func TestStepsComeInOrderAndTheFirstRefusalEndsThem(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*scene)
		fields []string
		want   outcome.Reason
		status int
	}{
		{"draining", func(s *scene) { s.draining, s.route.Fault = true, contract.FaultPolicyNotFound }, []string{"Sec-WebSocket-Key: x"}, outcome.Draining, 503},
		{"not a handshake, before the route", func(s *scene) { s.route.Fault = contract.FaultPolicyNotFound }, []string{"Upgrade: h2c"}, outcome.NotWebSocket, 426},
		{"no route", func(s *scene) { s.route.Path.Prefix = "/x" }, nil, outcome.NoRoute, 404},
		{"route fault, before the origin", func(s *scene) { s.route.Fault = contract.FaultBackendNotFound }, []string{"Origin: null"}, outcome.RouteUnavailable, 503},
		{"policy that does not exist", func(s *scene) { s.route.Policy = "gone" }, nil, outcome.PolicyUnavailable, 503},
		{"origin, before the credential", func(s *scene) { s.policy.err = authn.ErrNoCredential }, []string{"Origin: null"}, outcome.OriginNotAllowed, 403},
		{"no credential", func(s *scene) { s.policy.err = authn.ErrNoCredential }, nil, outcome.NoCredential, 401},
		{"bad credential, before the subprotocol", func(s *scene) {
			s.policy.err, s.route.Subprotocols = outcome.Refuse(outcome.BadCredential, "expired"), []string{"b"}
		}, []string{"Sec-WebSocket-Protocol: a"}, outcome.BadCredential, 401},
		{"authentication that hangs", func(s *scene) { s.policy.wait = true }, nil, outcome.AuthUnavailable, 503},
		{"backend down", func(s *scene) { s.backend.err = outcome.Refuse(outcome.UpstreamUnreachable, "no endpoints") }, nil, outcome.UpstreamUnreachable, 502},
	} {
		s := newScene()
		test.change(s)
		a, err := s.admit(t, test.fields...)
		if a != nil || reason(err) != test.want {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
			continue
		}
		var refusal *outcome.Refusal
		if errors.As(err, &refusal); refusal.Answer().Status != test.status {
			t.Errorf("%s: status %d, want %d", test.name, refusal.Answer().Status, test.status)
		}
		if test.want != outcome.UpstreamUnreachable && len(s.backend.asked) > 0 {
			t.Errorf("%s: the backend was asked", test.name)
		}
	}
}

func TestARefusedAttemptSaysWhatWasLearnt(t *testing.T) {
	t.Parallel()
	s := newScene()
	_, _ = s.admit(t, "Origin: https://evil.example")
	want := audit.Attempt{Route: "chat", Policy: "users", Host: "ws.example.com", Path: "/chat/room", Origin: "https://evil.example"}
	if diff := cmp.Diff(want, s.attempt); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryRefusalHasAnAnswerThatTellsNoDetail(t *testing.T) {
	t.Parallel()
	for _, r := range outcome.Refusals() {
		refusal := outcome.Refuse(r, "inner-detail")
		answer := handshake.Refuse(refusal, 0.5)
		if refusal.Answer().Status == 0 {
			if answer != nil {
				t.Errorf("%s: an answer to nobody: %q", r, answer)
			}
			continue
		}
		response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(answer))), nil)
		if err != nil {
			t.Fatalf("%s: %v in %q", r, err, answer)
		}
		_ = response.Body.Close()
		if response.StatusCode != refusal.Answer().Status || !response.Close || strings.Contains(string(answer), "inner-detail") {
			t.Errorf("%s: %q", r, answer)
		}
		if (response.Header.Get("Retry-After") != "") != refusal.Answer().RetryAfter || (response.Header.Get("WWW-Authenticate") != "") != refusal.Answer().Challenge {
			t.Errorf("%s: header %v", r, slices.Sorted(maps.Keys(response.Header)))
		}
	}
}

// RFC 9110 section 11.6.1 allows a field for each challenge.
func TestAnAnswerShowsEachChallenge(t *testing.T) {
	t.Parallel()
	refusal := outcome.Refuse(outcome.BadCredential, "")
	refusal.Challenges = []string{"Bearer", `Basic realm="websocket"`}
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(handshake.Refuse(refusal, 0)))), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if diff := cmp.Diff(refusal.Challenges, response.Header.Values("WWW-Authenticate")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzUpgrade(f *testing.F) {
	f.Add("Upgrade", "websocket", "13", "dGhlIHNhbXBsZSBub25jZQ==", "a, b")
	f.Add("keep-alive, upgrade", "WebSocket", "13", "", "bearer,x")
	f.Fuzz(func(t *testing.T, connection, upgrade, version, key, subprotocols string) {
		s := newScene()
		request := &http.Request{Method: http.MethodGet, Host: "ws.example.com", RequestURI: "/chat", Header: http.Header{
			"Connection": {connection}, "Upgrade": {upgrade}, "Sec-Websocket-Version": {version},
			"Sec-Websocket-Key": {key}, "Sec-Websocket-Protocol": {subprotocols},
		}}
		door := &handshake.Door{
			Upstreams: &s.backend, Draining: func() bool { return false }, Seat: s.seat, Now: time.Now, Took: func(metrics.Phase, time.Duration) {},
			AuthenticateTimeout: time.Minute, UpstreamTimeout: time.Minute,
		}
		rules := &handshake.Rules{Routes: match.NewRoutes([]contract.Route{s.route}), Policies: map[string]handshake.Policy{
			"users": {Policy: &contract.Policy{Name: "users"}, Authenticator: anyone{}},
		}}
		a, err := door.Admit(t.Context(), rules, &handshake.Caller{
			Request: request, Listener: "public", ServedBy: func(string) (string, bool) { return "public", true },
		}, &audit.Attempt{})
		if err != nil {
			if reason(err) == "" {
				t.Fatalf("%v is no refusal", err)
			}
			return
		}
		defer a.Upstream.Release()
		response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(a.Answer))), nil)
		if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("answer %q: %v", a.Answer, err)
		}
		_ = response.Body.Close()
		for _, one := range s.backend.asked[0].Subprotocols {
			if one == "" || strings.ContainsAny(one, ", \t\r\n") {
				t.Fatalf("offered on: %q", one)
			}
		}
	})
}

// anyone admits everybody and strips nothing.
type anyone struct{}

func (anyone) Authenticate(context.Context, *authn.Request) (authn.Identity, error) {
	return authn.Identity{}, nil
}

func (anyone) Strip(header http.Header, subprotocols []string) (http.Header, []string) {
	return header, subprotocols
}
func (anyone) StripTarget(target string) string           { return target }
func (anyone) Challenges() []string                       { return nil }
func (anyone) SubprotocolAnswer([]string) string          { return "" }
func (anyone) IdentityHeaders(authn.Identity) http.Header { return nil }
func (anyone) Reconsider(*authn.Proof) error              { return nil }

func (anyone) As(identity authn.Identity) authn.Identity { return identity }
