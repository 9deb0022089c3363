// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/metrics"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Whoever reads the audit log wants to know whom a rule has refused; and somebody
// who only says to be ann must not be written down as ann.
func TestARefusedAttemptNamesOnlyWhoWasProved(t *testing.T) {
	t.Parallel()
	known := &audit.Identity{Subject: "bearer+good+other"}
	for name, tt := range map[string]struct {
		change func(*scene)
		want   outcome.Reason
		who    *audit.Identity
	}{
		"a bad credential":         {func(s *scene) { s.policy.err = outcome.Refuse(outcome.BadCredential, "") }, outcome.BadCredential, nil},
		"none":                     {func(s *scene) { s.policy.err = outcome.Refuse(outcome.NoCredential, "") }, outcome.NoCredential, nil},
		"an authorizer says no":    {func(s *scene) { s.policy.err = outcome.Refuse(outcome.AccessDenied, "") }, outcome.AccessDenied, nil},
		"a page that may not":      {func(s *scene) { s.origins = &contract.Origins{} }, outcome.OriginNotAllowed, nil},
		"too many connections":     {func(s *scene) { s.seats.none = true }, outcome.TooManyOfIdentity, known},
		"the backend is not there": {func(s *scene) { s.backend.err = outcome.Refuse(outcome.UpstreamUnreachable, "") }, outcome.UpstreamUnreachable, known},
		"none of its subprotocols": {func(s *scene) { s.route.Subprotocols = []string{"chat"} }, outcome.SubprotocolMismatch, known},
		"locked out": {func(s *scene) {
			s.revoked = revoking(func(r *contract.Revocation) {
				r.Subjects = []contract.RevokedSubject{{Subject: "bearer+good+other", Policy: "users"}}
			})
		}, outcome.IdentityRevoked, known},
		"a bad credential, tried, and no backend": {func(s *scene) {
			s.dryRun, s.policy.err = true, outcome.Refuse(outcome.BadCredential, "")
			s.backend.err = outcome.Refuse(outcome.UpstreamUnreachable, "")
		}, outcome.UpstreamUnreachable, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene()
			tt.change(s)
			_, err := s.admit(t, "Sec-WebSocket-Protocol: bearer, good, other")
			if reason(err) != tt.want {
				t.Fatalf("Admit() = %v, want %q", err, tt.want)
			}
			if diff := cmp.Diff(tt.who, s.attempt.Identity); diff != "" {
				t.Errorf("who (-want +got):\n%s", diff)
			}
		})
	}
}

// arrive is somebody with a good credential at the door of a scene.
func (s *scene) arrive(t *testing.T) (*handshake.Door, *handshake.Caller) {
	t.Helper()
	request, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET /chat HTTP/1.1\r\nHost: ws.example.com\r\nUpgrade: websocket\r\n" +
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: bearer, good\r\n\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	door := &handshake.Door{
		Upstreams: &s.backend, Draining: func() bool { return false }, Seat: s.seat, Now: time.Now, Took: func(metrics.Phase, time.Duration) {},
		AuthenticateTimeout: time.Minute, UpstreamTimeout: time.Minute,
	}
	return door, &handshake.Caller{
		Request: request, Listener: "public", ServedBy: func(string) (string, bool) { return "public", true }, Certificate: s.certificate,
	}
}

func TestWhomTheRulesOfBeforeKnewIsNotWrittenDownAsKnownToThoseOfNow(t *testing.T) {
	t.Parallel()
	s := newScene()
	door, caller := s.arrive(t)
	var attempt audit.Attempt
	admission, err := door.Admit(t.Context(), s.rules(), caller, &attempt)
	if err != nil || attempt.Identity == nil {
		t.Fatalf("admitted: %v, as %+v", err, attempt.Identity)
	}
	defer admission.Release()
	s.policy.err = outcome.Refuse(outcome.BadCredential, "withdrawn")
	if err := door.Review(t.Context(), s.rules(), caller, admission, &attempt); reason(err) != outcome.BadCredential || attempt.Identity != nil {
		t.Errorf("reviewed: %v, as %+v", err, attempt.Identity)
	}
}
