// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

const k8sMarker = "base64url.bearer.authorization.k8s.io"

// keysFrom is a policy of one API key, deviceKey, shown in one of these places.
func keysFrom(t testing.TB, from ...contract.Source) *authn.Policy {
	t.Helper()
	return policyOf(t, methods(
		apiKeys(func(m *contract.APIKey) { m.From = from }), contract.Method{Anonymous: &contract.Anonymous{}},
	), secrets{"devices": {"d1": deviceKey, "odd": oddKey}})
}

// oddKey has characters that have a meaning in queries and none in cookies.
const oddKey = "a+key&with=odd%characters#"

func query(raw string) *authn.Request { return &authn.Request{Header: http.Header{}, Query: raw} }

func TestCredentialInACookie(t *testing.T) {
	t.Parallel()
	policy := keysFrom(t, contract.Source{Cookie: "key"})
	const anonymous = "anonymous"
	tests := map[string]struct {
		cookies []string
		who     string
		want    outcome.Reason
	}{
		"alone":                            {cookies: []string{"key=" + deviceKey}, who: "d1"},
		"among others":                     {cookies: []string{"a=b; key=" + deviceKey + "; c=d"}, who: "d1"},
		"without blanks":                   {cookies: []string{"a=b;key=" + deviceKey + ";c=d"}, who: "d1"},
		"in the second of two fields":      {cookies: []string{"a=b", "key=" + deviceKey}, who: "d1"},
		"a value with an equals sign":      {cookies: []string{"key=" + oddKey}, who: "odd"},
		"none":                             {who: anonymous},
		"another one":                      {cookies: []string{"session=" + deviceKey}, who: anonymous},
		"a longer name":                    {cookies: []string{"key2=" + deviceKey + "; akey=" + deviceKey}, who: anonymous},
		"in another case":                  {cookies: []string{"Key=" + deviceKey}, who: anonymous},
		"the name as a value":              {cookies: []string{"a=key=" + deviceKey}, who: anonymous},
		"twice, as a neighbour plants it":  {cookies: []string{"key=" + deviceKey + "; key=planted-by-somebody"}, want: outcome.BadCredential},
		"twice, both good":                 {cookies: []string{"key=" + deviceKey + "; key=" + deviceKey}, want: outcome.BadCredential},
		"twice in two fields":              {cookies: []string{"key=" + deviceKey, "key=" + deviceKey}, want: outcome.BadCredential},
		"twice, once with a blank":         {cookies: []string{"key=" + deviceKey + "; key =planted"}, want: outcome.BadCredential},
		"empty":                            {cookies: []string{"key="}, want: outcome.BadCredential},
		"without an equals sign":           {cookies: []string{"key"}, want: outcome.BadCredential},
		"in quotes, which mean nothing":    {cookies: []string{`key="` + deviceKey + `"`}, want: outcome.BadCredential},
		"with a comma and more":            {cookies: []string{"key=" + deviceKey + ", a=b"}, want: outcome.BadCredential},
		"percent-encoded":                  {cookies: []string{"key=%61-device-key-of-24-bytes"}, want: outcome.BadCredential},
		"with a NUL":                       {cookies: []string{"key=" + deviceKey + "\x00"}, want: outcome.BadCredential},
		"a megabyte":                       {cookies: []string{"key=" + strings.Repeat("k", 1<<20)}, want: outcome.BadCredential},
		"a hundred thousand semicolons":    {cookies: []string{strings.Repeat(";", 100_000)}, who: anonymous},
		"a thousand others and a good one": {cookies: []string{strings.Repeat("a=b; ", 1000) + "key=" + deviceKey}, who: "d1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, err := policy.Authenticate(t.Context(), &authn.Request{Header: http.Header{"Cookie": tt.cookies}})
			expect(t, id, err, tt.who, tt.want)
		})
	}
}

