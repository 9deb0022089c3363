// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// says is an authenticator with one answer.
type says struct {
	subject string
	err     error
}

func (s says) Authenticate(context.Context, *authn.Request) (authn.Identity, error) {
	return authn.Identity{Subject: s.subject}, s.err
}

func TestChain(t *testing.T) {
	t.Parallel()
	bad := outcome.Refuse(outcome.BadCredential, "bad")
	tests := map[string]struct {
		chain authn.Chain
		want  string
		err   error
	}{
		"the first method that sees a credential decides": {chain: authn.Chain{says{err: authn.ErrNoCredential}, says{subject: "alice"}, says{subject: "bob"}}, want: "alice"},
		"a bad credential is not rescued by a later one":  {chain: authn.Chain{says{err: bad}, says{subject: "alice"}}, err: bad},
		"nobody sees a credential":                        {chain: authn.Chain{says{err: authn.ErrNoCredential}}, err: authn.ErrNoCredential},
		"an empty chain admits nobody":                    {err: authn.ErrNoCredential},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, err := tt.chain.Authenticate(t.Context(), &authn.Request{})
			if id.Subject != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("Authenticate() = %q, %v; want %q, %v", id.Subject, err, tt.want, tt.err)
			}
		})
	}
}

const (
	deviceKey = "a-device-key-of-24-bytes"
	secretKey = "another-key-of-24-bytes!"
)

func apiKeys(edit func(*contract.APIKey)) contract.Method {
	method := &contract.APIKey{Secret: "devices", From: []contract.Source{{Header: "X-Api-Key"}}}
	if edit != nil {
		edit(method)
	}
	return contract.Method{APIKey: method}
}

func fromBearer(m *contract.APIKey) { m.From = bearerHeader() }

