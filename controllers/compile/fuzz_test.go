// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile_test

import (
	"bytes"
	"testing"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// FuzzConfigMapContent: whatever is in a ConfigMap, the configuration is one that
// the gateway can parse, holds no private key material, and is the same when the
// content is what compile itself wrote.
func FuzzConfigMapContent(f *testing.F) {
	f.Add(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`, "-----BEGIN CERTIFICATE-----\nAQAB\n-----END CERTIFICATE-----\n")
	f.Add(`{"keys":[{"kty":"oct","k":"AQAB"}]}`, "")
	f.Add(`{"keys":[{"kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB","d":"AQAB"}]}`, "-----BEGIN")
	f.Fuzz(func(t *testing.T, keySet, bundle string) {
		first := compileContent(keySet, bundle)
		if first.File == nil {
			if !first.Blocked() {
				t.Fatal("no file and nothing that blocks")
			}
			return
		}
		config, err := contract.ParseConfig(first.File)
		if err != nil {
			t.Fatalf("the gateway refuses it: %v", err)
		}
		if bytes.Contains(first.File, []byte(`\"d\":`)) || bytes.Contains(first.File, []byte("PRIVATE")) {
			t.Fatalf("private key material: %s", first.File)
		}
		inline, ca := keySet, bundle
		for _, policy := range config.Policies {
			for _, method := range policy.Methods {
				if method.JWT.KeySet.Inline != "" {
					inline = method.JWT.KeySet.Inline
				} else {
					ca = method.JWT.KeySet.CABundle
				}
			}
		}
		if again := compileContent(inline, ca); !bytes.Equal(first.File, again.File) {
			t.Fatalf("the normal form is not normal:\n%s%s", first.File, again.File)
		}
	})
}

func compileContent(keySet, bundle string) compile.Result {
	method := func(source wsv1alpha1.KeySetSource) []wsv1alpha1.AuthMethod {
		return []wsv1alpha1.AuthMethod{{JWT: &wsv1alpha1.JWTMethod{
			Issuer: "issuer", Audiences: []string{"chat"}, Algorithms: []wsv1alpha1.JWTAlgorithm{"ES256"}, JWKS: source,
		}}}
	}
	gw := &wsv1alpha1.WebSocketGateway{}
	gw.Name, gw.Namespace = "edge", "default"
	gw.Spec.AuthPolicies = []wsv1alpha1.AuthPolicy{
		{Name: "inline", AnyOf: method(wsv1alpha1.KeySetSource{ConfigMapRef: &wsv1alpha1.LocalKeyReference{Name: "keys"}})},
		{Name: "fetched", AnyOf: method(wsv1alpha1.KeySetSource{
			URI: "https://id.example.com/keys", CARef: &wsv1alpha1.LocalKeyReference{Name: "ca"},
		})},
	}
	return compile.Config(gw, compile.Refs{ConfigMaps: map[string]compile.ConfigMap{
		"keys": {Data: map[string]string{"jwks.json": keySet}},
		"ca":   {Data: map[string]string{"ca.crt": bundle}},
	}}, nil)
}
