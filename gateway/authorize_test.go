// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// rules are an authorization; each is "ACTION: EXPRESSION".
func rules(list ...string) *contract.Authorization {
	a := &contract.Authorization{}
	for i, rule := range list {
		action, when, _ := strings.Cut(rule, ": ")
		a.Rules = append(a.Rules, contract.Rule{Name: fmt.Sprintf("rule-%d", i), Action: contract.Action(action), When: when})
	}
	return a
}

func TestAChangeOfTheRulesClosesExactlyThoseThatItWouldRefuse(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for name, tt := range map[string]struct {
		authorization *contract.Authorization
		networks      *contract.ClientCIDRs
		lost          []string
	}{
		"everybody":             {authorization: rules("Allow: true")},
		"tokens":                {authorization: rules("Allow: identity.method == 'jwt'"), lost: []string{"device"}},
		"a claim":               {authorization: rules("Allow: identity.claims.iss == 'https://id.example.com'"), lost: []string{"device"}},
		"a page":                {authorization: rules("Deny: has(request.origin)", "Allow: true"), lost: []string{"page"}},
		"this path":             {authorization: rules("Allow: request.path.startsWith('/chat')")},
		"an address":            {authorization: rules("Allow: request.clientIP.isLoopback()")},
		"nobody":                {authorization: rules("Allow: identity.subject == 'eve'"), lost: []string{"token", "device"}},
		"networks that have it": {networks: &contract.ClientCIDRs{Allow: loopback}},
		"networks that do not":  {networks: &contract.ClientCIDRs{Deny: loopback}, lost: []string{"token", "device"}},
		"rules of a later release close the door and nobody": {authorization: rules("Allow: identity.shoeSize == 44")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, config, echo := startUsers(t, i)
			conns := r.audience(t, i)
			before := len(conns)
			config.Policies[0].Authorization, config.Policies[0].ClientCIDRs = tt.authorization, tt.networks
			r.put(t, echo, config)
			lost(t, conns, tt.lost...)
			r.end(t)
			r.revoked(t, before-len(conns))
		})
	}
}

func TestARefusalByARuleNamesTheRule(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r, config, echo := startUsers(t, i)
	config.Policies[0].Authorization = rules("Deny: request.path.startsWith('/chat/closed')", "Allow: identity.subject == 'ann'")
	r.put(t, echo, config)
	bearer := "Authorization: Bearer " + i.token(t, time.Hour)
	before := len(echo.Requests())
	for path, want := range map[string]int{"/chat": http.StatusSwitchingProtocols, "/chat/closed/x": http.StatusForbidden} {
		response, _ := r.ask(t, "ws.example.com", strings.Replace(request(bearer), "/chat ", path+" ", 1))
		if response.StatusCode != want || response.Header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: status %d, header %v", path, response.StatusCode, response.Header)
		}
	}
	if response, _ := r.ask(t, "ws.example.com", request("X-API-Key: "+aKey)); response.StatusCode != http.StatusForbidden {
		t.Errorf("a device: status %d", response.StatusCode)
	}
	config.Policies[0].ClientCIDRs = &contract.ClientCIDRs{Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	r.put(t, echo, config)
	if response, _ := r.ask(t, "ws.example.com", request(bearer)); response.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign address: status %d", response.StatusCode)
	}
	if n := len(echo.Requests()) - before; n != 1 {
		t.Errorf("the backend saw %d requests", n)
	}
	r.end(t)
	got := map[string]bool{}
	for _, record := range r.audit.records(t, "denied") {
		got[fmt.Sprintf("%s: %s", record.Reason, record.Message)] = true
		who := fmt.Sprintf("%s: %s %s %s by %s", record.Policy, record.Method, record.Issuer, record.Subject, record.KeyID)
		if want := whoWasRefused(record.Message); who != want {
			t.Errorf("%s: refused %q, want %q", record.Message, who, want)
		}
	}
	for _, want := range []string{
		`access_denied: rule "rule-0" denies`, "access_denied: no rule allows it", "address_not_allowed: address is in no network that is allowed",
	} {
		if !got[want] {
			t.Errorf("no record says %q: %v", want, got)
		}
	}
}

// whoWasRefused is what a record of TestARefusalByARuleNamesTheRule says of who
// was refused: policy, method, issuer, subject and key.
func whoWasRefused(detail string) string {
	switch detail {
	case `rule "rule-0" denies`:
		return "users: jwt https://id.example.com ann by k1"
	case "no rule allows it":
		return "users: apiKey keys device-1 by device-1"
	}
	return "users:    by " // refused before anybody asked who it is
}

// A pod that does not know what a rule means must not serve the policy without it.
func TestRulesThatThePodCannotCompileCloseTheirPolicyOnly(t *testing.T) {
	t.Parallel()
	r, config, echo := startUsers(t, newIssuer(t))
	open := contract.Policy{Name: "open", Methods: []contract.Method{{Anonymous: &contract.Anonymous{}}}}
	config.Policies = append(config.Policies, open)
	other := config.Routes[0]
	other.Name, other.Path, other.Policy = "other", contract.Path{Prefix: "/open"}, "open"
	config.Routes = append(config.Routes, other)
	config.Policies[0].Authorization = rules("Allow: true", "Allow: identity.shoeSize == 44")
	r.put(t, echo, config)
	for path, want := range map[string]int{"/chat": http.StatusServiceUnavailable, "/open": http.StatusSwitchingProtocols} {
		if response, _ := r.ask(t, "ws.example.com", strings.Replace(request("X-API-Key: "+aKey), "/chat ", path+" ", 1)); response.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, response.StatusCode, want)
		}
	}
	problems := r.report(t).Problems
	if len(problems) != 1 || problems[0].Policy != "users" || problems[0].Reason != contract.ProblemAuthorizationInvalid ||
		!strings.Contains(problems[0].Message, `rule "rule-1"`) {
		t.Errorf("problems %+v", problems)
	}
	if !strings.Contains(r.logs.String(), "rules cannot be compiled") {
		t.Error("the log does not say so")
	}
	file, err := contract.Encode(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := gateway.Check(file); err == nil || !strings.Contains(err.Error(), "shoeSize") {
		t.Errorf("Check() = %v", err)
	}
}
