// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/authn/external"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// servers answers for all authorization servers.
type servers func(backend string, q *external.Question) (external.Answer, error)

// Check implements authn.Authorizers.
func (s servers) Check(ctx context.Context, backend string, q *external.Question) (external.Answer, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		return external.Answer{}, outcome.Refuse(outcome.InternalError, "a question without an end")
	}
	return s(backend, q)
}

// Trouble implements authn.Authorizers.
func (s servers) Trouble(use external.Use) *external.Trouble {
	if use != (external.Use{Policy: "users", Backend: "away:9000"}) {
		return nil
	}
	return &external.Trouble{Why: "authorization server away:9000 has no address", Answered: true}
}

// Answered implements authn.Authorizers.
func (s servers) Answered(use external.Use) bool {
	return use == external.Use{Policy: "users", Backend: "authz:9000"}
}

// ticketOffice admits at "authz:9000" whoever shows a ticket, and nobody at
// another server.
func ticketOffice(backend string, q *external.Question) (external.Answer, error) {
	if backend != "authz:9000" || q.Header.Get("X-Ticket") == "" {
		return external.Answer{}, outcome.Refuse(outcome.BadCredential, "no ticket")
	}
	return external.Answer{
		Subject: "ann", Session: "handle", ExpiresAt: noon.Add(time.Hour), Claims: map[string]any{"sub": "ann", "org": "acme"},
	}, nil
}

func askedPolicy(t *testing.T, c contract.Policy, ask servers) *authn.Policy {
	t.Helper()
	sets := authn.NewKeySets(authn.KeySetOptions{Now: newClock().Now, Logger: slog.New(slog.DiscardHandler), Authorizers: ask})
	t.Cleanup(sets.Close)
	c.Name = "users"
	policy, problems := authn.NewPolicy(&c, nil, secrets{"devices": {"device-1": deviceKey}}, sets)
	if len(problems) > 0 {
		t.Fatalf("NewPolicy() problems = %+v, want none", problems)
	}
	return policy
}

func externalOf(backend string, every time.Duration) contract.Method {
	return contract.Method{External: &contract.External{Backend: backend, Service: "authz", RevalidateEvery: contract.Duration(every)}}
}

func ticket() *authn.Request {
	return &authn.Request{
		Header: http.Header{"X-Ticket": {"t"}}, Listener: "public", Route: "chat", ServerName: "sni.example.com", Host: "ws.example.com",
		Path: "/chat", Target: "/chat?a=b", Query: "a=b", Client: netip.MustParseAddr("192.0.2.7"),
		Certificate: &x509.Certificate{Subject: pkix.Name{CommonName: "device-1"}},
	}
}

func TestTheAnswerOfAnAuthorizationServerIsTheIdentity(t *testing.T) {
	t.Parallel()
	var asked external.Question
	policy := askedPolicy(t, methods(externalOf("authz:9000", 0)), func(backend string, q *external.Question) (external.Answer, error) {
		asked = *q
		return ticketOffice(backend, q)
	})
	identity, err := policy.Authenticate(t.Context(), ticket())
	if err != nil {
		t.Fatal(err)
	}
	identity.Proof = nil
	want := authn.Identity{
		Policy: "users", Method: authn.MethodExternal, Issuer: "authz", Subject: "ann", ExpiresAt: noon.Add(time.Hour),
		Claims: map[string]any{"sub": "ann", "org": "acme"},
	}
	if diff := cmp.Diff(want, identity); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	r := ticket()
	question := external.Question{
		Policy: "users", Listener: "public", Route: "chat", ServerName: "sni.example.com", Host: "ws.example.com",
		Target: "/chat?a=b", Client: r.Client, Header: r.Header, Principal: "CN=device-1",
	}
	if diff := cmp.Diff(question, asked, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("question (-want +got):\n%s", diff)
	}
}

func TestAPolicyTellsThatItsServerDoesNotAnswer(t *testing.T) {
	t.Parallel()
	if problems := askedPolicy(t, methods(externalOf("authz:9000", 0)), ticketOffice).Problems(); len(problems) > 0 {
		t.Errorf("a server that answers: %+v", problems)
	}
	problems := askedPolicy(t, methods(externalOf("away:9000", 0)), ticketOffice).Problems()
	if len(problems) != 1 || problems[0].Policy != "users" || problems[0].Reason != contract.ProblemAuthorizationServerUnavailable ||
		!problems[0].Serving || !strings.HasPrefix(problems[0].Message, "authorization server away:9000 has no address: ") {
		t.Errorf("a server that does not: %+v", problems)
	}
}

