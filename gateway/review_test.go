// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// audience is one connection of each kind that startUsers admits.
func (r *running) audience(t *testing.T, i *issuer) map[string]*websocket.Conn {
	t.Helper()
	token := "Bearer " + i.token(t, time.Hour)
	return map[string]*websocket.Conn{
		"token":        r.open(t, "Authorization", token),
		"token, page":  r.open(t, "Authorization", token, "Origin", "https://app.example.com"),
		"device":       r.open(t, "X-API-Key", aKey),
		"device, page": r.open(t, "X-API-Key", aKey, "Origin", "https://app.example.com"),
	}
}

// revoked fails unless the log has as many connections that were closed because the
// rules would refuse them now, each with a detail.
func (r *running) revoked(t *testing.T, want int) {
	t.Helper()
	revoked := 0
	for _, record := range r.audit.records(t, "closed") {
		if record.Reason == outcome.AccessRevoked && record.CloseCode == 3003 && record.Message != "" {
			revoked++
		}
	}
	if revoked != want {
		t.Errorf("%d records say access_revoked, want %d", revoked, want)
	}
}

// lost waits until exactly those of the connections are closed whose names have
// one of the marks, and looks whether the others still work.
func lost(t *testing.T, conns map[string]*websocket.Conn, marks ...string) {
	t.Helper()
	for name, conn := range conns {
		gone := false
		for _, mark := range marks {
			gone = gone || strings.Contains(name, mark)
		}
		if !gone {
			continue
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, outcome.CodeForbidden) {
			t.Errorf("%s: %v, want to be closed with 3003", name, err)
		}
		delete(conns, name)
	}
	for name, conn := range conns {
		if err := echoOnce(conn); err != nil {
			t.Errorf("%s should have stayed: %v", name, err)
		}
	}
}

// put brings a configuration into force.
func (r *running) put(t *testing.T, echo *wstest.Upstream, config contract.Config) {
	t.Helper()
	r.root.Config(t, config, endpoints(echo.Address))
	r.served(t, config)
}

func TestAChangeClosesExactlyThoseThatItWouldRefuse(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	for name, tt := range map[string]struct {
		change func(*contract.Config)
		lost   []string
	}{
		"a removed origin": {func(c *contract.Config) { c.Policies[0].Origins.Allow = []string{"https://b.example.com"} }, []string{"page"}},
		"an added origin": {func(c *contract.Config) {
			c.Policies[0].Origins.Allow = append(c.Policies[0].Origins.Allow, "https://b.example.com")
		}, nil},
		"another audience": {func(c *contract.Config) { c.Policies[0].Methods[0].JWT.Audiences = []string{"admin"} }, []string{"token"}},
		"another key set": {func(c *contract.Config) {
			c.Policies[0].Methods[0].JWT.KeySet.Inline = newIssuer(t).keySet(t)
		}, []string{"token"}},
		"no API keys any more": {func(c *contract.Config) { c.Policies[0].Methods = c.Policies[0].Methods[:1] }, []string{"device"}},
		"another policy of the route": {func(c *contract.Config) {
			c.Policies = append(c.Policies, contract.Policy{Name: "devices", Methods: c.Policies[0].Methods[1:], Origins: c.Policies[0].Origins})
			c.Routes[0].Policy = "devices"
		}, []string{"token"}},
		"a policy with a fault": {func(c *contract.Config) {
			c.Policies[0] = contract.Policy{Name: "users", Fault: contract.FaultPolicyInvalid}
		}, nil},
		"another audience, and those within are kept": {func(c *contract.Config) {
			c.Policies[0].Methods[0].JWT.Audiences, c.KeepAdmitted = []string{"admin"}, true
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, config, echo := startUsers(t, i)
			conns := r.audience(t, i)
			before := len(conns)
			tt.change(&config)
			r.put(t, echo, config)
			lost(t, conns, tt.lost...)
			r.end(t)
			r.revoked(t, before-len(conns))
		})
	}
}

