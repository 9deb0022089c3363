// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	hashed := sha256.Sum256([]byte(secretKey))
	digest := "sha256:" + hex.EncodeToString(hashed[:])
	files := secrets{"devices": {
		"plain":   deviceKey + "\r\n",
		"hashed":  digest + "\n",
		"minimal": strings.Repeat("m", authn.MinAPIKeyBytes),
		"maximal": strings.Repeat("M", authn.MaxAPIKeyBytes),
	}}
	policy := policyOf(t, methods(apiKeys(func(m *contract.APIKey) {
		m.From = []contract.Source{{Header: "X-Api-Key"}, {Subprotocol: "bearer"}}
	}), contract.Method{Anonymous: &contract.Anonymous{}}), files)
	tests := map[string]struct {
		request *authn.Request
		id      string
		want    outcome.Reason
	}{
		"a plain key":                         {request: request("X-API-Key", deviceKey), id: "plain"},
		"a key of which we have the digest":   {request: request("x-api-key", secretKey), id: "hashed"},
		"the shortest key":                    {request: request("X-API-Key", strings.Repeat("m", authn.MinAPIKeyBytes)), id: "minimal"},
		"the longest key":                     {request: request("X-API-Key", strings.Repeat("M", authn.MaxAPIKeyBytes)), id: "maximal"},
		"among the subprotocols":              {request: offers("bearer", deviceKey, "chat"), id: "plain"},
		"the digest itself is no key":         {request: request("X-API-Key", digest), want: outcome.BadCredential},
		"the identifier is no key":            {request: request("X-API-Key", "plain"), want: outcome.BadCredential},
		"empty":                               {request: request("X-API-Key", ""), want: outcome.BadCredential},
		"a prefix":                            {request: request("X-API-Key", deviceKey[:len(deviceKey)-1]), want: outcome.BadCredential},
		"one character more":                  {request: request("X-API-Key", deviceKey+"x"), want: outcome.BadCredential},
		"in upper case":                       {request: request("X-API-Key", strings.ToUpper(deviceKey)), want: outcome.BadCredential},
		"with a NUL":                          {request: request("X-API-Key", deviceKey+"\x00"), want: outcome.BadCredential},
		"with a line break":                   {request: request("X-API-Key", deviceKey+"\n"), want: outcome.BadCredential},
		"a megabyte":                          {request: request("X-API-Key", strings.Repeat("k", 1<<20)), want: outcome.BadCredential},
		"longer than the longest":             {request: request("X-API-Key", strings.Repeat("M", authn.MaxAPIKeyBytes+1)), want: outcome.BadCredential},
		"twice":                               {request: request("X-API-Key", deviceKey, "X-API-Key", deviceKey), want: outcome.BadCredential},
		"in another header is no credential":  {request: request("X-Key", deviceKey), id: ""},
		"with a scheme in front":              {request: request("X-API-Key", "Bearer "+deviceKey), want: outcome.BadCredential},
		"twice, with a comma":                 {request: request("X-API-Key", deviceKey+", "+deviceKey), want: outcome.BadCredential},
		"in a header and among subprotocols ": {request: &authn.Request{Header: request("X-API-Key", deviceKey).Header, Subprotocols: []string{"bearer", deviceKey}}, want: outcome.BadCredential},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := policy.Authenticate(t.Context(), tt.request)
			if reason(t, err) != tt.want {
				t.Fatalf("Authenticate() = %v, want reason %q", err, tt.want)
			}
			var want authn.Identity
			switch {
			case tt.want != "":
			case tt.id == "":
				want = authn.Identity{Policy: "users", Method: authn.MethodAnonymous}
			default:
				want = authn.Identity{
					Policy: "users", Method: authn.MethodAPIKey, Issuer: "devices", Subject: tt.id, KeyID: tt.id,
					Claims: map[string]any{"sub": tt.id},
				}
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(authn.Identity{}, "Proof")); diff != "" {
				t.Errorf("identity (-want +got):\n%s", diff)
			}
		})
	}
}
