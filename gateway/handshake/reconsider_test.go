// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake_test

import (
	"errors"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/match"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Reconsider answers as Authenticate would.
func (b *bearer) Reconsider(proof *authn.Proof) error {
	b.proof = proof
	return b.err
}

func (b *bearer) As(identity authn.Identity) authn.Identity { return identity }

func TestWhoWasAdmittedIsJudgedByTheRouteThatWouldServeThemNow(t *testing.T) {
	t.Parallel()
	expires := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	route := func(prefix, policy string) contract.Route {
		return contract.Route{Name: prefix, Hostnames: []string{"ws.example.com"}, Path: contract.Path{Prefix: prefix}, Policy: policy}
	}
	lost := contract.Route{Name: "lost", Hostnames: []string{"ws.example.com"}, Path: contract.Path{Prefix: "/chat"}, Fault: contract.FaultPolicyNotFound}
	refusing := &bearer{err: outcome.Refuse(outcome.BadCredential, "taken away")}
	policies := map[string]handshake.Policy{
		"open":   {Policy: &contract.Policy{ExpiryGrace: contract.Duration(time.Minute)}, Authenticator: &bearer{}},
		"closed": {Policy: &contract.Policy{}, Authenticator: refusing},
		"broken": {Policy: &contract.Policy{Fault: contract.FaultPolicyInvalid}},
		"page":   {Policy: &contract.Policy{Origins: &contract.Origins{Allow: []string{"https://a.example"}}}, Authenticator: &bearer{}},
	}
	for name, tt := range map[string]struct {
		routes []contract.Route
		origin string
		want   outcome.Reason
		ends   time.Time
	}{
		"the policy admits":                     {routes: []contract.Route{route("/chat", "open")}, ends: expires.Add(time.Minute)},
		"the policy refuses":                    {routes: []contract.Route{route("/chat", "closed")}, want: outcome.BadCredential},
		"a more specific route refuses":         {routes: []contract.Route{route("/chat", "open"), route("/chat/room", "closed")}, want: outcome.BadCredential},
		"a route beside it refuses":             {routes: []contract.Route{route("/chat", "open"), route("/chat/other", "closed")}, ends: expires.Add(time.Minute)},
		"the policy has a fault":                {routes: []contract.Route{route("/chat", "broken")}},
		"the route has a fault":                 {routes: []contract.Route{lost}},
		"there is no route":                     {routes: []contract.Route{route("/feed", "closed")}},
		"the page is listed":                    {routes: []contract.Route{route("/chat", "page")}, origin: "https://a.example", ends: expires},
		"the page is not listed any more":       {routes: []contract.Route{route("/chat", "page")}, origin: "https://b.example", want: outcome.OriginNotAllowed},
		"no page, and one is asked for now":     {routes: []contract.Route{route("/chat", "page")}, want: outcome.OriginNotAllowed},
		"a page, and the policy has no origins": {routes: []contract.Route{route("/chat", "open")}, origin: "https://a.example", want: outcome.OriginNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules := &handshake.Rules{Routes: match.NewRoutes(tt.routes), Policies: policies}
			ruling, err := rules.Reconsider(&handshake.Standing{
				Host: "ws.example.com", Path: "/chat/room/5", Origin: tt.origin, Identity: authn.Identity{ExpiresAt: expires},
			})
			var refusal *outcome.Refusal
			if errors.As(err, &refusal) != (tt.want != "") || (refusal != nil && refusal.Reason != tt.want) {
				t.Errorf("Reconsider() = %v, want %q", err, tt.want)
			}
			if !ruling.Ends.Equal(tt.ends) {
				t.Errorf("ends %v, want %v", ruling.Ends, tt.ends)
			}
		})
	}
}
