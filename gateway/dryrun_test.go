// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// startTrial is startUsers with the policy in dry run.
func startTrial(t *testing.T, i *issuer) (*running, contract.Config, *wstest.Upstream) {
	t.Helper()
	r, config, echo := startUsers(t, i)
	config.Policies[0].DryRun = true
	r.put(t, echo, config)
	return r, config, echo
}

// counted waits for a line of the metrics.
func (r *running) counted(t *testing.T, want string) {
	t.Helper()
	until(t, func() string {
		if _, _, text := r.get(t, "/metrics"); !strings.Contains(text, "\n"+want+"\n") {
			return want
		}
		return ""
	})
}

func TestADryRunLetsInCountsAndTellsTheBackendNothingUnproven(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r, config, echo := startTrial(t, i)
	good, bad := i.token(t, time.Hour), newIssuer(t).token(t, time.Hour)
	for _, tt := range []struct {
		name    string
		changes []string
		would   string
		user    string
	}{
		{"a good token", []string{"Authorization: Bearer " + good}, "", "ann"},
		{"a good token from a foreign page", []string{"Authorization: Bearer " + good, "Origin: https://evil.example"}, "origin_not_allowed", "ann"},
		{"a foreign token", []string{"Authorization: Bearer " + bad}, "bad_credential", ""},
		{"a foreign token among the subprotocols", []string{"Sec-WebSocket-Protocol: bearer, " + bad}, "bad_credential", ""},
		{"nothing", nil, "no_credential", ""},
	} {
		before, opened := len(echo.Requests()), len(r.audit.records(t, "opened"))
		response, _ := r.ask(t, "ws.example.com", request(append(tt.changes, "X-User: eve", "X_User: eve")...))
		if response.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%s: status %d", tt.name, response.StatusCode)
		}
		seen := echo.Requests()[before]
		text := fmt.Sprint(seen.Header)
		if seen.Header.Get("X-User") != tt.user || strings.Contains(text, "eve") || strings.Contains(text, good) || strings.Contains(text, bad) {
			t.Errorf("%s: the backend saw %v", tt.name, seen.Header)
		}
		until(t, func() string {
			if len(r.audit.records(t, "opened")) == opened {
				return "no record of " + tt.name
			}
			return ""
		})
		record := r.audit.records(t, "opened")[opened]
		if string(record.WouldRefuse) != tt.would || record.Policy != "users" || (record.Method == "none") != (tt.user == "") {
			t.Errorf("%s: record %v", tt.name, record)
		}
	}
	r.counted(t, `wsgateway_handshakes_would_refuse_total{reason="bad_credential"} 2`)
	r.counted(t, `wsgateway_handshakes_would_refuse_total{reason="no_credential"} 1`)
	r.counted(t, `wsgateway_handshakes_would_refuse_total{reason="origin_not_allowed"} 1`)

	config.Policies[0].Fault = contract.FaultPolicyInvalid
	r.put(t, echo, config)
	if response, _ := r.ask(t, "ws.example.com", request("Authorization: Bearer "+good)); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a policy with a fault: status %d, want 503", response.StatusCode)
	}
	r.end(t)
	if text := r.audit.String() + r.logs.String(); strings.Contains(text, good) || strings.Contains(text, bad) {
		t.Error("a credential got into a log")
	}
}

// The connections that a dry run has let in are judged by a policy in force just
// as their handshakes would be.
func TestThatADryRunIsOverEndsExactlyThoseThatAHandshakeWouldNotAdmit(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r, config, echo := startTrial(t, i)
	token, page := "Bearer "+i.token(t, time.Hour), "https://app.example.com"
	callers := map[string][]string{
		"a token":                         {"Authorization", token},
		"a token from a page":             {"Authorization", token, "Origin", page},
		"a token from a foreign page":     {"Authorization", token, "Origin", "https://evil.example"},
		"an API key":                      {"X-API-Key", aKey},
		"a bad API key":                   {"X-API-Key", strings.Repeat("0", 32)},
		"a token that has expired":        {"Authorization", "Bearer " + i.token(t, -time.Hour)},
		"a foreign token":                 {"Authorization", "Bearer " + newIssuer(t).token(t, time.Hour)},
		"nothing":                         nil,
		"nothing, from a page":            {"Origin", page},
		"an empty Origin with an API key": {"X-API-Key", aKey, "Origin", ""},
	}
	conns := map[string]*websocket.Conn{}
	for name, headers := range callers {
		conns[name] = r.open(t, headers...)
	}
	// A change within the dry run ends nobody.
	config.Policies[0].Methods[0].JWT.Audiences = []string{"chat", "admin"}
	r.put(t, echo, config)
	lost(t, conns)

	config.Policies[0].DryRun = false
	r.put(t, echo, config)
	var refused []string
	for _, name := range slices.Sorted(maps.Keys(callers)) {
		var fields []string
		for j := 0; j < len(callers[name]); j += 2 {
			fields = append(fields, callers[name][j]+": "+callers[name][j+1])
		}
		if response, _ := r.ask(t, "ws.example.com", request(fields...)); response.StatusCode != http.StatusSwitchingProtocols {
			refused = append(refused, name)
		}
	}
	if len(refused) != 7 {
		t.Errorf("%d callers are refused now: %v", len(refused), refused)
	}
	for _, name := range refused {
		_ = conns[name].SetReadDeadline(time.Now().Add(patience))
		if _, _, err := conns[name].ReadMessage(); !websocket.IsCloseError(err, outcome.CodeForbidden) {
			t.Errorf("%s: %v, want to be closed with 3003", name, err)
		}
		delete(conns, name)
	}
	lost(t, conns)
}