// request is one that shows these headers, given as name and value in turn.
func request(pairs ...string) *authn.Request {
	r := &authn.Request{Header: http.Header{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Header.Add(pairs[i], pairs[i+1])
	}
	return r
}

func offers(subprotocols ...string) *authn.Request {
	return &authn.Request{Header: http.Header{}, Subprotocols: subprotocols}
}

func TestPolicyAsksItsMethodsInOrder(t *testing.T) {
	t.Parallel()
	a, b := ecKey(t, "a"), ecKey(t, "b")
	const second = "https://second.example.com"
	ofA := jwtMethod(jwks(a.jwk()), nil)
	ofB := jwtMethod(jwks(b.jwk()), func(m *contract.JWT) { m.Issuer = second })
	anonymous := contract.Method{Anonymous: &contract.Anonymous{}}
	tokenA, tokenB := a.token(nil), b.token(map[string]any{"iss": second})
	foreign := b.token(map[string]any{"iss": "https://third.example.com"})
	claimsB := a.token(map[string]any{"iss": second})

	tests := map[string]struct {
		methods []contract.Method
		request *authn.Request
		who     string // method and issuer
		want    outcome.Reason
	}{
		"the first issuer":               {methods: []contract.Method{ofA, ofB}, request: bearer(tokenA), who: "jwt " + issuer},
		"the second issuer":              {methods: []contract.Method{ofA, ofB}, request: bearer(tokenB), who: "jwt " + second},
		"an issuer that no method names": {methods: []contract.Method{ofA, ofB}, request: bearer(foreign), want: outcome.BadCredential},
		"an issuer that no method names does not become anonymous": {methods: []contract.Method{ofA, ofB, anonymous}, request: bearer(foreign), want: outcome.BadCredential},
		"a token that only claims to be of the second issuer":      {methods: []contract.Method{ofA, ofB, anonymous}, request: bearer(claimsB), want: outcome.BadCredential},
		"no credential":                              {methods: []contract.Method{ofA, ofB}, request: request(), want: outcome.NoCredential},
		"no credential, anonymous allowed":           {methods: []contract.Method{ofA, anonymous}, request: request(), who: "anonymous "},
		"anonymous written first still comes last":   {methods: []contract.Method{anonymous, ofA}, request: bearer(tokenA), who: "jwt " + issuer},
		"anonymous written first does not rescue":    {methods: []contract.Method{anonymous, ofA}, request: bearer(foreign), want: outcome.BadCredential},
		"another scheme is no credential":            {methods: []contract.Method{ofA}, request: request("Authorization", "Basic YTpi"), want: outcome.NoCredential},
		"Authorization without anything":             {methods: []contract.Method{ofA}, request: request("Authorization", ""), want: outcome.NoCredential},
		"a scheme without a credential":              {methods: []contract.Method{ofA, anonymous}, request: request("Authorization", "Bearer"), want: outcome.BadCredential},
		"a scheme and blanks":                        {methods: []contract.Method{ofA, anonymous}, request: request("Authorization", "Bearer   "), want: outcome.BadCredential},
		"the scheme in any case and several blanks":  {methods: []contract.Method{ofA}, request: request("Authorization", "bEARER   "+tokenA), who: "jwt " + issuer},
		"Authorization twice, both good":             {methods: []contract.Method{ofA, anonymous}, request: request("Authorization", "Bearer "+tokenA, "Authorization", "Bearer "+tokenA), want: outcome.BadCredential},
		"Authorization twice, one of another scheme": {methods: []contract.Method{ofA, anonymous}, request: request("Authorization", "Bearer "+tokenA, "Authorization", "Basic YTpi"), want: outcome.BadCredential},
		"an API key":                                      {methods: []contract.Method{ofA, apiKeys(nil)}, request: request("X-API-Key", deviceKey), who: "apiKey devices"},
		"a token before an API key decides":               {methods: []contract.Method{ofA, apiKeys(nil)}, request: request("Authorization", "Bearer "+tokenA, "X-API-Key", deviceKey), who: "jwt " + issuer},
		"a bad token before an API key ends it":           {methods: []contract.Method{ofA, apiKeys(nil)}, request: request("Authorization", "Bearer "+foreign, "X-API-Key", deviceKey), want: outcome.BadCredential},
		"a bad API key before a token ends it":            {methods: []contract.Method{apiKeys(nil), ofA}, request: request("Authorization", "Bearer "+tokenA, "X-API-Key", "x"), want: outcome.BadCredential},
		"token and API key at one place: the key":         {methods: []contract.Method{ofA, apiKeys(fromBearer)}, request: bearer(deviceKey), who: "apiKey devices"},
		"token and API key at one place: the token":       {methods: []contract.Method{ofA, apiKeys(fromBearer)}, request: bearer(tokenA), who: "jwt " + issuer},
		"API key and token at one place: the token":       {methods: []contract.Method{apiKeys(fromBearer), ofA}, request: bearer(tokenA), who: "jwt " + issuer},
		"API key and token at one place: a foreign token": {methods: []contract.Method{apiKeys(fromBearer), ofA, anonymous}, request: bearer(foreign), want: outcome.BadCredential},
		"token and API key at one place: a foreign token": {methods: []contract.Method{ofA, apiKeys(fromBearer), anonymous}, request: bearer(foreign), want: outcome.BadCredential},
		"token and API key at one place: neither":         {methods: []contract.Method{ofA, apiKeys(fromBearer), anonymous}, request: bearer("neither"), want: outcome.BadCredential},
		"only anonymous, with a header that nobody reads": {methods: []contract.Method{anonymous}, request: bearer("whatever"), who: "anonymous "},
		"no methods at all":                               {request: bearer(tokenA), want: outcome.NoCredential},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			policy := policyOf(t, methods(tt.methods...), secrets{"devices": {"d1": deviceKey}})
			id, err := policy.Authenticate(t.Context(), tt.request)
			who := ""
			if err == nil {
				who = id.Method + " " + id.Issuer
			}
			if who != tt.who || reason(t, err) != tt.want {
				t.Errorf("Authenticate() = %q, %v; want %q, reason %q", who, err, tt.who, tt.want)
			}
		})
	}
}

