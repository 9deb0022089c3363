// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// hangingFor answers as judge does, but not about open connections once it is
// told to hang.
func hangingFor(judge wstest.Judgement, hang *atomic.Bool) wstest.Judgement {
	return func(ctx context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
		if hang.Load() && r.GetAttributes().GetContextExtensions()["session"] != "" {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return judge(ctx, r)
	}
}

// crowd lets many in, more than a server is asked about at once.
func (g *guardedGateway) crowd(t *testing.T) []*websocket.Conn {
	t.Helper()
	conns := make([]*websocket.Conn, 64)
	for i := range conns {
		conns[i] = g.enter(t, fmt.Sprint(i))
	}
	return conns
}

// The server's slowest answer takes five seconds, and only some questions are on
// their way at once: who waits for a turn must not stay for longer because of that.
func TestAServerThatHangsKeepsNobodyInBeyondTheirTime(t *testing.T) {
	t.Parallel()
	var hang atomic.Bool
	config := guarded(contract.Duration(time.Second))
	config.Policies[0].Methods[0].External.Timeout = new(contract.Duration(5 * time.Second))
	g := startGuarded(t, hangingFor(doorkeeper(t), &hang), config)
	conns := g.crowd(t)
	hang.Store(true)
	begin := time.Now()
	for _, conn := range conns {
		ended(t, conn, outcome.CodeUnauthorized)
	}
	// If they waited for their turn, it would take 20 seconds.
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("the last one ended after %v, three intervals are 3s", took)
	}
	g.end(t)
	for _, closed := range g.audit.records(t, "closed") {
		if closed.Reason != outcome.CredentialExpired || !strings.Contains(closed.Message, "not revalidated for ") {
			t.Errorf("audit record: %v", closed)
		}
	}
}

func TestAServerThatHangsDoesNotKeepOthersFromBeingAsked(t *testing.T) {
	t.Parallel()
	var hang atomic.Bool
	other := wstest.Authorize(t, doorkeeper(t))
	config := guarded(contract.Duration(5 * time.Second))
	config.Policies[0].Methods[0].External.Timeout = new(contract.Duration(5 * time.Second))
	elsewhere := guarded(contract.Duration(2 * time.Second))
	elsewhere.Policies[0].Name, elsewhere.Policies[0].Methods[0].External.Backend = "elsewhere", "other:9000"
	elsewhere.Routes[0].Name, elsewhere.Routes[0].Path.Prefix, elsewhere.Routes[0].Policy = "elsewhere", "/other", "elsewhere"
	config.Policies, config.Routes = append(config.Policies, elsewhere.Policies...), append(config.Routes, elsewhere.Routes...)
	g := startGuarded(t, hangingFor(doorkeeper(t), &hang), config)
	g.put(t, config, other.Address)
	g.crowd(t)
	hang.Store(true)
	until(t, func() string {
		asked := 0
		for _, question := range g.server.Questions() {
			if question.GetAttributes().GetContextExtensions()["session"] != "" {
				asked++
			}
		}
		if asked < 16 {
			return fmt.Sprintf("%d questions hang", asked)
		}
		return ""
	})
	d := g.dialer("public")
	d.Header = map[string][]string{"Authorization": {"Bearer " + marked + "-ann"}}
	ann := d.MustDial(t, strings.Replace(chatURL, "/chat", "/other", 1))
	other.Judge(doorkeeper(t, "ann"))
	begin := time.Now()
	ended(t, ann, outcome.CodeForbidden)
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("denied by a server that answers, and closed after %v", took)
	}
}

// While a server thinks about a connection, the rules change: what the newer ones
// say must not be undone by its answer.
func TestAnAnswerThatCameLateDoesNotUndoAChange(t *testing.T) {
	t.Parallel()
	var held atomic.Bool
	asked, goOn := make(chan struct{}), make(chan struct{})
	judge := func(_ context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
		if r.GetAttributes().GetContextExtensions()["session"] != "" && held.CompareAndSwap(false, true) {
			close(asked)
			<-goOn
		}
		return wstest.Admit(t, map[string]any{"sub": "ann", "session": "s", "exp": time.Now().Add(time.Hour).Unix()}), nil
	}
	partners := wstest.NewCA(t)
	config := guarded(oftenAsks)
	config.Policies[0].Methods[0].External.Timeout = new(contract.Duration(5 * time.Second))
	config.Listeners[0].ClientCertificates = askFor(false, partners)
	g := startGuarded(t, judge, config)
	pair := partners.IssueClient(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(8 * time.Second) })
	ann := g.join(t, pair, "Authorization", "Bearer x")
	<-asked
	config.Listeners[0].ClientCertificates = askFor(true, partners)
	config.Policies[0].Methods[0].External.RevalidateEvery = contract.Duration(time.Hour)
	g.put(t, config)
	close(goOn)
	g.revalidated(t)
	ended(t, ann, outcome.CodeUnauthorized)
	if late := time.Since(pair.Leaf.NotAfter); late > patience/2 {
		t.Errorf("ended %v after the certificate that the listener requires", late)
	}
}

