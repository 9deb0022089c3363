// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
	"github.com/wsgateway/websocket-gateway-operator/gateway/explanation"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// me is whoever asks.
func me() control.Asker { return control.Asker{ClaimedBy: "ann@example.com", Note: "ticket 4711"} }

// order sends a question to the control port and reads its answer.
func order[A any](t *testing.T, r *running, path string, question any) (A, int, string) {
	t.Helper()
	document, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	var answer A
	status, _, body := fetch(t, "http://"+r.addresses[gateway.ControlName]+path, func(q *http.Request) {
		q.Method, q.Body, q.ContentLength = http.MethodPost, io.NopCloser(bytes.NewReader(document)), int64(len(document))
		q.Header.Set("Content-Type", "application/json")
		q.Header.Set(control.Header, control.HeaderValue)
	})
	if status == http.StatusOK {
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
	}
	return answer, status, body
}

func answered[A any](t *testing.T, r *running, target string) A {
	t.Helper()
	var answer A
	status, _, body := fetch(t, "http://"+r.addresses[gateway.ControlName]+target, nil)
	if err := json.Unmarshal([]byte(body), &answer); status != http.StatusOK || err != nil {
		t.Fatalf("%s: status %d, %v: %s", target, status, err, body)
	}
	return answer
}

func (r *running) listed(t *testing.T, l control.Listing) control.Connections {
	t.Helper()
	return answered[control.Connections](t, r, control.PathConnections+"?"+l.Query().Encode())
}

// openAs opens connections with headers, one after the other: a client has its
// answer before its connection is listed, and the next could be listed first.
func (r *running) openAs(t *testing.T, headers ...http.Header) []*websocket.Conn {
	t.Helper()
	before := r.listed(t, control.Listing{}).Open
	var open []*websocket.Conn
	for _, header := range headers {
		dialer := r.dialer("public")
		dialer.Header = header
		open = append(open, dialer.MustDial(t, chatURL+"/room?secret=1"))
		until(t, func() string {
			if now := r.listed(t, control.Listing{}).Open; now != before+len(open) {
				return fmt.Sprintf("%d are open", now)
			}
			return ""
		})
	}
	return open
}

func ids(c control.Connections) []string {
	var list []string
	for i := range c.Connections {
		list = append(list, c.Connections[i].ID)
	}
	return list
}