func TestCredentialAmongTheSubprotocols(t *testing.T) {
	t.Parallel()
	key := ecKey(t, "a")
	token := key.token(nil)
	both := jwtMethod(jwks(key.jwk()), func(m *contract.JWT) {
		m.From = []contract.Source{{Header: "Authorization"}, {Subprotocol: "bearer"}}
	})
	withHeader := offers("bearer", token)
	withHeader.Header.Set("Authorization", "Bearer "+token)
	tests := map[string]struct {
		request *authn.Request
		want    outcome.Reason
	}{
		"marker and token":                       {request: offers("bearer", token)},
		"marker, token and a real one":           {request: offers("bearer", token, "chat.v2")},
		"a real one first":                       {request: offers("chat.v2", "bearer", token)},
		"only real ones":                         {request: offers("chat.v2"), want: outcome.NoCredential},
		"none":                                   {request: offers(), want: outcome.NoCredential},
		"marker alone":                           {request: offers("bearer"), want: outcome.BadCredential},
		"marker last":                            {request: offers("chat.v2", "bearer"), want: outcome.BadCredential},
		"marker twice":                           {request: offers("bearer", token, "bearer", token), want: outcome.BadCredential},
		"marker twice, the second as credential": {request: offers("bearer", "bearer"), want: outcome.BadCredential},
		"a real one where the token should be":   {request: offers("bearer", "chat.v2", token), want: outcome.BadCredential},
		"an empty one behind the marker":         {request: offers("bearer", ""), want: outcome.BadCredential},
		"marker in another case":                 {request: offers("Bearer", token), want: outcome.NoCredential},
		"token with a blank":                     {request: offers("bearer", token+" "), want: outcome.BadCredential},
		"also in the header":                     {request: withHeader, want: outcome.BadCredential},
		"a thousand":                             {request: offers(append(strings.Split(strings.Repeat("x ", 1000), " "), "bearer", token)...)},
	}
	policy := policyOf(t, methods(both), nil)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := policy.Authenticate(t.Context(), tt.request); reason(t, err) != tt.want {
				t.Errorf("Authenticate() = %v, want reason %q", err, tt.want)
			}
		})
	}
}

// problem is the part of a report problem that a machine reads.
type problem struct {
	Reason  contract.ProblemReason
	Secret  string
	Key     string
	Serving bool
}

func problemsOf(reported []contract.ReportProblem) []problem {
	var list []problem
	for _, p := range reported {
		list = append(list, problem{Reason: p.Reason, Secret: p.Secret, Key: p.Key, Serving: p.Serving})
	}
	return list
}