func TestAnExpiryInADryRunIsCountedAndComesIntoForceWithThePolicy(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r, config, echo := startUsers(t, i)
	// Accepted for about eight seconds, by the skew.
	short := r.open(t, "Authorization", "Bearer "+i.token(t, 8*time.Second-contract.DefaultClockSkew))
	config.Policies[0].DryRun = true
	config.Audit = &contract.Audit{ProgressInterval: new(contract.Duration(100 * time.Millisecond))}
	r.put(t, echo, config)
	r.counted(t, `wsgateway_connections_would_close_total{reason="credential_expired"} 1`)
	if err := echoOnce(short); err != nil {
		t.Errorf("the dry run ended it: %v", err)
	}
	config.Policies[0].DryRun = false
	r.put(t, echo, config)
	_ = short.SetReadDeadline(time.Now().Add(patience))
	if _, _, err := short.ReadMessage(); !websocket.IsCloseError(err, outcome.CodeUnauthorized) {
		t.Errorf("connection of the expired token: %v, want to be closed with 3000", err)
	}
}

func TestAChangeInADryRunIsCountedOncePerConnection(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r, config, echo := startTrial(t, i)
	conns := r.audience(t, i)
	conns["no right from the start"] = r.open(t)
	for _, audience := range []string{"admin", "root"} {
		config.Policies[0].Methods[0].JWT.Audiences = []string{audience}
		r.put(t, echo, config)
		r.counted(t, `wsgateway_connections_would_close_total{reason="access_revoked"} 2`)
	}
	lost(t, conns)
}

func TestADryRunGoesOnWithoutItsKeyServer(t *testing.T) {
	t.Parallel()
	r, _ := startBase(t, func(c *contract.Config) {
		i := newIssuer(t)
		withTokens(t, i)(c)
		c.Policies[0].DryRun = true
		c.Policies[0].Methods = c.Policies[0].Methods[:1]
		// A discard port: nobody answers.
		c.Policies[0].Methods[0].JWT.KeySet = contract.KeySet{URI: "https://127.0.0.1:9/keys"}
	})
	response, _ := r.ask(t, "ws.example.com", request("Authorization: Bearer "+newIssuer(t).token(t, time.Hour)))
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("status %d", response.StatusCode)
	}
	r.counted(t, `wsgateway_handshakes_would_refuse_total{reason="auth_unavailable"} 1`)
}

// What is tried at a dry run counts neither for nor against an address: else it
// would lock out those who come by other policies, or let them guess for ever.
func TestADryRunNeitherCountsNorForgetsFailures(t *testing.T) {
	t.Parallel()
	r, _ := startBaseWith(t, func(c *contract.Config) {
		withTokens(t, newIssuer(t))(c)
		c.Limits = &contract.Limits{HandshakesPerSecondPerAddress: new(int32(1000))}
		trial, tried := c.Policies[0], c.Routes[0]
		trial.Name, trial.DryRun = "trial", true
		tried.Name, tried.Policy, tried.Path = "trial", "trial", contract.Path{Prefix: "/trial"}
		c.Policies, c.Routes = append(c.Policies, trial), append(c.Routes, tried)
	}, newStopped().tell)
	r.root.Secret(t, "keys", map[string][]byte{"device-1": []byte(aKey)})
	until(t, func() string {
		if len(r.report(t).Problems) > 0 {
			return "the keys are not there"
		}
		return ""
	})
	bad := strings.Repeat("0", 32)
	for i, step := range []struct {
		path, key string
		times     int
		want      int
	}{
		{"/trial", bad, 10, 101}, {"/chat", bad, 4, 401}, {"/trial", bad, 1, 101}, {"/chat", bad, 1, 401}, {"/chat", aKey, 1, 429},
	} {
		for range step.times {
			d := r.dialer("public")
			d.Header = keyHeader(step.key)
			conn, response, err := d.Dial(t.Context(), "wss://ws.example.com"+step.path)
			if response == nil || response.StatusCode != step.want {
				t.Fatalf("step %d: %v %v, want %d", i, response, err, step.want)
			}
			if conn != nil {
				_ = conn.Close()
			}
		}
	}
}