func TestConnectionsAreListedInPagesOrdersAndByFilters(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r, _, _ := startUsers(t, i)
	ann, device := http.Header{"Authorization": {"Bearer " + i.token(t, time.Hour)}}, http.Header{"X-Api-Key": {aKey}}
	open := r.openAs(t, ann, device, ann, device, ann)
	for range 3 {
		if err := echoOnce(open[1]); err != nil {
			t.Fatal(err)
		}
	}
	until(t, func() string {
		if got := r.listed(t, control.Listing{Sort: control.SortMessages, Limit: 1}).Connections[0]; got.Messages() != 6 {
			return fmt.Sprintf("%d messages are counted", got.Messages())
		}
		return ""
	})
	all := r.listed(t, control.Listing{})
	if all.Matched != 5 || len(all.Connections) != 5 || all.Next != "" || all.Pod != "edge-0" || all.BootID != r.report(t).BootID || all.Time.IsZero() {
		t.Fatalf("listed: %+v", all)
	}
	first := all.Connections[0]
	if first.Subject != "ann" || first.Issuer != "https://id.example.com" || first.Policy != "users" || first.Path != "/chat/room" || first.ActiveAt.Before(first.OpenedAt) {
		t.Errorf("the oldest: %+v", first)
	}
	var pages []string
	for next, n := "", 0; n == 0 || next != ""; n++ {
		page := r.listed(t, control.Listing{Limit: 2, After: next})
		if page.Open != 5 || page.Matched != 5 || len(page.Connections) > 2 {
			t.Fatalf("page %d: %+v", n, page)
		}
		pages, next = append(pages, ids(page)...), page.Next
	}
	if !slices.Equal(pages, ids(all)) {
		t.Errorf("in pages %v, at once %v", pages, ids(all))
	}
	newest := ids(r.listed(t, control.Listing{Sort: control.SortNewest}))
	slices.Reverse(newest)
	if !slices.Equal(newest, ids(all)) {
		t.Errorf("the newest first, reversed: %v, want %v", newest, ids(all))
	}
	for name, tt := range map[string]struct {
		listing control.Listing
		want    int
	}{
		"a name":        {control.Listing{Selector: control.Selector{Subject: "ann"}}, 3},
		"an API key":    {control.Listing{Selector: control.Selector{Issuer: "keys", Subject: "device-1"}}, 2},
		"a route":       {control.Listing{Selector: control.Selector{Route: "chat", Listener: "public", Policy: "users"}}, 5},
		"another route": {control.Listing{Selector: control.Selector{Route: "other"}}, 0},
		"a network":     {control.Listing{Selector: control.Selector{Client: "127.0.0.0/8"}}, 5},
		"two ids":       {control.Listing{Selector: control.Selector{IDs: []string{all.Connections[0].ID, all.Connections[4].ID, "gone"}}}, 2},
		"old ones":      {control.Listing{Selector: control.Selector{OlderThan: contract.Duration(time.Hour)}}, 0},
		"quiet ones":    {control.Listing{Selector: control.Selector{IdleFor: contract.Duration(time.Hour)}}, 0},
	} {
		if got := r.listed(t, tt.listing); got.Matched != tt.want || len(got.Connections) != tt.want || got.Open != 5 {
			t.Errorf("%s: %d of %d", name, got.Matched, got.Open)
		}
	}
}

func TestAConnectionIsQuietFromItsLastMessageOn(t *testing.T) {
	t.Parallel()
	r, _ := startBase(t, func(c *contract.Config) {
		c.Audit = &contract.Audit{ProgressInterval: new(contract.Duration(40 * time.Millisecond))} // looks at traffic every 10 ms
	})
	conn := r.openAs(t, nil)[0]
	if got := r.listed(t, control.Listing{}).Connections[0]; !got.ActiveAt.Equal(got.OpenedAt) {
		t.Errorf("before any message: active at %v, opened at %v", got.ActiveAt, got.OpenedAt)
	}
	sent := time.Now()
	if err := echoOnce(conn); err != nil {
		t.Fatal(err)
	}
	until(t, func() string {
		if got := r.listed(t, control.Listing{}).Connections[0]; got.ActiveAt.Before(sent) || got.BytesPerSecond != 0 {
			return fmt.Sprintf("active at %v with %d B/s", got.ActiveAt, got.BytesPerSecond)
		}
		return ""
	})
}