func TestWhatTheSecretsDoToAPolicy(t *testing.T) {
	t.Parallel()
	key := hmacKey("h", []byte(strings.Repeat("s", 32)))
	fromSecret := jwtMethod("", func(m *contract.JWT) {
		m.Algorithms = []string{"HS256"}
		m.KeySet = contract.KeySet{Secret: &contract.SecretKey{Secret: "keys", Key: "jwks.json"}}
	})
	c := methods(fromSecret, apiKeys(nil), contract.Method{Anonymous: &contract.Anonymous{}})
	c.Name = "users"
	good := secrets{"keys": {"jwks.json": jwks(key.jwk())}, "devices": {"d1": deviceKey}}
	with := func(secret string, data map[string]string) secrets {
		changed := maps.Clone(good)
		if changed[secret] = data; data == nil {
			delete(changed, secret)
		}
		return changed
	}

	const (
		serves = outcome.Reason("")
		closed = outcome.PolicyUnavailable
	)
	tests := map[string]struct {
		files secrets
		// fresh and after are the answers to a caller with the good API key:
		// of a pod that starts with these files, and of one that had good ones.
		fresh, after outcome.Reason
		problems     []problem // after
	}{
		"all is well":                         {files: good},
		"the key set's Secret deleted":        {files: with("keys", nil), fresh: closed, after: closed, problems: []problem{{Reason: contract.ProblemSecretNotFound, Secret: "keys", Key: "jwks.json"}}},
		"the key set's Secret empty":          {files: with("keys", map[string]string{}), fresh: closed, after: closed, problems: []problem{{Reason: contract.ProblemSecretNotFound, Secret: "keys", Key: "jwks.json"}}},
		"the key set under another key":       {files: with("keys", map[string]string{"other": "x"}), fresh: closed, after: closed, problems: []problem{{Reason: contract.ProblemSecretKeyNotFound, Secret: "keys", Key: "jwks.json"}}},
		"the key set's file empty":            {files: with("keys", map[string]string{"jwks.json": "\n"}), fresh: closed, after: closed, problems: []problem{{Reason: contract.ProblemSecretInvalid, Secret: "keys", Key: "jwks.json"}}},
		"the key set malformed":               {files: with("keys", map[string]string{"jwks.json": "{"}), fresh: closed, after: serves, problems: []problem{{Reason: contract.ProblemSecretInvalid, Secret: "keys", Key: "jwks.json", Serving: true}}},
		"the key set without a fitting key":   {files: with("keys", map[string]string{"jwks.json": jwks(map[string]any{"kty": "oct", "k": "AAAA"})}), fresh: closed, after: serves, problems: []problem{{Reason: contract.ProblemSecretInvalid, Secret: "keys", Key: "jwks.json", Serving: true}}},
		"the key set too big":                 {files: with("keys", map[string]string{"jwks.json": jwks(key.jwk()) + strings.Repeat(" ", authn.MaxKeySetBytes)}), fresh: closed, after: serves, problems: []problem{{Reason: contract.ProblemSecretInvalid, Secret: "keys", Key: "jwks.json", Serving: true}}},
		"the API keys' Secret deleted":        {files: with("devices", nil), fresh: closed, after: closed, problems: []problem{{Reason: contract.ProblemSecretNotFound, Secret: "devices"}}},
		"the API keys' Secret empty":          {files: with("devices", map[string]string{}), fresh: closed, after: closed, problems: []problem{{Reason: contract.ProblemSecretNotFound, Secret: "devices"}}},
		"an API key too short":                {files: with("devices", map[string]string{"d1": deviceKey, "d2": "short"}), fresh: closed, after: serves, problems: []problem{{Reason: contract.ProblemSecretInvalid, Secret: "devices", Serving: true}}},
		"an API key with a blank in it":       {files: with("devices", map[string]string{"d1": "a device key with blanks"}), fresh: closed, after: serves, problems: []problem{{Reason: contract.ProblemSecretInvalid, Secret: "devices", Serving: true}}},
		"an API key with only a line break":   {files: with("devices", map[string]string{"d1": "\n"}), fresh: closed, after: serves, problems: []problem{{Reason: contract.ProblemSecretInvalid, Secret: "devices", Serving: true}}},
		"an API key too long":                 {files: with("devices", map[string]string{"d1": strings.Repeat("k", authn.MaxAPIKeyBytes+1)}), fresh: closed, after: serves, problems: []problem{{Reason: contract.ProblemSecretInvalid, Secret: "devices", Serving: true}}},
		"two callers with the same API key":   {files: with("devices", map[string]string{"d1": deviceKey, "d2": deviceKey + "\n"}), fresh: closed, after: serves, problems: []problem{{Reason: contract.ProblemSecretInvalid, Secret: "devices", Serving: true}}},
		"a digest of the wrong length":        {files: with("devices", map[string]string{"d1": "sha256:abcdef"}), fresh: closed, after: serves, problems: []problem{{Reason: contract.ProblemSecretInvalid, Secret: "devices", Serving: true}}},
		"a digest that is no hex":             {files: with("devices", map[string]string{"d1": "sha256:" + strings.Repeat("z", 64)}), fresh: closed, after: serves, problems: []problem{{Reason: contract.ProblemSecretInvalid, Secret: "devices", Serving: true}}},
		"the digest of nothing":               {files: with("devices", map[string]string{"d1": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}), fresh: closed, after: serves, problems: []problem{{Reason: contract.ProblemSecretInvalid, Secret: "devices", Serving: true}}},
		"an API key changed: the old is gone": {files: with("devices", map[string]string{"d1": secretKey}), fresh: outcome.BadCredential, after: outcome.BadCredential},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sets := keySets(t)
			before, problems := authn.NewPolicy(&c, nil, good, sets)
			if len(problems) != 0 {
				t.Fatalf("good files: %+v", problems)
			}
			fresh, _ := authn.NewPolicy(&c, nil, tt.files, sets)
			if _, err := fresh.Authenticate(t.Context(), request("X-API-Key", deviceKey)); reason(t, err) != tt.fresh {
				t.Errorf("fresh pod: %v, want reason %q", err, tt.fresh)
			}
			after, problems := authn.NewPolicy(&c, before, tt.files, sets)
			if _, err := after.Authenticate(t.Context(), request("X-API-Key", deviceKey)); reason(t, err) != tt.after {
				t.Errorf("running pod: %v, want reason %q", err, tt.after)
			}
			if diff := cmp.Diff(tt.problems, problemsOf(problems), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(problems, after.Problems(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("Problems() differ from NewPolicy's (-new +later):\n%s", diff)
			}
			for _, p := range problems {
				if p.Policy != "users" || p.Message == "" || strings.Contains(p.Message, deviceKey) || strings.Contains(p.Message, "short\"") {
					t.Errorf("problem %+v: want the policy, a message, and nothing secret", p)
				}
			}
			// Nobody slips in as anonymous while the policy is closed.
			if _, err := after.Authenticate(t.Context(), request()); tt.after == closed && reason(t, err) != closed {
				t.Errorf("caller without credential: %v, want reason %q", err, closed)
			}
		})
	}
}

