// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/match"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/revocation"
)

func revoking(change func(*contract.Revocation)) *revocation.List {
	one := contract.Revocation{Name: "incident", Until: time.Now().Add(time.Hour)}
	change(&one)
	return revocation.New(contract.Revocations{Revocations: []contract.Revocation{one}}, time.Now)
}

func TestWhoIsLockedOutIsRefusedAsEarlyAsItIsKnown(t *testing.T) {
	t.Parallel()
	network := revoking(func(r *contract.Revocation) { r.ClientCIDRs = []string{"198.51.100.0/24"} })
	subject := revoking(func(r *contract.Revocation) {
		r.Subjects = []contract.RevokedSubject{{Subject: "bearer+good", Policy: "users"}}
	})
	for name, tt := range map[string]struct {
		list  *revocation.List
		dry   bool
		asked int
		want  outcome.Reason
	}{
		"a network, before anybody is asked who it is": {network, false, 0, outcome.AddressRevoked},
		"an identity, once it is proved":               {subject, false, 1, outcome.IdentityRevoked},
		"an identity, though its policy is only tried": {subject, true, 1, outcome.IdentityRevoked},
		"a network, though the policy is only tried":   {network, true, 0, outcome.AddressRevoked},
		"nobody": {nil, false, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene()
			s.revoked, s.dryRun = tt.list, tt.dry
			_, err := s.admit(t, "Sec-WebSocket-Protocol: bearer, good")
			if reason(err) != tt.want || s.policy.calls != tt.asked {
				t.Errorf("refused by %v after %d questions, want %q after %d", err, s.policy.calls, tt.want, tt.asked)
			}
			if tt.want != "" && (len(s.backend.asked) > 0 || s.seats.taken > 0) {
				t.Errorf("the backend was asked %d times, %d seats were taken", len(s.backend.asked), s.seats.taken)
			}
		})
	}
}

// A credential that is bad anyway gets the answer of a bad one: nobody learns from
// the table of revocations whom it names.
func TestARevocationSaysNothingAboutWhoCannotProveIt(t *testing.T) {
	t.Parallel()
	s := newScene()
	s.policy.err = outcome.Refuse(outcome.BadCredential, "forged")
	s.revoked = revoking(func(r *contract.Revocation) {
		r.Subjects = []contract.RevokedSubject{{Subject: "bearer+good", Policy: "users"}}
	})
	if _, err := s.admit(t, "Sec-WebSocket-Protocol: bearer, good"); reason(err) != outcome.BadCredential {
		t.Errorf("refused by %v", err)
	}
}

func TestReconsiderRefusesWhoIsLockedOut(t *testing.T) {
	t.Parallel()
	standing := &handshake.Standing{
		Host: "ws.example.com", Path: "/chat", Client: netip.MustParseAddr("::ffff:198.51.100.7"),
		Identity: authn.Identity{Policy: "users", Method: authn.MethodJWT, Issuer: "i", Subject: "ann", TokenID: "t"},
	}
	for name, tt := range map[string]struct {
		change func(*contract.Revocation)
		want   outcome.Reason
	}{
		"by the network": {func(r *contract.Revocation) { r.ClientCIDRs = []string{"198.51.100.7/32"} }, outcome.AddressRevoked},
		"by the token":   {func(r *contract.Revocation) { r.TokenIDs = []contract.RevokedTokenID{{Issuer: "i", ID: "t"}} }, outcome.IdentityRevoked},
		"not at all":     {func(r *contract.Revocation) { r.TokenIDs = []contract.RevokedTokenID{{Issuer: "j", ID: "t"}} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules := &handshake.Rules{Routes: match.NewRoutes(nil), Revocations: revoking(tt.change)}
			_, err := rules.Reconsider(standing)
			match, revoked := rules.RevokedBy(standing)
			if reason(err) != tt.want || revoked != (tt.want != "") {
				t.Errorf("Reconsider() = %v, RevokedBy() = %+v", err, match)
			}
		})
	}
}