func TestAnAdministratorClosesWhatTheyCountedAndNoMore(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r, _, _ := startUsers(t, i)
	ann, device := http.Header{"Authorization": {"Bearer " + i.token(t, time.Hour)}}, http.Header{"X-Api-Key": {aKey}}
	open := r.openAs(t, ann, ann, device)
	chosen := control.Selector{Policy: "users", Issuer: "https://id.example.com", Subject: "ann"}

	counted, status, body := order[control.CloseAnswer](t, r, control.PathClose, control.CloseRequest{Selector: chosen, DryRun: true})
	if status != http.StatusOK || counted.Matched != 2 || !counted.DryRun || counted.Routes["chat"] != 2 || counted.Pod != "edge-0" {
		t.Fatalf("counted: %d %s", status, body)
	}
	if _, status, body := order[control.CloseAnswer](t, r, control.PathClose, control.CloseRequest{Asker: me(), Selector: chosen, AtMost: 1}); status != http.StatusConflict {
		t.Errorf("more than were expected: %d %s", status, body)
	}
	for _, conn := range open {
		if err := echoOnce(conn); err != nil {
			t.Fatalf("somebody was closed: %v", err)
		}
	}
	if got := r.audit.records(t, audit.EventAdministered); len(got) != 0 {
		t.Errorf("nothing was done, and yet: %v", got)
	}
	closed, status, body := order[control.CloseAnswer](t, r, control.PathClose, control.CloseRequest{Asker: me(), Selector: chosen, AtMost: 2})
	if status != http.StatusOK || closed.Matched != 2 || closed.DryRun {
		t.Fatalf("closed: %d %s", status, body)
	}
	ended(t, open[0], websocket.CloseGoingAway)
	ended(t, open[1], websocket.CloseGoingAway)
	if err := echoOnce(open[2]); err != nil {
		t.Errorf("somebody else was closed: %v", err)
	}
	// Nobody is kept out.
	r.openAs(t, ann)
	r.end(t)
	orders := r.audit.records(t, audit.EventAdministered)
	if len(orders) != 1 || orders[0].ClaimedBy != "ann@example.com" || orders[0].Note != "ticket 4711" || orders[0].Action != audit.ActionClose ||
		orders[0].Concerned != 2 || orders[0].Selection != "issuer=https://id.example.com policy=users subject=ann" {
		t.Errorf("records of orders: %v", orders)
	}
	reasons := map[outcome.Reason]int{}
	for _, record := range r.audit.records(t, audit.EventClosed) {
		reasons[record.Reason]++
		if record.Reason == outcome.ByAdministrator && record.Message != "claimed by ann@example.com" {
			t.Errorf("message %q", record.Message)
		}
	}
	if reasons[outcome.ByAdministrator] != 2 {
		t.Errorf("reasons %v", reasons)
	}
}

func (r *running) drain(t *testing.T, q control.DrainRequest) (control.Drain, int) {
	t.Helper()
	q.Asker = me()
	answer, status, _ := order[control.Drain](t, r, control.PathDrain, q)
	return answer, status
}

func (r *running) drained(t *testing.T, want control.DrainState) {
	t.Helper()
	until(t, func() string {
		if got := answered[control.State](t, r, control.PathState).Drain; got.State != want {
			return fmt.Sprintf("drain: %+v", got)
		}
		return ""
	})
}

func TestAPodIsDrainedWithoutAnEndAndComesBack(t *testing.T) {
	t.Parallel()
	r := startDraining(t, -1, time.Second)
	open := r.openAs(t, nil, nil, nil)
	if told, status := r.drain(t, control.DrainRequest{Undo: true}); status != http.StatusOK || told.State != control.DrainNone {
		t.Errorf("nothing to take back: %d %+v", status, told)
	}
	begun, status := r.drain(t, control.DrainRequest{Window: contract.Duration(300 * time.Millisecond)})
	if status != http.StatusOK || begun.State == control.DrainNone || begun.ClaimedBy != "ann@example.com" || begun.Since == nil || time.Duration(begun.Window) != 300*time.Millisecond {
		t.Fatalf("begun: %d %+v", status, begun)
	}
	for _, conn := range open {
		ended(t, conn, websocket.CloseServiceRestart)
	}
	r.drained(t, control.DrainDone)
	if again, status := r.drain(t, control.DrainRequest{Window: contract.Duration(time.Minute)}); status != http.StatusOK || again.State != control.DrainDone || !again.Since.Equal(*begun.Since) {
		t.Errorf("asked again: %d %+v", status, again)
	}
	if status, _, body := r.get(t, "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "administrator") {
		t.Errorf("ready: %d %s", status, body)
	}
	if status, _, _ := r.get(t, "/healthz"); status != http.StatusOK {
		t.Errorf("healthy: %d", status)
	}
	if report := r.report(t); report.Ready || !report.Draining {
		t.Errorf("report: %+v", report)
	}
	if _, status, _ := r.try(t, nil); status != http.StatusServiceUnavailable {
		t.Errorf("a newcomer: status %d", status)
	}
	if back, status := r.drain(t, control.DrainRequest{Undo: true}); status != http.StatusOK || back.State != control.DrainNone || back.Since != nil {
		t.Errorf("back: %d %+v", status, back)
	}
	if status, _, _ := r.get(t, "/readyz"); status != http.StatusOK {
		t.Error("not ready again")
	}
	r.openAs(t, nil)
	r.end(t)
	var actions []audit.Action
	for _, record := range r.audit.records(t, audit.EventAdministered) {
		actions = append(actions, record.Action)
	}
	if !slices.Equal(actions, []audit.Action{audit.ActionDrain, audit.ActionUndrain}) {
		t.Errorf("recorded: %v", actions)
	}
}