func TestLastGoodContentNeverBringsBackOldRules(t *testing.T) {
	t.Parallel()
	key, sets := ecKey(t, "a"), keySets(t)
	build := func(previous *authn.Policy, audiences []string, files secrets) *authn.Policy {
		c := methods(jwtMethod(jwks(key.jwk()), func(m *contract.JWT) { m.Audiences = audiences }), apiKeys(nil))
		policy, _ := authn.NewPolicy(&c, previous, files, sets)
		return policy
	}
	first := build(nil, []string{audience}, secrets{"devices": {"d1": deviceKey}})
	second := build(first, []string{"mail"}, secrets{"devices": {"d1": "bad"}})
	if _, err := second.Authenticate(t.Context(), request("X-API-Key", deviceKey)); err != nil {
		t.Errorf("last good API key: %v", err)
	}
	if _, err := second.Authenticate(t.Context(), bearer(key.token(nil))); reason(t, err) != outcome.BadCredential {
		t.Errorf("token for an audience that was taken away: %v, want %s", err, outcome.BadCredential)
	}
	third := build(second, []string{"mail"}, secrets{"devices": {"d1": "still bad"}})
	if _, err := third.Authenticate(t.Context(), request("X-API-Key", deviceKey)); err != nil {
		t.Errorf("last good API key, two changes later: %v", err)
	}
	deleted := build(third, []string{"mail"}, secrets{})
	again := build(deleted, []string{"mail"}, secrets{"devices": {"d1": "bad"}})
	if _, err := again.Authenticate(t.Context(), request("X-API-Key", deviceKey)); reason(t, err) != outcome.PolicyUnavailable {
		t.Errorf("content from before the Secret was deleted: %v, want %s", err, outcome.PolicyUnavailable)
	}
}

func TestFaultOfTheContractClosesThePolicy(t *testing.T) {
	t.Parallel()
	c := contract.Policy{Name: "users", Fault: contract.FaultPolicyInvalid, Methods: []contract.Method{{Anonymous: &contract.Anonymous{}}}}
	policy, _ := authn.NewPolicy(&c, nil, secrets{}, keySets(t))
	_, err := policy.Authenticate(t.Context(), request())
	if reason(t, err) != outcome.PolicyUnavailable || !strings.Contains(err.Error(), string(contract.FaultPolicyInvalid)) {
		t.Errorf("Authenticate() = %v, want %s with the fault", err, outcome.PolicyUnavailable)
	}
}
