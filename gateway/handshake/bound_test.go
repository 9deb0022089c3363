// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake_test

import (
	"context"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/match"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// prolonging is an authorization server that admits for longer each time.
type prolonging struct {
	bearer

	until time.Time
}

func (p *prolonging) RevalidateEvery(*authn.Proof) (every time.Duration, known bool) {
	return time.Minute, true
}

func (p *prolonging) Revalidate(context.Context, *authn.Request, *authn.Identity, string) (time.Time, error) {
	return p.until, nil
}

func (p *prolonging) Denied(*authn.Proof) *outcome.Refusal { return nil }

// Neither a dry run nor an authorization server keeps a connection open for which
// the listener requires a certificate that has expired.
func TestACertificateThatAListenerRequiresEndsEverybody(t *testing.T) {
	t.Parallel()
	later := notAfter.Add(time.Hour)
	for name, tt := range map[string]struct {
		required, dryRun bool
		ends             time.Time
	}{
		"required":        {required: true, ends: notAfter},
		"required, tried": {required: true, dryRun: true, ends: notAfter},
		"optional":        {ends: later},
		"optional, tried": {dryRun: true},
	} {
		rules := &handshake.Rules{
			Routes: match.NewRoutes([]contract.Route{{
				Name: "chat", Hostnames: []string{"ws.example.com"}, Path: contract.Path{Prefix: "/"}, Policy: "users",
			}}),
			Policies: map[string]handshake.Policy{"users": {Policy: &contract.Policy{DryRun: tt.dryRun}, Authenticator: &prolonging{until: later}}},
			Clients:  asks(tt.required, good),
		}
		standing := &handshake.Standing{
			Host: "ws.example.com", Path: "/", Listener: "public", Certificate: shown(),
			Identity: authn.Identity{Method: authn.MethodExternal, ExpiresAt: later, Proof: &authn.Proof{}},
		}
		reviewed, err := rules.Reconsider(standing)
		if err != nil || !reviewed.Ends.Equal(tt.ends) {
			t.Errorf("%s: Reconsider() = %v, %v; want %v", name, reviewed.Ends, err, tt.ends)
		}
		expires, err := rules.Revalidate(t.Context(), standing, "c-1")
		confirmed, err := rules.Confirm(standing, err)
		if err != nil || !confirmed.Judged || !confirmed.Ends.Equal(tt.ends) || !expires.Equal(later) {
			t.Errorf("%s: Revalidate() = %v, Confirm() = %v, %v; want %v, %v", name, expires, confirmed.Ends, err, later, tt.ends)
		}
	}
}