func TestADrainThatIsTakenBackLeavesTheOthersOpen(t *testing.T) {
	t.Parallel()
	r := startDraining(t, -1, time.Second)
	open := r.openAs(t, nil, nil)
	if _, status := r.drain(t, control.DrainRequest{Window: contract.Duration(10 * time.Minute)}); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	r.drained(t, control.DrainClosing)
	if _, status := r.drain(t, control.DrainRequest{Undo: true}); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	alive := 0
	for _, conn := range open {
		if echoOnce(conn) == nil {
			alive++
		}
	}
	// Each has its turn at a random time of its half of the window.
	if alive == 0 {
		t.Error("nobody is left")
	}
	r.openAs(t, nil)
}

func TestADrainThatIsForgottenEndsByItself(t *testing.T) {
	r := startDraining(t, -1, time.Second)
	open := r.openAs(t, nil)
	// A pod without an end of its own would still be out when the test gives up.
	begun, status := r.drain(t, control.DrainRequest{Window: contract.Duration(time.Millisecond)})
	if status != http.StatusOK || begun.Until == nil || (begun.Until.Sub(*begun.Since)-control.DefaultDrainFor).Abs() > 2*time.Second {
		t.Fatalf("begun: %d %+v", status, begun)
	}
	ended(t, open[0], websocket.CloseServiceRestart)
	r.drained(t, control.DrainDone)
	if report := r.report(t); report.DrainedUntil == nil || !report.DrainedUntil.Equal(*begun.Until) {
		t.Errorf("the operator is told %v, want %v", report.DrainedUntil, begun.Until)
	}
	later, status := r.drain(t, control.DrainRequest{For: contract.Duration(3 * time.Hour)})
	if status != http.StatusOK || later.State != control.DrainDone || later.Until.Sub(*begun.Until) < 2*time.Hour-time.Minute || !later.Since.Equal(*begun.Since) {
		t.Errorf("for longer: %d %+v", status, later)
	}
	if sooner, status := r.drain(t, control.DrainRequest{For: contract.Duration(time.Millisecond)}); status != http.StatusOK || sooner.Until == nil {
		t.Errorf("to an end: %d %+v", status, sooner)
	}
	r.drained(t, control.DrainNone)
	if report := r.report(t); !report.Ready || report.Draining || report.DrainedUntil != nil {
		t.Errorf("report: %+v", report)
	}
	r.openAs(t, nil)
	r.end(t)
	records := r.audit.records(t, audit.EventAdministered)
	var actions []audit.Action
	for _, record := range records {
		actions = append(actions, record.Action)
	}
	if !slices.Equal(actions, []audit.Action{audit.ActionDrain, audit.ActionDrain, audit.ActionDrain, audit.ActionDrainOver}) {
		t.Fatalf("recorded: %v", actions)
	}
	if first, last := records[0], records[3]; !strings.HasPrefix(first.Selection, "window=1ms until=") || last.ClaimedBy != "ann@example.com" || last.Note != "ticket 4711" {
		t.Errorf("recorded: %+v\n%+v", first, last)
	}
}