func TestAPolicyTellsWhetherTheServerThatItAsksHasAnswered(t *testing.T) {
	t.Parallel()
	for backend, want := range map[string]bool{"authz:9000": true, "away:9000": false} {
		if got := askedPolicy(t, methods(externalOf(backend, 0)), ticketOffice).Answered(); got != want {
			t.Errorf("%s: answered is %t", backend, got)
		}
	}
	if askedPolicy(t, methods(contract.Method{Anonymous: &contract.Anonymous{}}), ticketOffice).Answered() {
		t.Error("a policy that asks nobody was answered")
	}
}

func TestAnAuthorizationServerHasTheLastWordAndOnlyThat(t *testing.T) {
	t.Parallel()
	asked := 0
	policy := askedPolicy(t, methods(apiKeys(nil), externalOf("authz:9000", 0)), func(backend string, q *external.Question) (external.Answer, error) {
		asked++
		return ticketOffice(backend, q)
	})
	for name, tt := range map[string]struct {
		header http.Header
		asked  int
		want   outcome.Reason
	}{
		"a good key":          {http.Header{"X-Api-Key": {deviceKey}}, 0, ""},
		"a bad key":           {http.Header{"X-Api-Key": {otherDeviceKey}}, 0, outcome.BadCredential},
		"a bad key, a ticket": {http.Header{"X-Api-Key": {otherDeviceKey}, "X-Ticket": {"t"}}, 0, outcome.BadCredential},
		"a ticket":            {http.Header{"X-Ticket": {"t"}}, 1, ""},
		"nothing":             {http.Header{}, 1, outcome.BadCredential},
	} {
		asked = 0
		_, err := policy.Authenticate(t.Context(), &authn.Request{Header: tt.header})
		if got := reason(t, err); got != tt.want || asked != tt.asked {
			t.Errorf("%s: %q, asked %d times; want %q and %d", name, got, asked, tt.want, tt.asked)
		}
	}
}

func TestNothingThatAServerMayTakeForACredentialReachesTheBackend(t *testing.T) {
	t.Parallel()
	policy := askedPolicy(t, methods(externalOf("authz:9000", 0)), ticketOffice)
	header, subprotocols := policy.Strip(http.Header{
		"Authorization": {"Basic x"}, "Cookie": {"session=1; theme=dark"}, "Accept-Language": {"de"},
	}, []string{"bearer", "token", "base64url.bearer.authorization.k8s.io.dG9rZW4", "chat"})
	if diff := cmp.Diff(http.Header{"Accept-Language": {"de"}}, header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"chat"}, subprotocols); diff != "" {
		t.Errorf("subprotocols (-want +got):\n%s", diff)
	}
}

func TestWithoutServersToAskNobodyIsAdmitted(t *testing.T) {
	t.Parallel()
	policy := policyOf(t, methods(externalOf("authz:9000", 0)), nil)
	if _, err := policy.Authenticate(t.Context(), ticket()); reason(t, err) != outcome.AuthUnavailable {
		t.Errorf("Authenticate() = %v", err)
	}
}

// As for the other methods: whoever was let in by one policy is judged by another
// as the same request would be.
func TestWhomAServerHasAdmittedIsJudgedAsTheSameRequestWouldBe(t *testing.T) {
	t.Parallel()
	anonymous := contract.Method{Anonymous: &contract.Anonymous{}}
	policies := map[string]*authn.Policy{}
	for name, c := range map[string]contract.Policy{
		"asked":            methods(externalOf("authz:9000", 0)),
		"asked again":      methods(externalOf("authz:9000", time.Minute)),
		"asked elsewhere":  methods(externalOf("other:9000", 0)),
		"keys":             methods(apiKeys(nil)),
		"keys or nobody":   methods(apiKeys(nil), anonymous),
		"keys or asked":    methods(apiKeys(nil), externalOf("authz:9000", 0)),
		"keys as a ticket": methods(apiKeys(func(m *contract.APIKey) { m.From = []contract.Source{{Header: "X-Other"}} }), externalOf("authz:9000", 0)),
		"anonymous":        methods(anonymous),
	} {
		policies[name] = askedPolicy(t, c, ticketOffice)
	}
	requests := map[string]*authn.Request{
		"a ticket": ticket(), "a key": {Header: http.Header{"X-Api-Key": {deviceKey}}}, "nothing": {Header: http.Header{}},
	}
	kept, refused := 0, 0
	for before, old := range policies {
		for shown, request := range requests {
			identity, err := old.Authenticate(t.Context(), request)
			if err != nil || (identity.Proof == nil && shown != "nothing") {
				continue
			}
			for after, policy := range policies {
				_, want := policy.Authenticate(t.Context(), request)
				got := policy.Reconsider(identity.Proof)
				if (got == nil) != (want == nil) {
					t.Errorf("%s, admitted by %q, under %q: %v, but a handshake gets %v", shown, before, after, got, want)
				}
				if got == nil {
					kept++
				} else {
					refused++
				}
			}
		}
	}
	if kept < 20 || refused < 20 {
		t.Errorf("%d kept and %d refused: the test proves little", kept, refused)
	}
}