func TestWhoWasBoundToACertificateThatIsNotAskedForAnyMoreIsFree(t *testing.T) {
	t.Parallel()
	partners := wstest.NewCA(t)
	r, echo := startBase(t, func(c *contract.Config) { c.Listeners[0].ClientCertificates = askFor(true, partners) })
	pair := partners.IssueClient(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(8 * time.Second) })
	conn := r.join(t, pair)
	config := baseConfig()
	config.Listeners[0].ClientCertificates = askFor(false, partners)
	r.put(t, echo, config)
	time.Sleep(time.Until(pair.Leaf.NotAfter) + 500*time.Millisecond)
	if err := echoOnce(conn); err != nil {
		t.Errorf("ended with a certificate that it was not asked for any more: %v", err)
	}
}

// A denial was given: nobody has to be asked once more.
func TestWhomOnlyADryRunHasKeptGoesWhenThePolicyComesIntoForce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		every      time.Duration
		kept, away bool
	}{
		"the next regular question would come in an hour": {every: time.Hour},
		"nobody is asked about any more":                  {},
		"changes are for newcomers":                       {kept: true},
		"the server is away":                              {every: time.Hour, away: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := guarded(oftenAsks)
			config.Policies[0].DryRun = true
			g, ann, bob := startDenied(t, config)
			if tt.away {
				g.server.Stop()
			}
			config.Policies[0].DryRun, config.KeepAdmitted = false, tt.kept
			config.Policies[0].Methods[0].External.RevalidateEvery = contract.Duration(tt.every)
			g.put(t, config)
			ended(t, ann, outcome.CodeForbidden)
			if err := echoOnce(bob); err != nil {
				t.Errorf("bob should have stayed: %v", err)
			}
		})
	}
}

func TestWhomAServerHasAdmittedAgainIsNotDeniedAnyMore(t *testing.T) {
	t.Parallel()
	config := guarded(oftenAsks)
	config.Policies[0].DryRun = true
	g, ann, _ := startDenied(t, config)
	before := len(g.server.Questions())
	g.server.Judge(doorkeeper(t))
	until(t, func() string {
		// When ann is asked about once more, the answer before that has counted.
		asked := 0
		for _, question := range g.server.Questions()[before:] {
			if question.GetAttributes().GetContextExtensions()["subject"] == "ann" {
				asked++
			}
		}
		if asked < 3 {
			return fmt.Sprintf("ann was asked about %d times", asked)
		}
		return ""
	})
	config.Policies[0].DryRun = false
	config.Policies[0].Methods[0].External.RevalidateEvery = 0
	g.put(t, config)
	time.Sleep(300 * time.Millisecond)
	if err := echoOnce(ann); err != nil {
		t.Errorf("ann should have stayed: %v", err)
	}
}

// A dry run also keeps those about whom nobody has answered for too long. That is
// no answer: whoever forgets it lets them stay for another whole interval.
func TestWhomADryRunHasKeptWithoutAnAnswerIsAskedAboutWhenThePolicyComesIntoForce(t *testing.T) {
	t.Parallel()
	// Long enough to change the policy before the next regular question.
	config := guarded(contract.Duration(2 * time.Second))
	config.Policies[0].DryRun = true
	g := startGuarded(t, doorkeeper(t), config)
	ann, bob := g.enter(t, "ann"), g.enter(t, "bob")
	g.server.Judge(func(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
		return nil, errors.New("not today")
	})
	until(t, func() string {
		if g.sample(t, `wsgateway_connections_would_close_total{reason="credential_expired"}`) != "2" {
			return "they were not overdue yet"
		}
		return ""
	})
	config.Policies[0].DryRun = false
	config.Policies[0].Methods[0].External.RevalidateEvery = contract.Duration(time.Hour)
	g.server.Judge(doorkeeper(t, "ann"))
	g.put(t, config)
	ended(t, ann, outcome.CodeForbidden)
	if err := echoOnce(bob); err != nil {
		t.Errorf("bob should have stayed: %v", err)
	}
}