func TestAPodThatEndsTakesADrainOver(t *testing.T) {
	t.Parallel()
	for name, undone := range map[string]bool{"during a drain": false, "after a drain was taken back": true} {
		t.Run(name, func(t *testing.T) {
			r := startDraining(t, -1, 300*time.Millisecond)
			open := r.openAs(t, nil, nil)
			if _, status := r.drain(t, control.DrainRequest{Window: contract.Duration(10 * time.Minute)}); status != http.StatusOK {
				t.Fatalf("status %d", status)
			}
			if undone {
				if _, status := r.drain(t, control.DrainRequest{Undo: true}); status != http.StatusOK {
					t.Fatalf("status %d", status)
				}
			}
			began := time.Now()
			r.end(t)
			for _, conn := range open {
				ended(t, conn, websocket.CloseServiceRestart)
			}
			if took := time.Since(began); took > patience/2 {
				t.Errorf("the end took %v", took)
			}
		})
	}
}

func TestAPodThatEndsIsNotDrainedByHand(t *testing.T) {
	t.Parallel()
	r := startDraining(t, 10*time.Second, time.Second)
	r.Stop()
	until(t, func() string {
		if !answered[control.State](t, r, control.PathState).Drain.Stopping {
			return "it does not stop"
		}
		return ""
	})
	for _, undo := range []bool{false, true} {
		if _, status := r.drain(t, control.DrainRequest{Undo: undo}); status != http.StatusConflict {
			t.Errorf("undo %v: status %d", undo, status)
		}
	}
}

// explain asks about a request for /chat.
func (r *running) explain(t *testing.T, change func(*control.ExplainRequest), fields ...string) explanation.Report {
	t.Helper()
	q := control.ExplainRequest{
		Asker: me(), URL: "wss://ws.example.com/chat?secret=1", Port: 443, ServerName: "ws.example.com",
		Head: []byte(request(fields...)), Client: "192.0.2.1",
	}
	if change != nil {
		change(&q)
	}
	report, status, body := order[explanation.Report](t, r, control.PathExplain, q)
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	return report
}

// figures are what the gateway has counted, but for its audit records.
func (r *running) figures(t *testing.T) []string {
	t.Helper()
	_, _, text := r.get(t, "/metrics")
	return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool {
		return !strings.HasPrefix(line, "wsgateway_") || strings.HasPrefix(line, "wsgateway_audit_")
	})
}

func TestWhatAPodExplainsIsWhatItDoes(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r, config, echo := startUsers(t, i)
	config.Limits = &contract.Limits{HandshakesPerSecondPerAddress: new(int32(1000))}
	r.put(t, echo, config)
	good := "Authorization: Bearer " + i.token(t, time.Hour)
	for name, fields := range map[string][]string{
		"a good token": {good}, "a foreign page": {good, "Origin: https://evil.example"}, "nothing": nil,
		"a line that is no header": {good, "nonsense"}, "an old token": {"Authorization: Bearer " + i.token(t, -time.Hour)},
		"a key": {"X-API-Key: " + aKey}, "another version": {good, "Sec-WebSocket-Version: 12"},
	} {
		seen := len(echo.Requests())
		explained := r.explain(t, nil, fields...)
		if len(echo.Requests()) != seen {
			t.Errorf("%s: the backend was asked", name)
		}
		response, _ := r.ask(t, "ws.example.com", request(fields...))
		if response.StatusCode != explained.HTTPStatus {
			t.Errorf("%s: explained with %d, answered with %d", name, explained.HTTPStatus, response.StatusCode)
		}
	}
	until(t, func() string {
		if open := r.report(t).Connections; open != 0 {
			return fmt.Sprintf("%d connections are still open", open)
		}
		return ""
	})
	before := r.figures(t)
	for range 20 {
		if got := r.explain(t, nil, "X-API-Key: wrong"); got.Reason != outcome.BadCredential {
			t.Fatalf("%+v", got)
		}
	}
	if diff := cmp.Diff(before, r.figures(t)); diff != "" {
		t.Errorf("explaining is counted (-before +after):\n%s", diff)
	}
	if conn, status, _ := r.try(t, http.Header{"X-Api-Key": {aKey}}); conn == nil {
		t.Errorf("explanations made somebody wait: status %d", status)
	}
	if strings.Contains(r.audit.String()+r.logs.String(), i.token(t, time.Hour)[:40]) {
		t.Error("a token is in the log")
	}
}