func TestCredentialInTheQuery(t *testing.T) {
	t.Parallel()
	policy := keysFrom(t, contract.Source{Query: "key"})
	tests := map[string]struct {
		query string
		who   string
		want  outcome.Reason
	}{
		"alone":                                  {query: "key=" + deviceKey, who: "d1"},
		"among others":                           {query: "a=b&key=" + deviceKey + "&c", who: "d1"},
		"encoded where it has to be":             {query: "key=" + url.QueryEscape(oddKey), who: "odd"},
		"encoded where it has not to be":         {query: "%6bey=%61-device-key-of-24-bytes", who: "d1"},
		"none":                                   {who: "anonymous"},
		"another one":                            {query: "token=" + deviceKey, who: "anonymous"},
		"in another case":                        {query: "KEY=" + deviceKey, who: "anonymous"},
		"behind a semicolon, which is no border": {query: "a=b;key=" + deviceKey, who: "anonymous"},
		"twice":                                  {query: "key=" + deviceKey + "&key=" + deviceKey, want: outcome.BadCredential},
		"twice, once encoded":                    {query: "key=" + deviceKey + "&%6Bey=x", want: outcome.BadCredential},
		"empty":                                  {query: "key=", want: outcome.BadCredential},
		"without an equals sign":                 {query: "key", want: outcome.BadCredential},
		"with a NUL":                             {query: "key=" + deviceKey + "%00", want: outcome.BadCredential},
		"with a line break":                      {query: "key=" + deviceKey + "%0d%0a", want: outcome.BadCredential},
		"with a blank":                           {query: "key=" + deviceKey + "+", want: outcome.BadCredential},
		"with a semicolon":                       {query: "key=" + deviceKey + ";a=b", want: outcome.BadCredential},
		"encoded badly":                          {query: "key=" + deviceKey + "%zz", want: outcome.BadCredential},
		"encoded twice":                          {query: "key=%2561-device-key-of-24-bytes", want: outcome.BadCredential},
		"a megabyte":                             {query: "key=" + strings.Repeat("k", 1<<20), want: outcome.BadCredential},
		"a hundred thousand ampersands":          {query: strings.Repeat("&", 100_000), who: "anonymous"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, err := policy.Authenticate(t.Context(), query(tt.query))
			expect(t, id, err, tt.who, tt.want)
			if err != nil && strings.Contains(err.Error(), "device") {
				t.Errorf("%q quotes the credential", err)
			}
		})
	}
}

