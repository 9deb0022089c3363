// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"context"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn/external"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// trial asks a server, at times of its own.
type trial struct {
	server  *wstest.Authorizer
	clients *external.Clients
	now     time.Time
}

func newTrial(t *testing.T) *trial {
	t.Helper()
	tr := &trial{server: wstest.Authorize(t, nil), now: time.Unix(1_800_000_000, 0)}
	tr.clients = clientsAt(t, func() time.Time { return tr.now }, &log{}, tr.server.Address)
	return tr
}

func failing(code codes.Code) wstest.Judgement {
	return func(_ context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
		return nil, status.Error(code, r.GetAttributes().GetRequest().GetHttp().GetHeaders()["authorization"])
	}
}

// ask puts a question after some time.
func (tr *trial) ask(t *testing.T, after time.Duration, judge wstest.Judgement) {
	t.Helper()
	tr.now = tr.now.Add(after)
	tr.server.Judge(judge)
	check(t, tr.clients, 10*time.Second)
}

var users = external.Use{Policy: "users", Backend: "authz:9000"}

// in fails unless the server is in trouble for a reason, or in none if that is
// empty.
func (tr *trial) in(t *testing.T, when, why string, answered bool) {
	t.Helper()
	trouble := tr.clients.Trouble(users)
	switch {
	case why == "" && trouble != nil:
		t.Errorf("%s: %+v, want no trouble", when, *trouble)
	case why == "":
	case trouble == nil:
		t.Errorf("%s: no trouble, want %q", when, why)
	case !strings.Contains(trouble.Why, why) || !strings.Contains(trouble.Why, "authz:9000") || trouble.Answered != answered:
		t.Errorf("%s: %+v, want %q, answered %v", when, *trouble, why, answered)
	case strings.Contains(trouble.Why, planted):
		t.Errorf("%s: the credential is in %q", when, trouble.Why)
	}
}

func TestAServerIsInTroubleOnceItHasNotAnsweredForSomeTime(t *testing.T) {
	t.Parallel()
	tr := newTrial(t)
	tr.in(t, "before it is asked", "", false)
	tr.ask(t, 0, failing(codes.Internal))
	tr.ask(t, 40*time.Second, failing(codes.Internal))
	tr.in(t, "two failures far apart", "", false)
	tr.ask(t, 0, failing(codes.Internal))
	tr.in(t, "three failures", "Internal", false)

	for name, answer := range map[string]wstest.Judgement{
		"a yes": wstest.Always(wstest.Admit(t, nil)), "403": wstest.Always(wstest.Deny(403)), "401": wstest.Always(wstest.Deny(401)),
	} {
		tr.ask(t, time.Second, answer)
		tr.in(t, name, "", false)
		for range 10 {
			tr.ask(t, time.Second, failing(codes.Internal))
		}
		tr.in(t, "ten failures in ten seconds after "+name, "", false)
		tr.ask(t, 30*time.Second, wstest.Always(wstest.Deny(500)))
		tr.in(t, "and one half a minute later", "Internal", true)
	}
}

func TestTheReasonOfATroubleStandsStill(t *testing.T) {
	t.Parallel()
	tr := newTrial(t)
	for range 4 {
		tr.ask(t, 20*time.Second, failing(codes.Internal))
	}
	for range 20 {
		tr.ask(t, 20*time.Second, wstest.Always(wstest.Deny(500)))
		tr.ask(t, 20*time.Second, failing(codes.Internal))
		tr.in(t, "two reasons in turn", "Internal", false)
	}
	for range 4 {
		tr.ask(t, 20*time.Second, wstest.Always(wstest.Deny(500)))
	}
	tr.in(t, "another reason for a minute", "500", false)
}

func TestATroubleThatNobodyHearsOfAnyMoreIsForgotten(t *testing.T) {
	t.Parallel()
	tr := newTrial(t)
	fail := func() {
		for range 3 {
			tr.ask(t, 20*time.Second, failing(codes.Internal))
		}
	}
	fail()
	if tr.clients.Trouble(external.Use{Policy: "others", Backend: "authz:9000"}) != nil {
		t.Error("another policy, which has not asked, is in trouble")
	}
	tr.now = tr.now.Add(14 * time.Minute)
	tr.in(t, "after a while", "Internal", false)
	tr.now = tr.now.Add(2 * time.Minute)
	tr.in(t, "after a quarter of an hour", "", false)
	tr.ask(t, 0, failing(codes.Internal))
	tr.in(t, "and one more failure", "", false)
	fail()
	tr.clients.Keep(users)
	tr.in(t, "the policy is kept", "Internal", false)
	tr.clients.Keep(external.Use{Policy: "others", Backend: "authz:9000"})
	tr.in(t, "the policy has gone", "", false)
}

func TestThatWeDidNotWaitIsNoTroubleOfTheServer(t *testing.T) {
	t.Parallel()
	tr := newTrial(t)
	tr.server.Judge(failing(codes.Internal))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for range 5 {
		if _, err := tr.clients.Check(cancelled, "authz:9000", question()); err == nil {
			t.Fatal("admitted")
		}
		tr.now = tr.now.Add(20 * time.Second)
	}
	tr.in(t, "five questions that were called off", "", false)
}

func TestAnAnswerWithoutASessionIsNoneWhereItIsToLast(t *testing.T) {
	t.Parallel()
	tr := newTrial(t)
	tr.server.Judge(wstest.Always(wstest.Admit(t, map[string]any{"sub": "ann"})))
	q := question()
	q.Lasting = true
	for range 3 {
		if _, err := tr.clients.Check(t.Context(), "authz:9000", q); err == nil || !strings.Contains(err.Error(), "revalidateEvery") {
			t.Errorf("Check() = %v", err)
		}
		tr.now = tr.now.Add(20 * time.Second)
	}
	tr.in(t, "three of them", "revalidateEvery", false)
	tr.server.Judge(wstest.Always(wstest.Admit(t, map[string]any{"session": "s"})))
	if _, err := tr.clients.Check(t.Context(), "authz:9000", q); err != nil {
		t.Errorf("with a session: %v", err)
	}
}
