// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile_test

import (
	"bytes"
	"path/filepath"
	"testing"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
)

// The API server takes an entry of some lists twice.
func TestAnEntryThatIsListedTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	changed := 0
	for _, folder := range cases(t) {
		gw, refs := load(t, folder)
		want := compile.Config(gw, refs.refs(), refs.Previous)
		doubled := gw.DeepCopy()
		changed += double(doubled)
		if got := compile.Config(doubled, refs.refs(), refs.Previous); !bytes.Equal(want.File, got.File) {
			t.Errorf("%s: what is listed twice gives other bytes:\n%s\n%s", filepath.Base(folder), want.File, got.File)
		}
	}
	if changed < 10 {
		t.Errorf("%d lists were changed: the search is broken", changed)
	}
}

// double repeats the lists of a gateway whose entries may be there twice, and counts
// those that are not empty.
func double(gw *wsv1alpha1.WebSocketGateway) int {
	count := 0
	for i := range gw.Spec.Routes {
		route := &gw.Spec.Routes[i]
		route.Hostnames = repeat(route.Hostnames, &count)
	}
	for i := range gw.Spec.AuthPolicies {
		policy := &gw.Spec.AuthPolicies[i]
		if policy.Origins != nil {
			policy.Origins.Allow = repeat(policy.Origins.Allow, &count)
		}
		for j := range policy.AnyOf {
			if jwt := policy.AnyOf[j].JWT; jwt != nil {
				jwt.Audiences = repeat(jwt.Audiences, &count)
				for name, values := range jwt.RequiredClaims {
					jwt.RequiredClaims[name] = repeat(values, &count)
				}
			}
			if certificate := policy.AnyOf[j].ClientCertificate; certificate != nil {
				certificate.Patterns = repeat(certificate.Patterns, &count)
			}
		}
	}
	return count
}

func repeat[L ~[]T, T any](list L, count *int) L {
	if len(list) > 0 {
		*count++
	}
	return append(list, list...)
}