func TestCredentialInTheFormOfTheKubernetesAPIServer(t *testing.T) {
	t.Parallel()
	policy := keysFrom(t, contract.Source{Subprotocol: k8sMarker})
	good := k8sMarker + "." + b64([]byte(deviceKey))
	tests := map[string]struct {
		offered []string
		who     string
		want    outcome.Reason
	}{
		"with a real one":               {offered: []string{good, "v4.channel.k8s.io"}, who: "d1"},
		"behind a real one":             {offered: []string{"v4.channel.k8s.io", good}, who: "d1"},
		"alone":                         {offered: []string{good}, who: "d1"},
		"characters that no token has":  {offered: []string{k8sMarker + "." + b64([]byte(oddKey)), "a"}, who: "odd"},
		"none":                          {offered: []string{"v4.channel.k8s.io"}, who: "anonymous"},
		"the marker alone":              {offered: []string{k8sMarker, "a"}, who: "anonymous"},
		"in another case":               {offered: []string{strings.ToUpper(k8sMarker) + "." + b64([]byte(deviceKey)), "a"}, who: "anonymous"},
		"the other form":                {offered: []string{"bearer", deviceKey}, who: "anonymous"},
		"empty":                         {offered: []string{k8sMarker + ".", "a"}, want: outcome.BadCredential},
		"not encoded":                   {offered: []string{k8sMarker + "." + deviceKey, "a"}, want: outcome.BadCredential},
		"padded":                        {offered: []string{good + "==", "a"}, want: outcome.BadCredential},
		"standard alphabet":             {offered: []string{k8sMarker + ".+/+/", "a"}, want: outcome.BadCredential},
		"spare bits":                    {offered: []string{k8sMarker + ".YR", "a"}, want: outcome.BadCredential},
		"twice":                         {offered: []string{good, k8sMarker + "." + b64([]byte("x"))}, want: outcome.BadCredential},
		"decoded with a NUL":            {offered: []string{k8sMarker + "." + b64([]byte(deviceKey+"\x00")), "a"}, want: outcome.BadCredential},
		"decoded with a line break":     {offered: []string{k8sMarker + "." + b64([]byte(deviceKey+"\r\n")), "a"}, want: outcome.BadCredential},
		"decoded not ASCII":             {offered: []string{k8sMarker + "." + b64([]byte("\xff\xfe")), "a"}, want: outcome.BadCredential},
		"a megabyte":                    {offered: []string{k8sMarker + "." + strings.Repeat("A", 1<<20), "a"}, want: outcome.BadCredential},
		"encoded twice":                 {offered: []string{k8sMarker + "." + b64([]byte(b64([]byte(deviceKey)))), "a"}, want: outcome.BadCredential},
		"another character at its tail": {offered: []string{good + "A", "a"}, want: outcome.BadCredential},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := slices.Clone(tt.offered)
			id, err := policy.Authenticate(t.Context(), offers(tt.offered...))
			expect(t, id, err, tt.who, tt.want)
			_, left := policy.Strip(http.Header{}, tt.offered)
			if slices.ContainsFunc(left, func(s string) bool { return strings.HasPrefix(s, k8sMarker+".") }) {
				t.Errorf("left over: %q", left)
			}
			if answer := policy.SubprotocolAnswer(tt.offered); answer != "" {
				t.Errorf("SubprotocolAnswer() = %q, want none: it would be the credential", answer)
			}
			if !slices.Equal(before, tt.offered) {
				t.Error("the client's list was changed")
			}
		})
	}
}

func expect(t *testing.T, id authn.Identity, err error, who string, want outcome.Reason) {
	t.Helper()
	got := id.Subject
	if id.Method == authn.MethodAnonymous {
		got = "anonymous"
	}
	if reason(t, err) != want || got != who {
		t.Errorf("Authenticate() = %q, %v; want %q, reason %q", got, err, who, want)
	}
}

func TestCredentialsInTwoPlacesAreRefused(t *testing.T) {
	t.Parallel()
	policy := keysFrom(t, contract.Source{Header: "X-Api-Key"}, contract.Source{Cookie: "key"}, contract.Source{Query: "key"},
		contract.Source{Subprotocol: "bearer"}, contract.Source{Subprotocol: k8sMarker})
	show := []func(*authn.Request){
		func(r *authn.Request) { r.Header.Set("X-Api-Key", deviceKey) },
		func(r *authn.Request) { r.Header.Set("Cookie", "key="+deviceKey) },
		func(r *authn.Request) { r.Query = "key=" + deviceKey },
		func(r *authn.Request) { r.Subprotocols = append(r.Subprotocols, "bearer", deviceKey) },
		func(r *authn.Request) { r.Subprotocols = append(r.Subprotocols, k8sMarker+"."+b64([]byte(deviceKey))) },
	}
	for i := range show {
		for j := i; j < len(show); j++ {
			r := &authn.Request{Header: http.Header{}}
			show[i](r)
			want := outcome.Reason("")
			if j > i {
				show[j](r)
				want = outcome.BadCredential
			}
			if _, err := policy.Authenticate(t.Context(), r); reason(t, err) != want {
				t.Errorf("places %d and %d: %v, want reason %q", i, j, err, want)
			}
		}
	}
}

