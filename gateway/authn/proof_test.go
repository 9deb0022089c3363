// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

const otherDeviceKey = "another-key-of-some-length-000000"

// Whoever was let in by one policy is judged by another exactly as the same
// request would be: every pair of these policies is tried with every request.
func TestAnAdmittedCallerIsJudgedAsTheSameRequestWouldBe(t *testing.T) {
	t.Parallel()
	key, other := ecKey(t, "k1"), ecKey(t, "k2")
	renamed := other
	renamed.id = "k1"
	nameless := key
	nameless.id = ""
	apiKeys := func(secret string, from ...contract.Source) contract.Method {
		if from == nil {
			from = []contract.Source{{Header: "X-Api-Key"}}
		}
		return contract.Method{APIKey: &contract.APIKey{Secret: secret, From: from}}
	}
	anonymous := contract.Method{Anonymous: &contract.Anonymous{}}
	edited := func(edit func(*contract.JWT)) contract.Policy { return methods(jwtMethod(jwks(key.jwk()), edit)) }
	policies := map[string]contract.Policy{
		"tokens":                 edited(nil),
		"tokens of two keys":     methods(jwtMethod(jwks(other.jwk(), key.jwk()), nil)),
		"tokens of another key":  methods(jwtMethod(jwks(other.jwk()), nil)),
		"the kid means another":  methods(jwtMethod(jwks(renamed.jwk()), nil)),
		"the key without a kid":  methods(jwtMethod(jwks(nameless.jwk()), nil)),
		"another audience":       edited(func(m *contract.JWT) { m.Audiences = []string{"admin"} }),
		"further audiences":      edited(func(m *contract.JWT) { m.Audiences = []string{"admin", audience} }),
		"another issuer":         edited(func(m *contract.JWT) { m.Issuer = "https://other.example.com" }),
		"another header":         edited(func(m *contract.JWT) { m.From = []contract.Source{{Header: "X-Token"}} }),
		"either place":           edited(func(m *contract.JWT) { m.From = append(m.From, contract.Source{Subprotocol: "bearer"}) }),
		"tokens or nobody":       methods(jwtMethod(jwks(key.jwk()), nil), anonymous),
		"anonymous":              methods(anonymous),
		"API keys":               methods(apiKeys("devices")),
		"API keys and tokens":    methods(apiKeys("devices"), jwtMethod(jwks(key.jwk()), nil)),
		"API keys elsewhere":     methods(apiKeys("devices", contract.Source{Header: "X-Device"})),
		"other API keys":         methods(apiKeys("others")),
		"the key under a copy":   methods(apiKeys("copy")),
		"API keys or nobody":     methods(apiKeys("others"), anonymous),
		"both in one header":     methods(jwtMethod(jwks(key.jwk()), nil), apiKeys("devices", bearerHeader()...)),
		"API keys in its header": methods(apiKeys("devices", bearerHeader()...)),
		"another algorithm": methods(jwtMethod(jwks(key.jwk(), edKey(t, "ed").jwk()), func(m *contract.JWT) {
			m.Algorithms = []string{"EdDSA"}
		})),
		"users":                   methods(usersFile()),
		"users or nobody":         methods(usersFile(), anonymous),
		"users and tokens":        methods(usersFile(), jwtMethod(jwks(key.jwk()), nil)),
		"users of another file":   methods(contract.Method{Basic: &contract.Basic{File: contract.SecretKey{Secret: "htpasswd", Key: "other"}}}),
		"users with new password": methods(contract.Method{Basic: &contract.Basic{File: contract.SecretKey{Secret: "htpasswd", Key: "new"}}}),
		"tokens of acme":          edited(func(m *contract.JWT) { m.RequiredClaims = map[string][]string{"org": {"acme", "7"}} }),
		"tokens of admins": edited(func(m *contract.JWT) {
			m.RequiredClaims = map[string][]string{"org": {"acme"}, "role": {"admin"}}
		}),
		"tokens in a cookie":       edited(func(m *contract.JWT) { m.From = []contract.Source{{Cookie: "session"}} }),
		"tokens in a query":        edited(func(m *contract.JWT) { m.From = []contract.Source{{Query: "token"}} }),
		"certificates":             methods(certificates(contract.IdentityFromURI)),
		"certificates of some":     methods(certificates(contract.IdentityFromURI, "urn:a", "urn:c:*")),
		"certificates by DNS name": methods(certificates(contract.IdentityFromDNS)),
		"certificates or tokens":   methods(certificates(contract.IdentityFromURI), jwtMethod(jwks(key.jwk()), nil)),
		"tokens or certificates":   methods(jwtMethod(jwks(key.jwk()), nil), certificates(contract.IdentityFromURI)),
		"certificates or nobody":   methods(certificates(contract.IdentityFromURI), anonymous),
		"two issuers": methods(jwtMethod(jwks(other.jwk()), func(m *contract.JWT) { m.Issuer = "https://other.example.com" }),
			jwtMethod(jwks(key.jwk()), nil)),
	}
	files := secrets{
		"devices": {"device-1": deviceKey}, "others": {"device-1": otherDeviceKey}, "copy": {"device-1": deviceKey, "device-2": otherDeviceKey},
	}
	files["htpasswd"] = map[string]string{
		"auth": bcryptLine, "other": sha256Line, "new": "ann:" + strings.TrimPrefix(sha256Line, "cid:"),
	}
	header := func(name, value string) *authn.Request { return &authn.Request{Header: http.Header{name: {value}}} }
	requests := map[string]*authn.Request{
		"nothing":                {},
		"a token":                bearer(key.token(nil)),
		"a token without kid":    bearer(nameless.token(nil)),
		"a token of two":         bearer(key.token(map[string]any{"aud": []string{"x", "admin"}})),
		"a user":                 basic("ann:correct horse"),
		"a token of acme":        bearer(key.token(map[string]any{"org": "acme"})),
		"a token of a number":    bearer(key.token(map[string]any{"org": 7, "role": "acme"})),
		"a token of an admin":    bearer(key.token(map[string]any{"org": []any{"acme", nil}, "role": []string{"user", "admin"}})),
		"a token in a cookie":    header("Cookie", "session="+key.token(nil)),
		"a token in a query":     {Query: "token=" + key.token(nil)},
		"a token in a header":    header("X-Token", key.token(nil)),
		"a token in subprotocol": {Subprotocols: []string{"bearer", key.token(nil)}},
		"a token of the other":   bearer(other.token(nil)),
		"a foreign token":        bearer(other.token(map[string]any{"iss": "https://other.example.com"})),
		"an API key":             header("X-Api-Key", deviceKey),
		"an API key as bearer":   bearer(deviceKey),
		"an API key elsewhere":   header("X-Device", deviceKey),
		"a certificate":          {Certificate: leaf(t, "uri:urn:a", "dns:a.example.com")},
		"another certificate":    {Certificate: leaf(t, "uri:urn:b")},
	}
	compiled := map[string]*authn.Policy{}
	for name, policy := range policies {
		compiled[name] = policyOf(t, policy, files)
	}
	kept, refused := 0, 0
	for before, old := range compiled {
		for shown, request := range requests {
			identity, err := old.Authenticate(t.Context(), request)
			if err != nil {
				continue
			}
			if identity.Proof == nil && shown != "nothing" {
				// What was shown was looked at by nobody: it is not remembered.
				continue
			}
			for after, policy := range compiled {
				fresh, want := policy.Authenticate(t.Context(), request)
				got := policy.Reconsider(identity.Proof)
				if want == nil && fresh.Method == authn.MethodClientCertificate && fresh.Subject != identity.Subject {
					// Let in again, but as somebody else: that is another connection.
					want = errors.New("another name")
				}
				if (got == nil) != (want == nil) {
					t.Errorf("%s, admitted by %q, under %q: %v, but a handshake gets %v", shown, before, after, got, want)
				}
				if got == nil {
					kept++
				} else {
					refused++
				}
			}
		}
	}
	if kept < 100 || refused < 100 {
		t.Errorf("%d kept and %d refused: the test proves little", kept, refused)
	}
}

