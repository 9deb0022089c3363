// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

func BenchmarkAuthenticate(b *testing.B) {
	files := secrets{"devices": {"d1": deviceKey}}
	es, rs, ed := ecKey(b, "es"), rsaKey(b, "rs", 2048), edKey(b, "ed")
	policy := policyOf(b, methods(
		jwtMethod(jwks(es.jwk(), rs.jwk(), ed.jwk()), func(m *contract.JWT) { m.Algorithms = []string{"ES256", "RS256", "EdDSA"} }),
		apiKeys(nil), contract.Method{Anonymous: &contract.Anonymous{}},
	), files)
	for name, r := range map[string]*authn.Request{
		"ES256": bearer(es.token(nil)), "RS256": bearer(rs.token(nil)), "EdDSA": bearer(ed.token(nil)),
		"apiKey": request("X-API-Key", deviceKey), "anonymous": request(),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := policy.Authenticate(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