func TestCookiesAndParametersOfCredentialsDoNotReachTheBackend(t *testing.T) {
	t.Parallel()
	policy := keysFrom(t, contract.Source{Cookie: "__Host-key"}, contract.Source{Query: "access_token"})
	plain := keysFrom(t, contract.Source{Header: "X-Api-Key"})
	for _, test := range []struct{ sent, left string }{
		{"a=b; __Host-key=secret; c=d", "a=b; c=d"},
		{"__Host-key=secret", ""},
		{"__Host-key=secret; __Host-key=secret2", ""},
		{"__host-KEY=secret; __Host_key=secret; __Host-key =secret; a=__Host-key", "a=__Host-key"},
		{"__Host-key", ""},
		{"a=b;c=d", "a=b; c=d"},
		{"a; ;b=", "a; b="},
	} {
		header, _ := policy.Strip(http.Header{"Cookie": {test.sent}}, nil)
		var want []string
		if test.left != "" {
			want = []string{test.left}
		}
		if diff := cmp.Diff(want, header["Cookie"], cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("cookies %q (-want +got):\n%s", test.sent, diff)
		}
		if header, _ := plain.Strip(http.Header{"Cookie": {test.sent}}, nil); header.Get("Cookie") != test.sent {
			t.Errorf("a policy without cookies changed %q into %q", test.sent, header.Get("Cookie"))
		}
	}
	for _, test := range []struct{ sent, left string }{
		{"/chat?access_token=secret", "/chat"},
		{"/chat?room=5&access_token=secret&x=%20y", "/chat?room=5&x=%20y"},
		{"/chat?access_token=secret&access_token=secret2&a", "/chat?a"},
		{"/chat?%61ccess_token=secret&a=b", "/chat?a=b"},
		{"/chat?ACCESS_TOKEN=secret&access.token=secret&access-token=secret&access+token=secret&a=b", "/chat?a=b"},
		{"/chat?access_token", "/chat"},
		{"/chat?a=access_token", "/chat?a=access_token"},
		{"/chat?my_access_token=a", "/chat?my_access_token=a"},
		{"/chat?a=b?access_token=c", "/chat?a=b?access_token=c"},
		{"/chat?%zz=1&a", "/chat?%zz=1&a"},
		{"/chat", "/chat"},
		{"/chat?", "/chat"},
		{"/access_token=secret", "/access_token=secret"},
	} {
		if got := policy.StripTarget(test.sent); got != test.left {
			t.Errorf("StripTarget(%q) = %q, want %q", test.sent, got, test.left)
		}
		if got := plain.StripTarget(test.sent); got != test.sent {
			t.Errorf("a policy without queries changed %q into %q", test.sent, got)
		}
	}
}

// FuzzCookiesAndQuery sends anything: nothing that is read as the credential
// is passed on.
func FuzzCookiesAndQuery(f *testing.F) {
	for _, seed := range []string{"", "key=" + deviceKey, "a=b;key=" + deviceKey, "key=x&key=y", "%6bey=%61", "k\x00ey=;==;&&;", "key =x", "KEY=x; key"} {
		f.Add(seed, seed)
	}
	policy := keysFrom(f, contract.Source{Cookie: "key"}, contract.Source{Query: "key"})
	f.Fuzz(func(t *testing.T, cookies, raw string) {
		r := &authn.Request{Header: http.Header{"Cookie": {cookies}}, Query: raw}
		_, err := policy.Authenticate(t.Context(), r)
		if got := reason(t, err); got != "" && got != outcome.BadCredential {
			t.Fatalf("%v", err)
		}
		header, _ := policy.Strip(r.Header, nil)
		target := policy.StripTarget("/chat?" + raw)
		_, left, _ := strings.Cut(target, "?")
		id, err := policy.Authenticate(t.Context(), &authn.Request{Header: header, Query: left})
		if err != nil || id.Method != authn.MethodAnonymous {
			t.Fatalf("%q and %q leave a credential in %q and %q: %+v, %v", cookies, raw, header, target, id, err)
		}
	})
}