func TestAPodExplainsWithAllThatItRemembers(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r, config, echo := startUsers(t, i)
	config.Limits = &contract.Limits{HandshakesPerSecondPerAddress: new(int32(1000))}
	r.put(t, echo, config)
	good := "Authorization: Bearer " + i.token(t, time.Hour)
	for range 8 {
		_, _, _ = r.try(t, http.Header{"X-Api-Key": {"wrong"}})
	}
	here := func(q *control.ExplainRequest) { q.Client = "127.0.0.1" }
	if got := r.explain(t, here, good); got.Reason != outcome.TooManyFailures || !strings.Contains(got.Next, "wait ") {
		t.Errorf("an address that has to wait: %+v", got)
	}
	if got := r.explain(t, nil, good); got.Verdict != explanation.Admitted || got.Identity == nil || got.Identity.Subject != "ann" || strings.Contains(fmt.Sprint(got), "not known") {
		t.Errorf("another address: %+v", got)
	}
	r.revoke(t, echo, config, revocations(func(v *contract.Revocation) {
		v.Subjects = []contract.RevokedSubject{{Subject: "ann", Policy: "users"}}
	}))
	if got := r.explain(t, nil, good); got.Reason != outcome.IdentityRevoked {
		t.Errorf("somebody who is locked out: %+v", got)
	}
	if _, status := r.drain(t, control.DrainRequest{}); status != http.StatusOK {
		t.Fatal("not drained")
	}
	r.drained(t, control.DrainDone)
	if got := r.explain(t, nil, good); got.Reason != outcome.Draining || got.HTTPStatus != http.StatusServiceUnavailable {
		t.Errorf("while it drains: %+v", got)
	}
}

func TestAnAuthorizationServerIsAskedOnlyWhereSomebodySaysSo(t *testing.T) {
	t.Parallel()
	g := startGuarded(t, doorkeeper(t, "eve"), guarded(0))
	asked := len(g.server.Questions())
	bearer := "Authorization: Bearer " + marked + "-ann"
	if got := g.explain(t, nil, bearer); got.Verdict != explanation.Unknown || !strings.Contains(got.Next, "--ask-servers") || len(g.server.Questions()) != asked {
		t.Errorf("not to be asked: %+v, %d questions", got, len(g.server.Questions()))
	}
	ask := func(q *control.ExplainRequest) { q.AskServers = true }
	if got := g.explain(t, ask, bearer); got.Verdict != explanation.Admitted || got.Identity.Subject != "ann" {
		t.Errorf("to be asked: %+v", got)
	}
	g.unmarked(t)
}

