// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestCredentialBehindAPrefix(t *testing.T) {
	t.Parallel()
	word := keysFrom(t, contract.Source{Header: "X-Auth", Prefix: "Token "})
	sign := keysFrom(t, contract.Source{Header: "X-Auth", Prefix: "key="})
	scheme := keysFrom(t, contract.Source{Header: "Authorization", Prefix: "Token "})
	const key = deviceKey
	tests := map[string]struct {
		policy *authn.Policy
		header string
		values []string
		who    string
		want   outcome.Reason
	}{
		"a word":                        {word, "X-Auth", []string{"Token " + key}, "d1", ""},
		"in another case":               {word, "X-Auth", []string{"tOKEN " + key}, "d1", ""},
		"two blanks":                    {word, "X-Auth", []string{"Token  " + key}, "d1", ""},
		"a sign":                        {sign, "X-Auth", []string{"key=" + key}, "d1", ""},
		"a scheme":                      {scheme, "Authorization", []string{"token " + key}, "d1", ""},
		"no header":                     {word, "X-Other", []string{"Token " + key}, "anonymous", ""},
		"another word":                  {word, "X-Auth", []string{"Bearer " + key}, "anonymous", ""},
		"no word":                       {word, "X-Auth", []string{key}, "anonymous", ""},
		"no blank":                      {word, "X-Auth", []string{"Token" + key}, "anonymous", ""},
		"a tab":                         {word, "X-Auth", []string{"Token\t" + key}, "anonymous", ""},
		"half of the word":              {word, "X-Auth", []string{"Tok"}, "anonymous", ""},
		"empty":                         {word, "X-Auth", []string{""}, "anonymous", ""},
		"Bearer where Token is wanted":  {scheme, "Authorization", []string{"Bearer " + key}, "anonymous", ""},
		"the word alone":                {word, "X-Auth", []string{"Token"}, "", outcome.BadCredential},
		"the word and a blank":          {word, "X-Auth", []string{"Token "}, "", outcome.BadCredential},
		"the sign alone":                {sign, "X-Auth", []string{"key="}, "", outcome.BadCredential},
		"a blank behind the sign":       {sign, "X-Auth", []string{"key= " + key}, "", outcome.BadCredential},
		"the word twice":                {word, "X-Auth", []string{"Token " + "Token " + key}, "", outcome.BadCredential},
		"a list":                        {word, "X-Auth", []string{"Token " + key + ", Token " + key}, "", outcome.BadCredential},
		"a wrong key":                   {word, "X-Auth", []string{"Token " + strings.ToUpper(key)}, "", outcome.BadCredential},
		"the header twice":              {word, "X-Auth", []string{"Token " + key, "Token " + key}, "", outcome.BadCredential},
		"the header twice, one another": {word, "X-Auth", []string{"Bearer x", "Token " + key}, "", outcome.BadCredential},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, err := tt.policy.Authenticate(t.Context(), &authn.Request{Header: http.Header{tt.header: tt.values}})
			expect(t, id, err, tt.who, tt.want)
		})
	}
	kept, _ := word.Strip(http.Header{"X-Auth": {"Bearer x"}, "X_auth": {"Token " + key}, "X-Other": {"y"}}, nil)
	if len(kept) != 1 || kept.Get("X-Other") != "y" {
		t.Errorf("the backend would see %v", kept)
	}
}

// One header may show either of two credentials; one that fits both is a
// contradiction.
func TestTwoPrefixesOfOneHeader(t *testing.T) {
	t.Parallel()
	policy := keysFrom(t, contract.Source{Header: "Authorization"}, contract.Source{Header: "Authorization", Prefix: "Token "}, contract.Source{Header: "Authorization", Prefix: "Tok"})
	for value, want := range map[string]outcome.Reason{"Bearer " + deviceKey: "", "Tok" + deviceKey: "", "Token " + deviceKey: outcome.BadCredential} {
		if _, err := policy.Authenticate(t.Context(), request("Authorization", value)); reason(t, err) != want {
			t.Errorf("%.8q...: %v, want %q", value, err, want)
		}
	}
}

func FuzzHeaderWithPrefix(f *testing.F) {
	f.Add("Token ", "Token "+deviceKey)
	f.Add("key=", "KEY="+deviceKey)
	f.Add("é", "É"+deviceKey)
	f.Add("ſ ", "S "+deviceKey)
	f.Fuzz(func(t *testing.T, prefix, value string) {
		if prefix == "" {
			return
		}
		policy := keysFrom(t, contract.Source{Header: "X-Auth", Prefix: prefix})
		id, err := policy.Authenticate(t.Context(), request("X-Auth", value))
		if err == nil && id.Method == authn.MethodAPIKey && !strings.HasSuffix(value, deviceKey) && !strings.HasSuffix(value, oddKey) {
			t.Fatalf("%q was let in behind %q", value, prefix)
		}
		if err != nil && reason(t, err) != outcome.BadCredential {
			t.Fatalf("%q: %v", value, err)
		}
	})
}