func TestWhatCannotBeToldIsNoReasonToRefuse(t *testing.T) {
	t.Parallel()
	key := ecKey(t, "k1")
	identity, err := policyOf(t, methods(jwtMethod(jwks(key.jwk()), nil)), nil).Authenticate(t.Context(), bearer(key.token(nil)))
	if err != nil {
		t.Fatal(err)
	}
	faulty, never := contract.Policy{Name: "users", Fault: contract.FaultPolicyInvalid}, methods(jwtMethod("", func(m *contract.JWT) {
		// A discard port: nobody answers.
		m.KeySet = contract.KeySet{URI: "https://127.0.0.1:9/keys"}
	}))
	for name, c := range map[string]contract.Policy{
		"a fault": faulty, "a Secret that is missing": methods(contract.Method{APIKey: &contract.APIKey{Secret: "gone", From: bearerHeader()}}),
		"a key set that was never fetched": never,
	} {
		policy, _ := authn.NewPolicy(&c, nil, secrets{}, keySets(t))
		if err := policy.Reconsider(identity.Proof); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAKeySetThatChangesBehindItsAddressSaysSo(t *testing.T) {
	t.Parallel()
	old, fresh := ecKey(t, "old"), ecKey(t, "fresh")
	server := newIssuerServer(t, jwks(old.jwk()))
	changed := make(chan struct{}, 10)
	r := newRemote(t, server.method(), func(o *authn.KeySetOptions) { o.Changed = func() { changed <- struct{}{} } })
	identity, err := r.Authenticate(t.Context(), bearer(old.token(nil)))
	if err != nil {
		t.Fatal(err)
	}
	expect := func(what string) {
		t.Helper()
		select {
		case <-changed:
		case <-time.After(time.Minute):
			t.Fatalf("%s: nobody was told", what)
		}
	}
	expect("the first keys")
	// A token with an unknown kid has the same keys fetched again.
	r.now.Advance(10 * time.Second)
	if got := r.authenticate(t, fresh.token(nil)); got != outcome.BadCredential {
		t.Errorf("unknown key: %q", got)
	}
	server.serve(jwks(fresh.jwk()))
	r.now.Advance(10 * time.Second)
	if got := r.authenticate(t, fresh.token(nil)); got != "" {
		t.Fatalf("new key: refused with %s", got)
	}
	expect("other keys")
	if len(changed) > 0 {
		t.Error("equal keys counted as a change")
	}
	if got := reason(t, r.Reconsider(identity.Proof)); got != outcome.BadCredential {
		t.Errorf("token of the withdrawn key: %q", got)
	}
}

func TestWhoWasLetInByADryRunHasNoProof(t *testing.T) {
	t.Parallel()
	key := ecKey(t, "k1")
	anonymous := contract.Method{Anonymous: &contract.Anonymous{}}
	tokens, either := methods(jwtMethod(jwks(key.jwk()), nil)), methods(jwtMethod(jwks(key.jwk()), nil), anonymous)
	for name, tt := range map[string]struct {
		policy contract.Policy
		reason outcome.Reason
		want   outcome.Reason
	}{
		"nothing shown, tokens":              {tokens, outcome.NoCredential, outcome.NoCredential},
		"nothing shown, tokens or nobody":    {either, outcome.NoCredential, ""},
		"a bad token, tokens":                {tokens, outcome.BadCredential, outcome.BadCredential},
		"a bad token, tokens or nobody":      {either, outcome.BadCredential, outcome.BadCredential},
		"not checked, tokens or nobody":      {either, outcome.AuthUnavailable, outcome.BadCredential},
		"a bad token, a policy with a fault": {contract.Policy{Name: "users", Fault: contract.FaultPolicyInvalid}, outcome.BadCredential, ""},
	} {
		identity := authn.Unproven("users", tt.reason)
		policy, _ := authn.NewPolicy(&tt.policy, nil, secrets{}, keySets(t))
		var got outcome.Reason
		if err := policy.Reconsider(identity.Proof); err != nil {
			got = reason(t, err)
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
		if header := policy.IdentityHeaders(identity); len(header) > 0 {
			t.Errorf("%s: headers %v for nobody", name, header)
		}
	}
}