func TestAnAPIKeyThatIsTakenAwayEndsItsConnections(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r, _, _ := startUsers(t, i)
	conns := r.audience(t, i)
	const second = "another-key-of-some-length-000000"
	r.root.Secret(t, "keys", map[string][]byte{"device-1": []byte(aKey), "device-2": []byte(second)})
	until(t, func() string {
		if response, _ := r.ask(t, "ws.example.com", request("X-API-Key: "+second)); response.StatusCode != http.StatusSwitchingProtocols {
			return "the second key is not known yet"
		}
		return ""
	})
	lost(t, conns)
	r.root.Secret(t, "keys", map[string][]byte{"device-2": []byte(second)})
	lost(t, conns, "device")
	// A missing Secret is a fault: it admits nobody, and closes nothing.
	r.root.DeleteSecret(t, "keys")
	until(t, func() string {
		if p := r.report(t).Problems; len(p) != 1 {
			return "the Secret is still there"
		}
		return ""
	})
	lost(t, conns)
	if text := r.audit.String() + r.logs.String(); strings.Contains(text, aKey) || strings.Contains(text, second) {
		t.Error("a key got into a log")
	}
}

func TestAShorterGraceReachesOpenConnections(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r, config, echo := startUsers(t, i)
	config.Policies[0].ExpiryGrace = contract.Duration(time.Hour)
	r.put(t, echo, config)
	short := r.open(t, "Authorization", "Bearer "+i.token(t, -20*time.Second))
	config.Policies[0].ExpiryGrace = 0
	r.put(t, echo, config)
	_ = short.SetReadDeadline(time.Now().Add(patience))
	if _, _, err := short.ReadMessage(); !websocket.IsCloseError(err, outcome.CodeUnauthorized) {
		t.Errorf("connection of the expired token: %v", err)
	}
}

// slow is a clock that takes its time while a connection is judged.
type slow struct {
	mistake

	judging time.Duration
}

func (s *slow) now() time.Time {
	if s.armed.Load() && s.reached() {
		time.Sleep(s.judging)
	}
	return time.Now()
}

// A tenant may change its routes again and again. Looking at every connection takes
// longer than from one change to the next where there are many: those who are locked
// out are ended all the same.
func TestRulesThatKeepChangingPutOffNoEnd(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	clock := &slow{mistake: mistake{function: "gateway.(*server).reconsider"}, judging: 10 * time.Millisecond}
	r, config, echo := startUsers(t, i, func(o *gateway.Options) { o.Now = clock.now })
	bob := "Bearer " + i.sign(t, map[string]any{
		"iss": "https://id.example.com", "aud": "chat", "sub": "bob", "exp": time.Now().Add(time.Hour).Unix(),
	})
	for range 20 {
		r.open(t, "Authorization", bob)
	}
	ann := r.open(t, "Authorization", "Bearer "+i.token(t, time.Hour))
	config.Routes = slices.Clone(config.Routes)
	file := revocations(func(r *contract.Revocation) {
		r.Subjects = []contract.RevokedSubject{{Subject: "ann", Issuer: "https://id.example.com"}}
	})
	// One that is over already has the clock looked at for each connection of bob.
	file.Revocations = append(file.Revocations, contract.Revocation{
		Name: "over", UID: "uid-2", Until: time.Now().Add(-time.Hour).UTC().Truncate(time.Second),
		Subjects: []contract.RevokedSubject{{Subject: "bob", Issuer: "https://id.example.com"}},
	})
	clock.armed.Store(true)
	defer clock.armed.Store(false)
	ended := make(chan error, 1)
	go func() {
		_ = ann.SetReadDeadline(time.Now().Add(patience))
		_, _, err := ann.ReadMessage()
		ended <- err
	}()
	for turn := 0; ; turn++ {
		config.Routes[0].Subprotocols = []string{fmt.Sprintf("v%d", turn)}
		r.root.Contract(t, config, endpoints(echo.Address), file)
		select {
		case err := <-ended:
			if !websocket.IsCloseError(err, outcome.CodeUnauthorized) {
				t.Errorf("after %d changes: %v, want to be closed with 3000", turn, err)
			}
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}