func TestARevalidationAsksByTheSessionAlone(t *testing.T) {
	t.Parallel()
	var asked external.Question
	answer, refusal := external.Answer{ExpiresAt: noon.Add(2 * time.Hour)}, error(nil)
	policy := askedPolicy(t, methods(externalOf("authz:9000", time.Minute)), func(backend string, q *external.Question) (external.Answer, error) {
		if q.Open == nil {
			return ticketOffice(backend, q)
		}
		asked = *q
		return answer, refusal
	})
	identity, err := policy.Authenticate(t.Context(), ticket())
	if err != nil {
		t.Fatal(err)
	}
	if every, known := policy.RevalidateEvery(identity.Proof); every != time.Minute || !known {
		t.Errorf("RevalidateEvery() = %v, %v", every, known)
	}
	again := func() (time.Time, outcome.Reason) {
		expiresAt, err := policy.Revalidate(t.Context(), &authn.Request{Host: "ws.example.com", Target: "/chat"}, &identity, "c-1")
		return expiresAt, reason(t, err)
	}
	if expiresAt, why := again(); why != "" || !expiresAt.Equal(answer.ExpiresAt) {
		t.Errorf("Revalidate() = %v, %q", expiresAt, why)
	}
	want := external.Question{
		Policy: "users", Host: "ws.example.com", Target: "/chat", Open: &external.Open{Connection: "c-1", Session: "handle", Subject: "ann"},
	}
	if diff := cmp.Diff(want, asked, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("question (-want +got):\n%s", diff)
	}
	answer.Subject = "bob"
	if _, why := again(); why != outcome.BadCredential {
		t.Errorf("the session of somebody else: %q", why)
	}
	refusal = outcome.Refuse(outcome.AccessDenied, "")
	if _, why := again(); why != outcome.AccessDenied {
		t.Errorf("denied: %q", why)
	}
	for name, c := range map[string]contract.Policy{
		"another server": methods(externalOf("other:9000", time.Minute)), "never": methods(externalOf("authz:9000", 0)), "keys": methods(apiKeys(nil)),
	} {
		other := askedPolicy(t, c, ticketOffice)
		if every, known := other.RevalidateEvery(identity.Proof); every != 0 || !known {
			t.Errorf("%s: RevalidateEvery() = %v, %v", name, every, known)
		}
		if _, err := other.Revalidate(t.Context(), &authn.Request{}, &identity, "c-1"); reason(t, err) != outcome.AuthUnavailable {
			t.Errorf("%s: Revalidate() = %v", name, err)
		}
	}
	faulty, _ := authn.NewPolicy(&contract.Policy{Name: "users", Fault: contract.FaultPolicyInvalid}, nil, nil, keySets(t))
	if _, known := faulty.RevalidateEvery(identity.Proof); known {
		t.Error("a policy with a fault knows how often to ask")
	}
}

func TestWhatAServerHasSaidLastCounts(t *testing.T) {
	t.Parallel()
	identity, err := askedPolicy(t, methods(externalOf("authz:9000", time.Minute)), ticketOffice).Authenticate(t.Context(), ticket())
	if err != nil {
		t.Fatal(err)
	}
	denied := identity.Proof.Answered(outcome.Refuse(outcome.AccessDenied, "withdrawn"))
	for name, tt := range map[string]struct {
		methods []contract.Method
		proof   *authn.Proof
		denied  bool
		wants   outcome.Reason
	}{
		"no":                            {[]contract.Method{externalOf("authz:9000", time.Minute)}, denied, true, outcome.AccessDenied},
		"no, and it is not asked again": {[]contract.Method{externalOf("authz:9000", 0)}, denied, true, outcome.AccessDenied},
		"no, and yes after that":        {[]contract.Method{externalOf("authz:9000", 0)}, denied.Answered(nil), false, ""},
		"yes":                           {[]contract.Method{externalOf("authz:9000", 0)}, identity.Proof, false, ""},
		"no, and another one is asked":  {[]contract.Method{externalOf("other:9000", 0)}, denied, false, outcome.BadCredential},
		"no, and nobody is asked":       {[]contract.Method{{Anonymous: &contract.Anonymous{}}}, denied, false, ""},
		"nothing, of nobody":            {[]contract.Method{externalOf("authz:9000", 0)}, nil, false, outcome.NoCredential},
	} {
		policy := askedPolicy(t, methods(tt.methods...), ticketOffice)
		if got := policy.Denied(tt.proof); (got != nil) != tt.denied {
			t.Errorf("%s: Denied() = %v", name, got)
		}
		if got := reason(t, policy.Reconsider(tt.proof)); got != tt.wants {
			t.Errorf("%s: Reconsider() = %q, want %q", name, got, tt.wants)
		}
	}
}