func TestTheStateTellsWhatIsServedAndWhatIsWrong(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r, config, echo := startUsers(t, i)
	config.Routes = append(config.Routes, contract.Route{
		Name: "broken", Hostnames: []string{"ws.example.com"}, Path: contract.Path{Exact: "/broken"}, Fault: contract.FaultBackendNotFound, Policy: "users",
	})
	config.Limits = &contract.Limits{MaxMessageBytes: new(int64(4096)), BytesPerSecond: new(int32(1000))}
	config.Routes[0].Limits = &contract.RouteLimits{
		MaxMessageBytes: new(int64(8192)), BytesPerSecond: new(int32(500)), IdleTimeout: new(contract.Duration(time.Minute)), // the first is looser
	}
	config.Policies = append(config.Policies, contract.Policy{Name: "lost", Methods: []contract.Method{{APIKey: &contract.APIKey{
		Secret: "missing", From: []contract.Source{{Header: "X-Api-Key"}},
	}}}})
	r.put(t, echo, config)
	r.openAs(t, http.Header{"X-Api-Key": {aKey}}, http.Header{"X-Api-Key": {aKey}})
	state := answered[control.State](t, r, control.PathState)
	if state.Pod != "edge-0" || state.NotReady != "" || state.Version != "v0-test" || state.StartedAt.After(state.Time) || state.Report.BootID == "" ||
		state.Drain.State != control.DrainNone || state.Traffic.Connections != 2 || state.Limits.MaxConnections == 0 || state.Process.Goroutines == 0 {
		t.Errorf("state: %+v", state)
	}
	if l := state.Listeners[0]; l.Name != "public" || l.Port != 443 || l.Address != r.addresses["public"] || l.Connections != 2 || l.Certificate == nil || l.Certificate.NotAfter.IsZero() {
		t.Errorf("listener: %+v", l)
	}
	if route := state.Routes[0]; route.Name != "chat" || route.PathPrefix != "/chat" || route.Connections != 2 || len(route.Backends) != 1 || route.Backends[0] != (control.Share{Backend: "echo", Weight: 1}) {
		t.Errorf("route: %+v", route)
	}
	if l := state.Routes[0].Limits; l == nil || *l != (control.RouteLimits{BytesPerSecond: 500, IdleTimeout: contract.Duration(time.Minute)}) || state.Routes[1].Limits != nil {
		t.Errorf("limits of routes: %+v, %+v", l, state.Routes[1].Limits)
	}
	if policy := state.Policies[0]; policy.Name != "users" || !slices.Equal(policy.Methods, []string{"jwt", "apiKey"}) {
		t.Errorf("policy: %+v", policy)
	}
	if backend := state.Backends[0]; backend.Name != "echo" || len(backend.Endpoints) != 1 || backend.Endpoints[0].Address != echo.Address || backend.Endpoints[0].Connections != 2 {
		t.Errorf("backend: %+v", backend)
	}
	var found []string
	for _, p := range state.Problems {
		found = append(found, p.Kind+" "+p.Name+" "+p.Reason)
		if p.Remedy == "" || p.Message == "" {
			t.Errorf("no remedy: %+v", p)
		}
	}
	if !slices.Equal(found, []string{"policy lost SecretNotFound", "route broken backend_not_found"}) {
		t.Errorf("problems: %v", found)
	}
	if status, _, page := fetch(t, "http://"+r.addresses[gateway.ControlName]+"/", nil); status != http.StatusOK || !strings.Contains(page, "create the Secret missing") || !strings.Contains(page, "bytesPerSecond 500, idleTimeout 1m0s") {
		t.Errorf("page: %d %.300s", status, page)
	}
}

func TestEachProblemHasARemedy(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("remedies.go")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("contract/report.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`(?m)^\t(Problem\w+) +ProblemReason =`).FindAllStringSubmatch(string(source), -1) {
		if !strings.Contains(string(page), "contract."+name[1]+":") {
			t.Errorf("%s has no remedy", name[1])
		}
	}
}

func TestKeySetsAreToldWithoutWhatTheirAddressMayHide(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(i.keySet(t))) }))
	t.Cleanup(server.Close)
	r, _ := startBase(t, func(c *contract.Config) {
		withTokens(t, i)(c)
		c.Policies[0].Methods = c.Policies[0].Methods[:1]
		c.Policies[0].Methods[0].JWT.KeySet = contract.KeySet{
			URI: server.URL + "/keys?token=" + marked, CABundle: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
		}
	})
	until(t, func() string {
		sets := answered[control.State](t, r, control.PathState).Policies[0].KeySets
		if len(sets) != 1 || !sets[0].Admits || sets[0].Keys != 1 || sets[0].FetchedAt == nil || strings.Contains(fmt.Sprint(sets), marked) {
			return fmt.Sprintf("key sets: %+v", sets)
		}
		return ""
	})
}
