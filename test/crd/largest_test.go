// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"fmt"
	"testing"

	"sigs.k8s.io/yaml"
)

// The server gives the rules of one object a budget. It estimates each rule when the
// CRD is stored; what all of them cost together, it finds out with the object.
func TestAGatewayWithFullListsIsWithinTheBudgetOfTheServer(t *testing.T) {
	t.Parallel()
	spec := map[string]any{
		"listeners": times(16, func(i int) any {
			return map[string]any{
				"name": fmt.Sprintf("listener-%d", i), "port": 8000 + i, "hostnames": hostnames(32),
				"tls":           map[string]any{"certificate": map[string]any{"issuerRef": map[string]any{"name": "ca"}}},
				"clientAddress": map[string]any{"proxyProtocol": true, "trustedCIDRs": networks(32)},
				"allowedRoutes": map[string]any{"authPolicies": names(32), "backendTLSProfiles": names(32)},
			}
		}),
		"authPolicies": times(32, func(i int) any {
			return map[string]any{
				"name": fmt.Sprintf("name-%d", i), "anyOf": times(8, method),
				"origins":     map[string]any{"allow": times(64, func(i int) any { return fmt.Sprintf("https://app-%d.customers.example.com", i) })},
				"clientCIDRs": map[string]any{"allow": networks(64), "deny": networks(64)},
			}
		}),
		"backendTLS": times(32, func(i int) any { return map[string]any{"name": fmt.Sprintf("name-%d", i)} }),
		"routes": times(100, func(i int) any {
			return map[string]any{
				"name": fmt.Sprintf("route-%d", i), "hostnames": hostnames(32), "authPolicy": "name-0",
				"path":         map[string]any{"value": fmt.Sprintf("/route/%d", i)},
				"subprotocols": names(16), "backendRefs": []any{map[string]any{"name": "echo", "port": 8080}},
			}
		}),
	}
	manifest, err := yaml.Marshal(map[string]any{
		"apiVersion": "wsgateway.dev/v1alpha1", "kind": "WebSocketGateway", "metadata": map[string]any{"name": "full"}, "spec": spec,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("a gateway of %d bytes", len(manifest))
	if err := admit(t, manifest); err != nil {
		t.Errorf("refused: %v", err)
	}
}

func method(i int) any {
	return map[string]any{"jwt": map[string]any{
		"issuer": fmt.Sprintf("https://issuer-%d.example.com", i), "audiences": names(16), "jwks": map[string]any{"uri": "https://issuer.example.com/jwks"},
		"algorithms": []any{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"},
	}}
}

func hostnames(n int) []any {
	return times(n, func(i int) any { return fmt.Sprintf("chat-%d.customers.example.com", i) })
}

func networks(n int) []any {
	return times(n, func(i int) any { return fmt.Sprintf("10.1.%d.0/24", i) })
}

func names(n int) []any { return times(n, func(i int) any { return fmt.Sprintf("name-%d", i) }) }

func times(n int, one func(int) any) []any {
	list := make([]any, 0, n)
	for i := range n {
		list = append(list, one(i))
	}
	return list
}
