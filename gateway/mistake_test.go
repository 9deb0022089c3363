// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// mistake is a clock that panics once it is armed: the first time that it is
// looked at by a function of the gateway, or by what that function calls.
type mistake struct {
	function string
	armed    atomic.Bool
}

func (m *mistake) plant(o *gateway.Options) { o.Now = m.now }

func (m *mistake) now() time.Time {
	if m.armed.Load() && m.reached() && m.armed.CompareAndSwap(true, false) {
		panic("a mistake of ours, " + marked)
	}
	return time.Now()
}

func (m *mistake) reached() bool {
	callers := make([]uintptr, 50)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, m.function) {
			return true
		}
		if !more {
			return false
		}
	}
}

// happen waits until the mistake has been made.
func (m *mistake) happen(t *testing.T) {
	t.Helper()
	until(t, func() string {
		if m.armed.Load() {
			return m.function + " has not looked at the clock"
		}
		return ""
	})
}

func TestAMistakeWhileAServerIsAskedLosesNobody(t *testing.T) {
	t.Parallel()
	made := &mistake{function: "gateway.(*server).revalidate"}
	g := startGuardedWith(t, doorkeeper(t), guarded(oftenAsks), made.plant)
	ann := g.enter(t, "ann")
	g.revalidated(t)
	made.armed.Store(true)
	made.happen(t)
	g.server.Judge(doorkeeper(t, "ann"))
	ended(t, ann, outcome.CodeForbidden)
	g.unmarked(t)
}

func TestAMistakeBehindTheAdmissionLeavesNoPlaceTaken(t *testing.T) {
	t.Parallel()
	made := &mistake{function: "gateway.(*visit).answer"}
	config := guarded(0)
	config.Limits.MaxConnectionsPerIdentity = new(int32(1))
	g := startGuardedWith(t, doorkeeper(t), config, made.plant)
	credential := http.Header{"Authorization": {"Bearer " + marked + "-ann"}}
	made.armed.Store(true)
	if conn, status, _ := g.try(t, credential); conn != nil {
		t.Fatalf("status %d, want no answer", status)
	}
	made.happen(t)
	until(t, func() string {
		if _, status, _ := g.try(t, credential); status != http.StatusSwitchingProtocols {
			return "the place is still taken"
		}
		return ""
	})
	g.unmarked(t)
	g.end(t)
	if refusals := g.audit.records(t, "denied"); len(refusals) == 0 || refusals[0].Reason != outcome.InternalError {
		t.Errorf("refusals: %v", refusals)
	}
}

func TestAMistakeInAReviewEndsThatConnectionAndNoOther(t *testing.T) {
	t.Parallel()
	made := &mistake{function: "gateway.(*server).findRefused"}
	ca := wstest.NewCA(t)
	config := baseConfig()
	config.Listeners[0].ClientCertificates = askFor(true, ca)
	echo, own, root := wstest.Echo(t), wstest.NewCA(t), wstest.NewRoot(t)
	root.TLSSecret(t, "public-tls", own.Issue(t, "ws.example.com", "*.chat.example.com"))
	root.Config(t, config, endpoints(echo.Address))
	r := start(t, root, own, made.plant)
	pair := ca.IssueClient(t, named(t, alice))
	conns := []interface {
		SetReadDeadline(time.Time) error
		ReadMessage() (int, []byte, error)
	}{r.join(t, pair), r.join(t, pair), r.join(t, pair)}
	made.armed.Store(true)
	config.Listeners[0].ClientCertificates = askFor(true, ca, wstest.NewCA(t))
	r.put(t, echo, config)
	made.happen(t)
	until(t, func() string {
		if len(r.audit.records(t, "closed")) == 0 {
			return "nobody has been closed"
		}
		return ""
	})
	time.Sleep(200 * time.Millisecond)
	closed := r.audit.records(t, "closed")
	if len(closed) != 1 || closed[0].Reason != outcome.AccessRevoked {
		t.Errorf("of %d connections these were closed: %v", len(conns), closed)
	}
	if text := r.logs.String(); strings.Contains(text, marked) || !strings.Contains(text, "mistake in the gateway") {
		t.Errorf("logs: %s", text)
	}
}

func TestAFileThatWeCannotCopeWithLeavesWhatIsInForce(t *testing.T) {
	t.Parallel()
	made := &mistake{function: "gateway.(*server).swap"}
	g := startGuardedWith(t, doorkeeper(t), guarded(0), made.plant)
	ann := g.enter(t, "ann")
	made.armed.Store(true)
	config := guarded(0)
	config.Policies[0].Origins.Allow = []string{"https://b.example.com"}
	g.root.Config(t, config, g.endpoints())
	made.happen(t)
	until(t, func() string {
		if state := g.report(t).Files[contract.ConfigFile]; state.Seen == state.InForce {
			return "the file is not reported as seen and not in force"
		}
		return ""
	})
	if err := echoOnce(ann); err != nil {
		t.Errorf("who was within: %v", err)
	}
	g.enter(t, "bob")
	config.Policies[0].Origins.Allow = append(config.Policies[0].Origins.Allow, "https://c.example.com")
	g.put(t, config)
	g.unmarked(t)
}

func TestAMistakeBehindAChangeOfTheRulesLeavesNobodyUnjudged(t *testing.T) {
	t.Parallel()
	made := &mistake{function: "gateway.(*server).lockOut"}
	g := startGuardedWith(t, doorkeeper(t), guarded(0), made.plant)
	ann := g.open(t, "Authorization", "Bearer "+marked+"-ann", "Origin", "https://app.example.com")
	bob := g.enter(t, "bob")
	made.armed.Store(true)
	config := guarded(0)
	config.Policies[0].Origins.Allow = []string{"https://b.example.com"}
	g.root.Contract(t, config, g.endpoints(), revocations(func(r *contract.Revocation) {
		r.Subjects = []contract.RevokedSubject{{Subject: "nobody", Issuer: "authz"}}
	}))
	made.happen(t)
	ended(t, ann, outcome.CodeForbidden)
	if err := echoOnce(bob); err != nil {
		t.Errorf("bob should have stayed: %v", err)
	}
}
