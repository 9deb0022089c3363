// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

func TestCheckReadsTheKeySetsInTheContract(t *testing.T) {
	t.Parallel()
	const public = `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
	tests := map[string]struct {
		keys contract.KeySet
		ok   bool
	}{
		"a public key":           {keys: contract.KeySet{Inline: public}, ok: true},
		"no key set":             {keys: contract.KeySet{Inline: "{}"}},
		"a symmetric key":        {keys: contract.KeySet{Inline: `{"keys":[{"kty":"oct","k":"AAAA"}]}`}},
		"an address":             {keys: contract.KeySet{URI: "https://127.0.0.1:1/keys"}, ok: true},
		"a Secret, not here yet": {keys: contract.KeySet{Secret: &contract.SecretKey{Secret: "keys", Key: "jwks.json"}}, ok: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := contract.Encode(contract.Config{Version: contract.Version, Policies: []contract.Policy{{
				Name: "users", Methods: []contract.Method{{JWT: &contract.JWT{
					Issuer: "https://id.example.com", Audiences: []string{"chat"}, Algorithms: []string{"EdDSA"}, KeySet: tt.keys,
					From: []contract.Source{{Header: "Authorization"}},
				}}},
			}}})
			if err != nil {
				t.Fatal(err)
			}
			if err := gateway.Check(data); (err == nil) != tt.ok {
				t.Errorf("Check() = %v, want accepted = %t", err, tt.ok)
			}
		})
	}
}
