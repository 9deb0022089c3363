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

func TestADryRunToleratesWhatThePolicyDecidesAndNothingElse(t *testing.T) {
	t.Parallel()
	refusing := func(reason outcome.Reason) func(*scene) {
		return func(s *scene) { s.policy.err = outcome.Refuse(reason, "why") }
	}
	for name, tt := range map[string]struct {
		change func(*scene)
		fields []string
		// would is the refusal that is tolerated, want the one that is not.
		would, want outcome.Reason
		method      string
	}{
		"nothing to refuse":                     {},
		"a foreign page, with a good token":     {fields: []string{"Origin: https://evil.example"}, would: outcome.OriginNotAllowed},
		"no credential":                         {change: refusing(outcome.NoCredential), would: outcome.NoCredential, method: "none"},
		"a bad credential":                      {change: refusing(outcome.BadCredential), would: outcome.BadCredential, method: "none"},
		"nobody can check the credential":       {change: refusing(outcome.AuthUnavailable), would: outcome.AuthUnavailable, method: "none"},
		"a checker that hangs":                  {change: func(s *scene) { s.policy.wait = true }, would: outcome.AuthUnavailable, method: "none"},
		"two refusals, and the first counts":    {change: refusing(outcome.BadCredential), fields: []string{"Origin: null"}, would: outcome.OriginNotAllowed, method: "none"},
		"a policy that cannot be served":        {change: refusing(outcome.PolicyUnavailable), want: outcome.PolicyUnavailable},
		"a mistake of ours":                     {change: refusing(outcome.InternalError), want: outcome.InternalError},
		"an error that is no refusal":           {change: func(s *scene) { s.policy.err = errors.New("broken") }, want: "broken"},
		"a route with a fault":                  {change: func(s *scene) { s.route.Fault = contract.FaultBackendNotFound }, want: outcome.RouteUnavailable},
		"no route":                              {change: func(s *scene) { s.route.Path.Prefix = "/x" }, want: outcome.NoRoute},
		"no handshake":                          {fields: []string{"Upgrade: h2c"}, want: outcome.NotWebSocket},
		"a subprotocol that the route forbids":  {change: func(s *scene) { s.route.Subprotocols = []string{"b"} }, fields: []string{"Sec-WebSocket-Protocol: a"}, want: outcome.SubprotocolMismatch},
		"a backend that is down":                {change: func(s *scene) { s.backend.err = outcome.Refuse(outcome.UpstreamUnreachable, "") }, want: outcome.UpstreamUnreachable},
		"too many connections of this identity": {change: func(s *scene) { s.seats.none = true }, want: outcome.TooManyOfIdentity},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene()
			s.dryRun = true
			if tt.change != nil {
				tt.change(s)
			}
			a, err := s.admit(t, tt.fields...)
			if got := reason(err); got != tt.want && (tt.want != "broken" || got != "" || err == nil) {
				t.Fatalf("Admit() = %v, want %q", err, tt.want)
			}
			if tt.want != "" {
				return
			}
			would := outcome.Reason("")
			if a.WouldRefuse != nil {
				would = a.WouldRefuse.Reason
			}
			if would != tt.would || !a.DryRun || a.Identity.Method != tt.method {
				t.Errorf("would refuse %q as %q, want %q as %q", would, a.Identity.Method, tt.would, tt.method)
			}
			if got := s.backend.asked[0].Header.Get("Authorization"); got != "" {
				t.Error("a credential reached the backend")
			}
		})
	}
}

func TestAPolicyInForceToleratesNothing(t *testing.T) {
	t.Parallel()
	for _, refused := range outcome.OfPolicy() {
		s := newScene()
		s.policy.err = outcome.Refuse(refused, "")
		if _, err := s.admit(t); reason(err) != refused {
			t.Errorf("%s: %v", refused, err)
		}
	}
}

func TestADryRunEndsNobodyAndSaysWhatItWouldHaveDone(t *testing.T) {
	t.Parallel()
	expires := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		dryRun    bool
		err       error
		origin    string
		want      outcome.Reason
		would     outcome.Reason
		ends      time.Time
		wouldEnds time.Time
	}{
		"in force and admitted":            {ends: expires},
		"in force and refused":             {err: outcome.Refuse(outcome.BadCredential, ""), want: outcome.BadCredential},
		"tried and admitted":               {dryRun: true, wouldEnds: expires},
		"tried and refused":                {dryRun: true, err: outcome.Refuse(outcome.BadCredential, ""), would: outcome.BadCredential, wouldEnds: expires},
		"tried, and the page is not known": {dryRun: true, origin: "https://a.example", would: outcome.OriginNotAllowed, wouldEnds: expires},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules := &handshake.Rules{
				Routes: match.NewRoutes([]contract.Route{{
					Name: "chat", Hostnames: []string{"ws.example.com"}, Path: contract.Path{Prefix: "/chat"}, Policy: "users",
				}}),
				Policies: map[string]handshake.Policy{"users": {
					Policy: &contract.Policy{Name: "users", DryRun: tt.dryRun}, Authenticator: &bearer{err: tt.err},
				}},
			}
			ruling, err := rules.Reconsider(&handshake.Standing{
				Host: "ws.example.com", Path: "/chat", Origin: tt.origin, Identity: authn.Identity{ExpiresAt: expires},
			})
			if got := reason(err); got != tt.want {
				t.Fatalf("Reconsider() = %v, want %q", err, tt.want)
			}
			would := outcome.Reason("")
			if ruling.WouldRefuse != nil {
				would = ruling.WouldRefuse.Reason
			}
			if would != tt.would || !ruling.Ends.Equal(tt.ends) || !ruling.WouldEnd.Equal(tt.wouldEnds) || ruling.DryRun != (tt.dryRun && tt.want == "") {
				t.Errorf("ruling %+v", ruling)
			}
		})
	}
}

// Under a policy in force later, they must not pass for somebody who sent one
// Origin, or none.
func TestOddOriginsAreRememberedAsSuch(t *testing.T) {
	t.Parallel()
	for name, fields := range map[string][]string{
		"two":   {"Origin: https://a.example", "Origin: https://a.example"},
		"empty": {"Origin:"},
	} {
		s := newScene()
		s.dryRun, s.origins = true, &contract.Origins{Allow: []string{"https://a.example"}, AllowMissing: true}
		if _, err := s.admit(t, fields...); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rules := s.rules()
		policy := *rules.Policies["users"].Policy
		policy.DryRun = false
		rules.Policies["users"] = handshake.Policy{Policy: &policy, Authenticator: &s.policy}
		_, err := rules.Reconsider(&handshake.Standing{Host: s.attempt.Host, Path: s.attempt.Path, Origin: s.attempt.Origin})
		if reason(err) != outcome.OriginNotAllowed {
			t.Errorf("%s, remembered as %q: %v", name, s.attempt.Origin, err)
		}
	}
}
