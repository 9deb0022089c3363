// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Whoever writes a revocation finds the names of today, also of those who came
// when policy and Secret had other ones.
func TestARevocationFindsWhoCameUnderAnotherName(t *testing.T) {
	t.Parallel()
	before := rulesOf(t, variants()["no rules"])
	p := variants()["keys in another Secret"]
	p.Name, p.Authorization = "renamed", nil
	after := rulesOf(t, p)
	ann, err := knocks(t)["a token"].at(t, before)
	if err != nil {
		t.Fatal(err)
	}
	device, err := knocks(t)["a device"].at(t, before)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		who    *handshake.Standing
		change func(*contract.Revocation)
		want   bool
	}{
		"the policy of today": {ann, func(r *contract.Revocation) {
			r.Subjects = []contract.RevokedSubject{{Subject: "ann", Policy: "renamed"}}
		}, true},
		"the policy that let in": {ann, func(r *contract.Revocation) {
			r.Subjects = []contract.RevokedSubject{{Subject: "ann", Policy: "users"}}
		}, true},
		"another policy": {ann, func(r *contract.Revocation) {
			r.Subjects = []contract.RevokedSubject{{Subject: "ann", Policy: "others"}}
		}, false},
		"the Secret of today": {device, func(r *contract.Revocation) {
			r.APIKeyIDs = []contract.RevokedAPIKeyID{{ID: "device-1", Secret: "copy"}}
		}, true},
		"the Secret that had the key": {device, func(r *contract.Revocation) {
			r.APIKeyIDs = []contract.RevokedAPIKeyID{{ID: "device-1", Secret: "keys"}}
		}, true},
		"a key of that name, not there": {device, func(r *contract.Revocation) {
			r.APIKeyIDs = []contract.RevokedAPIKeyID{{ID: "device-1", Secret: "others"}}
		}, false},
	} {
		after.Revocations = revoking(tt.change)
		_, revoked := after.RevokedBy(tt.who)
		_, err := after.Reconsider(tt.who)
		if revoked != tt.want || (reason(err) == outcome.IdentityRevoked) != tt.want {
			t.Errorf("%s: RevokedBy() = %t, Reconsider() = %v, want %t", name, revoked, err, tt.want)
		}
	}
}

// A newcomer with the same certificate would be anonymous.
func TestRulesDoNotSeeACertificateThatNobodyAsksForAnyMore(t *testing.T) {
	t.Parallel()
	rules := rulesOf(t, &contract.Policy{
		Name: "partners",
		Methods: []contract.Method{
			{ClientCertificate: &contract.ClientCertificate{IdentityFrom: contract.IdentityFromDNS}}, {Anonymous: &contract.Anonymous{}},
		},
		Authorization: &contract.Authorization{Rules: []contract.Rule{
			{Name: "partners", Action: contract.ActionAllow, When: "identity.method == 'clientCertificate'"},
		}},
	})
	rules.Clients = asks(false, good)
	issuer, err := asn1.Marshal(pkix.Name{CommonName: "ca"}.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	identity, err := rules.Policies["partners"].Authenticator.Authenticate(t.Context(), &authn.Request{
		Certificate: &x509.Certificate{DNSNames: []string{"a.example.com"}, RawIssuer: issuer}, CertificateExpires: notAfter,
	})
	if err != nil {
		t.Fatal(err)
	}
	standing := &handshake.Standing{
		Host: "ws.example.com", Path: "/chat", Listener: "public", Identity: identity, Claims: authn.KeepClaims(&identity), Certificate: shown(),
	}
	if _, err := rules.Reconsider(standing); err != nil {
		t.Errorf("while certificates are asked for: %v", err)
	}
	rules.Clients = nil
	if _, err := rules.Reconsider(standing); reason(err) != outcome.AccessDenied {
		t.Errorf("when they are not any more: %v, but a newcomer would be denied", err)
	}
}
