// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

func TestNoCredentialReachesTheBackend(t *testing.T) {
	t.Parallel()
	key := ecKey(t, "k1")
	c := methods(
		jwtMethod(jwks(key.jwk()), func(m *contract.JWT) { m.From = []contract.Source{{Subprotocol: "bearer"}} }),
		apiKeys(nil),
	)
	c.IdentityHeaders = []contract.IdentityHeader{{Name: "X-User-Id", Claim: "sub"}}
	policy := policyOf(t, c, secrets{"devices": {"d1": deviceKey}})

	header := http.Header{
		"Accept-Language": {"de"}, "Cookie": {"a=b"}, "X-User": {"kept"}, "X-User-Id-2": {"kept"},
		"Authorization": {"Basic YTpi"}, "authorization": {"x"}, "X-Api-Key": {deviceKey}, "x_api_key": {deviceKey}, "X.API.KEY": {deviceKey},
		"X-User-Id": {"root"}, "x_user_id": {"root"}, "X-USER_ID": {"root"}, "X User:Id": {"root"},
		"Sec-Websocket-Protocol": {"bearer, token"},
	}
	original := header.Clone()
	offered := []string{"chat.v1", "bearer", "token", "chat.v2"}
	gotHeader, gotSubprotocols := policy.Strip(header, offered)
	wantHeader := http.Header{"Accept-Language": {"de"}, "Cookie": {"a=b"}, "X-User": {"kept"}, "X-User-Id-2": {"kept"}}
	if diff := cmp.Diff(wantHeader, gotHeader); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"chat.v1", "chat.v2"}, gotSubprotocols); diff != "" {
		t.Errorf("subprotocols (-want +got):\n%s", diff)
	}
	gotHeader["Cookie"][0] = "changed"
	if diff := cmp.Diff(original, header); diff != "" {
		t.Errorf("the client's header was changed:\n%s", diff)
	}
}

func TestSubprotocols(t *testing.T) {
	t.Parallel()
	key := ecKey(t, "k1")
	withMarker := policyOf(t, methods(jwtMethod(jwks(key.jwk()), func(m *contract.JWT) {
		m.From = []contract.Source{{Header: "Authorization"}, {Subprotocol: "bearer"}}
	})), nil)
	without := policyOf(t, methods(jwtMethod(jwks(key.jwk()), nil)), nil)
	twoMarkers := policyOf(t, methods(
		apiKeys(func(m *contract.APIKey) { m.From = []contract.Source{{Subprotocol: "key"}} }),
		jwtMethod(jwks(key.jwk()), func(m *contract.JWT) { m.From = []contract.Source{{Subprotocol: "bearer"}} }),
	), secrets{"devices": {"d1": deviceKey}})
	tests := map[string]struct {
		policy  *authn.Policy
		offered []string
		left    []string
		answer  string
	}{
		"marker and token":           {policy: withMarker, offered: []string{"bearer", "t"}, answer: "bearer"},
		"marker, token and one more": {policy: withMarker, offered: []string{"bearer", "t", "chat"}, left: []string{"chat"}, answer: "bearer"},
		"marker at the end":          {policy: withMarker, offered: []string{"chat", "bearer"}, left: []string{"chat"}, answer: "bearer"},
		"two markers":                {policy: withMarker, offered: []string{"bearer", "t", "bearer", "u", "chat"}, left: []string{"chat"}, answer: "bearer"},
		"no marker":                  {policy: withMarker, offered: []string{"chat"}, left: []string{"chat"}},
		"a marker behind a marker":   {policy: twoMarkers, offered: []string{"bearer", "key", deviceKey, "chat"}, left: []string{"chat"}, answer: "bearer"},
		"nothing":                    {policy: withMarker},
		"a policy that knows none":   {policy: without, offered: []string{"bearer", "t"}, left: []string{"bearer", "t"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, left := tt.policy.Strip(http.Header{}, tt.offered)
			if diff := cmp.Diff(tt.left, left, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("left over (-want +got):\n%s", diff)
			}
			if got := tt.policy.SubprotocolAnswer(tt.offered); got != tt.answer {
				t.Errorf("SubprotocolAnswer() = %q, want %q", got, tt.answer)
			}
		})
	}
}

func TestIdentityHeaders(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		claim any
		want  string
	}{
		"a string":                         {claim: "alice", want: "alice"},
		"a string with blanks inside":      {claim: "Alice B.", want: "Alice B."},
		"a number as it was written":       {claim: json.Number("12345678901234567890"), want: "12345678901234567890"},
		"a boolean":                        {claim: true, want: "true"},
		"a list":                           {claim: []any{"a", json.Number("1"), false}, want: "a,1,false"},
		"a list with a comma in an item":   {claim: []any{"a", "b,admin"}},
		"a list with an empty item":        {claim: []any{"a", ""}},
		"a list with an object":            {claim: []any{"a", map[string]any{}}},
		"an empty list":                    {claim: []any{}},
		"an object":                        {claim: map[string]any{"a": "b"}},
		"null":                             {claim: nil},
		"empty":                            {claim: ""},
		"a second header":                  {claim: "alice\r\nX-Admin: 1"},
		"a line feed":                      {claim: "alice\nX-Admin: 1"},
		"a NUL":                            {claim: "alice\x00"},
		"a tab":                            {claim: "a\tb"},
		"an escape":                        {claim: "a\x1b[31m"},
		"not ASCII":                        {claim: "Zoë"},
		"a blank at the end":               {claim: "alice "},
		"too long":                         {claim: strings.Repeat("a", 2049)},
		"a control in an item of the list": {claim: []any{"a", "b\r"}},
	}
	c := methods(contract.Method{Anonymous: &contract.Anonymous{}})
	c.IdentityHeaders = []contract.IdentityHeader{{Name: "x-user", Claim: "who"}, {Name: "X-Missing", Claim: "missing"}}
	policy := policyOf(t, c, nil)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := http.Header{}
			if tt.want != "" {
				want.Set("X-User", tt.want)
			}
			got := policy.IdentityHeaders(authn.Identity{Claims: map[string]any{"who": tt.claim}})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
	if got := policy.IdentityHeaders(authn.Identity{}); len(got) != 0 {
		t.Errorf("anonymous caller: headers %v, want none", got)
	}
}
