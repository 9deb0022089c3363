// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/authn/external"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// ahead is a clock that can be put forward.
type ahead struct{ by atomic.Int64 }

func (a *ahead) now() time.Time { return time.Now().Add(time.Duration(a.by.Load())) }

func (a *ahead) put(d time.Duration) { a.by.Add(int64(d)) }

// knock tries to come in, and wants this status.
func (g *guardedGateway) knock(t *testing.T, want int) {
	t.Helper()
	if response, _ := g.ask(t, "ws.example.com", request("Authorization: Bearer "+marked+"-ann")); response.StatusCode != want {
		t.Errorf("status %d, want %d", response.StatusCode, want)
	}
}

func TestAServerThatDoesNotAnswerIsReportedUntilItDoes(t *testing.T) {
	t.Parallel()
	clock := &ahead{}
	g := startGuardedWith(t, doorkeeper(t), guarded(0), func(o *gateway.Options) { o.Now = clock.now })
	g.server.Stop()
	for range 2 {
		g.knock(t, http.StatusServiceUnavailable)
		if problems := g.report(t).Problems; len(problems) > 0 {
			t.Errorf("reported too early: %+v", problems)
		}
		clock.put(20 * time.Second)
	}
	g.knock(t, http.StatusServiceUnavailable)
	first := g.report(t).Problems
	if len(first) != 1 || first[0].Policy != "asked" || first[0].Reason != contract.ProblemAuthorizationServerUnavailable || first[0].Serving {
		t.Fatalf("problems: %+v", first)
	}
	for _, part := range []string{"authz:9000", "connection refused", "see whether it runs"} {
		if !strings.Contains(first[0].Message, part) {
			t.Errorf("message %q has no %q", first[0].Message, part)
		}
	}
	// Another snapshot has other policies, and the same servers.
	config := guarded(0)
	config.Policies[0].Origins.Allow = append(config.Policies[0].Origins.Allow, "https://b.example.com")
	g.put(t, config)
	clock.put(20 * time.Second)
	g.knock(t, http.StatusServiceUnavailable)
	if diff := cmp.Diff(first, g.report(t).Problems); diff != "" {
		t.Errorf("the report has changed (-before +after):\n%s", diff)
	}
	if answered := g.report(t).Answered; len(answered) > 0 {
		t.Errorf("reported as answered: %v", answered)
	}
	g.unmarked(t)

	g.server.Start(t)
	until(t, func() string {
		if conn, status, _ := g.try(t, http.Header{"Authorization": {"Bearer " + marked + "-ann"}}); conn == nil {
			return fmt.Sprintf("status %d", status)
		}
		return ""
	})
	if problems := g.report(t).Problems; len(problems) > 0 {
		t.Errorf("after an answer: %+v", problems)
	}
	if diff := cmp.Diff([]string{"asked"}, g.report(t).Answered); diff != "" {
		t.Errorf("policies that were answered (-want +got):\n%s", diff)
	}
	config.Policies[0].Methods[0].External.Backend = "other:9000"
	g.put(t, config)
	if answered := g.report(t).Answered; len(answered) > 0 {
		t.Errorf("answered by a server that nobody has asked: %v", answered)
	}
}

// Whatever is admitted is remembered: else a change of anything would throw out
// whoever has many claims.
func TestWhoIsAdmittedWithManyClaimsSurvivesAReview(t *testing.T) {
	t.Parallel()
	config := guarded(0)
	config.Policies[0].Authorization = &contract.Authorization{Rules: []contract.Rule{{
		Name: "members", Action: contract.ActionAllow, When: "'last' in identity.claims.groups",
	}}}
	groups := func(bytes int) map[string]any {
		return map[string]any{"sub": "ann", "groups": []any{strings.Repeat("g", bytes-len(`{"groups":["","last"],"sub":"ann"}`)), "last"}}
	}
	g := startGuarded(t, wstest.Always(wstest.Admit(t, groups(external.MaxClaims))), config)
	ann := g.enter(t, "ann")
	config.Policies[0].Origins.Allow = append(config.Policies[0].Origins.Allow, "https://b.example.com")
	g.put(t, config)
	time.Sleep(300 * time.Millisecond)
	if err := echoOnce(ann); err != nil {
		t.Errorf("after a change of something else: %v", err)
	}
	g.server.Judge(wstest.Always(wstest.Admit(t, groups(external.MaxClaims+1))))
	g.knock(t, http.StatusServiceUnavailable)
	g.end(t) // the last records are written now
	if denied := g.audit.records(t, "denied"); len(denied) != 1 || denied[0].Reason != outcome.AuthUnavailable ||
		!strings.Contains(denied[0].Message, "more than 6144 bytes of claims") {
		t.Errorf("refusals: %v", denied)
	}
}
