// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

func TestTheOrderOfListsMakesNoDifference(t *testing.T) {
	t.Parallel()
	for _, folder := range cases(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			gw, refs := load(t, folder)
			want := compile.Config(gw, refs.refs(), refs.Previous)
			for seed := range uint64(20) {
				shuffled := gw.DeepCopy()
				shuffle(rand.New(rand.NewPCG(seed, 1)), shuffled)
				got := compile.Config(shuffled, refs.refs(), refs.Previous)
				if !bytes.Equal(want.File, got.File) {
					t.Fatalf("seed %d: another order gives other bytes:\n%s\n%s", seed, want.File, got.File)
				}
				if diff := cmp.Diff(want.AttachedRoutes, got.AttachedRoutes); diff != "" {
					t.Fatalf("seed %d: another order attaches other routes:\n%s", seed, diff)
				}
			}
		})
	}
}

func shuffle(random *rand.Rand, gw *wsv1alpha1.WebSocketGateway) {
	mix(random, gw.Spec.Listeners)
	mix(random, gw.Spec.AuthPolicies)
	mix(random, gw.Spec.Routes)
	for i := range gw.Spec.Listeners {
		mix(random, gw.Spec.Listeners[i].Hostnames)
	}
	for i := range gw.Spec.Routes {
		mix(random, gw.Spec.Routes[i].Hostnames)
		mix(random, gw.Spec.Routes[i].Subprotocols)
		mix(random, gw.Spec.Routes[i].BackendRefs)
	}
	for i := range gw.Spec.AuthPolicies {
		policy := &gw.Spec.AuthPolicies[i]
		if policy.Origins != nil {
			mix(random, policy.Origins.Allow)
		}
		if policy.ForwardIdentity != nil {
			mix(random, policy.ForwardIdentity.Headers)
		}
		for j := range policy.AnyOf {
			if policy.AnyOf[j].JWT != nil {
				mix(random, policy.AnyOf[j].JWT.Audiences)
				mix(random, policy.AnyOf[j].JWT.Algorithms)
			}
		}
	}
}

func mix[T any](random *rand.Rand, list []T) {
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

func TestDefaultsWrittenOutGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	var files [][]byte
	for _, name := range []string{"defaults-written-out", "defaults-left-out"} {
		gw, refs := load(t, filepath.Join("testdata", name))
		files = append(files, compile.Config(gw, refs.refs(), nil).File)
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Errorf("written out:\n%s\nleft out:\n%s", files[0], files[1])
	}
}

func TestConfigChangesNothingThatItIsGiven(t *testing.T) {
	t.Parallel()
	gw, refs := load(t, "testdata/every-field")
	before := gw.DeepCopy()
	compile.Config(gw, refs.refs(), refs.Previous)
	compile.Endpoints(gw, refs.refs(), &contract.Config{})
	if diff := cmp.Diff(before, gw); diff != "" {
		t.Errorf("the gateway was changed:\n%s", diff)
	}
}

func TestSizesThatDoNotFitAreBlocking(t *testing.T) {
	t.Parallel()
	bigSet := `{"keys":[` + strings.Repeat(`{"kty":"RSA","n":"`+strings.Repeat("A", 1000)+`","e":"AQAB"},`, 600) +
		`{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`
	tests := map[string]struct {
		keySet string
		change func(*wsv1alpha1.WebSocketGateway)
		field  string
	}{
		"key sets of more than 512 KiB": {
			keySet: bigSet,
			change: func(*wsv1alpha1.WebSocketGateway) {},
			field:  "spec.authPolicies",
		},
		"a configuration of more than 900 KiB": {
			keySet: `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`,
			change: func(gw *wsv1alpha1.WebSocketGateway) {
				origins := &wsv1alpha1.Origins{}
				for i := range 64 {
					origins.Allow = append(origins.Allow, wsv1alpha1.Origin(fmt.Sprintf("https://%d.%s", i, strings.Repeat("a", 290))))
				}
				for i := range 64 {
					gw.Spec.AuthPolicies = append(gw.Spec.AuthPolicies, wsv1alpha1.AuthPolicy{
						Name:    fmt.Sprintf("policy-%d", i),
						AnyOf:   []wsv1alpha1.AuthMethod{{Anonymous: &wsv1alpha1.AnonymousMethod{}}},
						Origins: origins,
					})
				}
			},
			field: "spec",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gw, refs := load(t, "testdata/manifest-of-the-readme")
			refs.ConfigMaps["jwks"]["jwks.json"] = test.keySet
			test.change(gw)
			result := compile.Config(gw, refs.refs(), nil)
			if !result.Blocked() || result.File != nil {
				t.Fatalf("blocked %v, %d bytes", result.Blocked(), len(result.File))
			}
			if got := result.Problems[0]; got.Field != test.field || got.Condition != wsv1alpha1.ConditionAccepted {
				t.Errorf("problem %+v", got)
			}
		})
	}
}

func TestKeySets(t *testing.T) {
	t.Parallel()
	const point = `"x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"`
	tests := map[string]struct {
		text string
		ok   bool
	}{
		"an EC key":                      {`{"keys":[{"kty":"EC","crv":"P-256",` + point + `}]}`, true},
		"an RSA key":                     {`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`, true},
		"an Ed25519 key":                 {`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AQAB"}]}`, true},
		"members that nobody knows":      {`{"made":"today","keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","x5t":"a"}]}`, true},
		"a list":                         {`[]`, false},
		"a single key":                   {`{"kty":"RSA","n":"AQAB","e":"AQAB"}`, false},
		"keys that are null":             {`{"keys":null}`, false},
		"a key that is null":             {`{"keys":[null]}`, false},
		"a second document":              {`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}{}`, false},
		"a key without a type":           {`{"keys":[{"n":"AQAB","e":"AQAB"}]}`, false},
		"a type that nobody knows":       {`{"keys":[{"kty":"AKP","pub":"AQAB"}]}`, false},
		"a type that is a number":        {`{"keys":[{"kty":1}]}`, false},
		"an EC key without a curve":      {`{"keys":[{"kty":"EC",` + point + `}]}`, false},
		"an EC key without y":            {`{"keys":[{"kty":"EC","crv":"P-256","x":"AQAB"}]}`, false},
		"an RSA key with padding":        {`{"keys":[{"kty":"RSA","n":"AQABAA==","e":"AQAB"}]}`, false},
		"an RSA key without a modulus":   {`{"keys":[{"kty":"RSA","n":"","e":"AQAB"}]}`, false},
		"a private RSA key":              {`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQAB"}]}`, false},
		"a prime of a private RSA key":   {`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","p":"AQAB"}]}`, false},
		"a private member in upper case": {`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","D":"AQAB"}]}`, false},
		"a private member in disguise":   {`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","\u0064":"AQAB"}]}`, false},
		"keys in another case":           {`{"Keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`, false},
		"bytes that are not UTF-8":       {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\",\"\xff\":1}]}", false},
		"a second key that is symmetric": {`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"oct","k":"AQAB"}]}`, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gw, refs := load(t, "testdata/manifest-of-the-readme")
			refs.ConfigMaps["jwks"]["jwks.json"] = test.text
			result := compile.Config(gw, refs.refs(), nil)
			fault := result.Config.Policies[0].Fault
			if ok := fault == ""; ok != test.ok {
				t.Fatalf("fault %q, problems %+v", fault, result.Problems)
			}
			if !test.ok && (len(result.Problems) != 1 || result.Problems[0].Reason != wsv1alpha1.ReasonConfigMapInvalid) {
				t.Errorf("problems %+v", result.Problems)
			}
		})
	}
}

// The reader of the other plane might believe the first of two, or another case.
func TestAMemberThatIsOverlookedIsNotPassedOn(t *testing.T) {
	t.Parallel()
	const public = `{"kty":"RSA","n":"AQAB","e":"AQAB"}`
	for _, text := range []string{
		`{"keys":[{"kty":"oct","k":"c2VjcmV0"}],"keys":[` + public + `]}`,
		`{"keys":[` + public + `],"Keys":[{"kty":"oct","k":"c2VjcmV0"}]}`,
		`{"keys":[` + public + `],"d":"c2VjcmV0"}`,
	} {
		gw, refs := load(t, "testdata/manifest-of-the-readme")
		refs.ConfigMaps["jwks"]["jwks.json"] = text
		result := compile.Config(gw, refs.refs(), nil)
		if result.File == nil || bytes.Contains(result.File, []byte("c2VjcmV0")) {
			t.Errorf("%s becomes %s", text, result.File)
		}
	}
}

func TestNoContentOfAConfigMapIsInAMessage(t *testing.T) {
	t.Parallel()
	const private = "c2VjcmV0LXNpZ25pbmcta2V5"
	for _, text := range []string{
		`{"keys":[{"kty":"oct","k":"` + private + `"}]}`,
		`{"keys":[{"kty":"EC","d":"` + private + `"}]}`,
		`{"keys":"` + private + `"}`,
		`{"keys":[{"kty":"` + private + `"}]}`,
		`{"keys":[{"kty":"EC","crv":"` + private + `","x":"a","y":"b"}]}`,
		`{"keys":[{"kty":"EC","crv":"P-256","x":"` + private + `!","y":"b"}]}`,
		`{"keys":[{"kty":"RSA","n":"` + private + `="}]}`,
		`{"keys":["` + private + `"]}`,
		`{"keys":[{"` + private + `":1}]}`,
		`{"` + private + `":1}`,
		private,
		`{"keys":[` + private,
	} {
		gw, refs := load(t, "testdata/manifest-of-the-readme")
		refs.ConfigMaps["jwks"]["jwks.json"] = text
		result := compile.Config(gw, refs.refs(), nil)
		if len(result.Problems) != 1 {
			t.Fatalf("%s: problems %+v", text, result.Problems)
		}
		if strings.Contains(result.Problems[0].Message, private) {
			t.Errorf("the message repeats the key: %s", result.Problems[0].Message)
		}
	}
}

func TestNoContentOfACABundleIsInAMessage(t *testing.T) {
	t.Parallel()
	const private = "c2VjcmV0LXNpZ25pbmcta2V5"
	block := func(kind, content string) string {
		return "-----BEGIN " + kind + "-----\n" + content + "\n-----END " + kind + "-----\n"
	}
	for _, text := range []string{
		private, block("PRIVATE KEY", private), block("X PRIVATE KEY "+private, private), block(private, private), block("CERTIFICATE", private), block("CERTIFICATE", private+"!"), "-----BEGIN CERTIFICATE-----\n" + private,
	} {
		gw, refs := load(t, "testdata/key-set-uri-with-ca")
		refs.ConfigMaps["ca"]["ca.crt"] = text
		result := compile.Config(gw, refs.refs(), nil)
		if len(result.Problems) == 0 {
			t.Fatalf("%s: no problem", text)
		}
		for _, problem := range result.Problems {
			if strings.Contains(problem.Message, private) || strings.Contains(problem.Message, "secret-signing") {
				t.Errorf("the message repeats the content: %s", problem.Message)
			}
		}
	}
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	route := func(names ...string) wsv1alpha1.Route {
		r := wsv1alpha1.Route{Name: "r" + strings.Join(names, "-")}
		for _, name := range names {
			r.BackendRefs = append(r.BackendRefs, wsv1alpha1.BackendReference{Name: name, Port: 80})
		}
		return r
	}
	gw := &wsv1alpha1.WebSocketGateway{}
	gw.Spec.Routes = []wsv1alpha1.Route{route("both", "headless"), route("both", "six"), route("gone"), route("alias"), route("portless")}
	gw.Spec.AuthPolicies = []wsv1alpha1.AuthPolicy{{Name: "asked", AnyOf: []wsv1alpha1.AuthMethod{{External: &wsv1alpha1.ExternalMethod{
		GRPC: wsv1alpha1.ExternalServer{BackendRef: wsv1alpha1.ExternalBackendReference{Name: "authz", Port: 9000}},
	}}}}}
	refs := compile.Refs{Services: map[string]compile.Service{
		"authz": {
			ClusterIP: "10.0.0.4", Ports: []compile.ServicePort{{Name: "grpc", Port: 9000}},
			Endpoints: map[string][]string{"grpc": {"10.1.0.4:9000"}},
		},
		"both": {
			ClusterIP: "10.0.0.1",
			Ports:     []compile.ServicePort{{Name: "other", Port: 81}, {Name: "ws", Port: 80}},
			Endpoints: map[string][]string{"ws": {"10.1.0.2:8080", "10.1.0.1:8080", "10.1.0.2:8080"}, "other": {"10.1.0.1:9"}},
		},
		"headless": {Ports: []compile.ServicePort{{Port: 80}}, Endpoints: map[string][]string{"": {"10.1.0.3:80"}}},
		"six":      {ClusterIP: "fd00::1", Ports: []compile.ServicePort{{Port: 80}}},
		"alias":    {ExternalName: true, Ports: []compile.ServicePort{{Port: 80}}},
		"portless": {ClusterIP: "10.0.0.2"},
		"unused":   {ClusterIP: "10.0.0.3", Ports: []compile.ServicePort{{Port: 80}}},
	}}
	want := contract.Endpoints{Version: 1, Backends: map[string]contract.BackendEndpoints{
		"authz:9000":  {Addresses: []string{"10.1.0.4:9000"}, Service: "10.0.0.4:9000"},
		"both:80":     {Addresses: []string{"10.1.0.1:8080", "10.1.0.2:8080"}, Service: "10.0.0.1:80"},
		"headless:80": {Addresses: []string{"10.1.0.3:80"}},
		"six:80":      {Service: "[fd00::1]:80"},
	}}
	got := compile.Endpoints(gw, refs, &contract.Config{})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	data, err := contract.Encode(got)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := contract.ParseEndpoints(data); err != nil {
		t.Errorf("the gateway refuses them: %v", err)
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	gw, _ := load(t, "testdata/every-field")
	if diff := cmp.Diff([]string{"audit-key", "device-keys", "edge-client", "htpasswd", "pair", "shared", "wsgw-edge.alpha"}, compile.MountedSecrets(gw, nil)); diff != "" {
		t.Errorf("Secrets:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"jwks", "partners"}, compile.ConfigMaps(gw)); diff != "" {
		t.Errorf("ConfigMaps:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"echo", "next", "old"}, compile.Services(gw)); diff != "" {
		t.Errorf("Services:\n%s", diff)
	}
	issuer := compile.Issuer{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: "ca"}
	if diff := cmp.Diff([]compile.Issuer{issuer}, compile.Issuers(gw)); diff != "" {
		t.Errorf("issuers:\n%s", diff)
	}
	for _, reference := range compile.References(gw, false) {
		if reference.Kind == compile.KindSecret && reference.Name == "wsgw-edge.alpha" {
			t.Errorf("a Secret that is issued is listed as the user's: %+v", reference)
		}
	}
}

func TestProblemsNameAFieldAndAreBlockingOnlyWhenNothingCanBeCompiled(t *testing.T) {
	t.Parallel()
	for _, folder := range cases(t) {
		gw, refs := load(t, folder)
		result := compile.Config(gw, refs.refs(), refs.Previous)
		var previous status.Problem
		for _, problem := range result.Problems {
			if problem.Field == "" || problem.Message == "" || problem.Reason == "" {
				t.Errorf("%s: %+v", folder, problem)
			}
			// The spec can be compiled whatever annotations ask for.
			ofSpec := !strings.HasPrefix(problem.Field, "metadata.annotations[")
			if problem.Blocking != (ofSpec && problem.Condition == wsv1alpha1.ConditionAccepted) {
				t.Errorf("%s: %s blocks %v", folder, problem.Condition, problem.Blocking)
			}
			if problem.Field < previous.Field {
				t.Errorf("%s: %s comes after %s", folder, problem.Field, previous.Field)
			}
			previous = problem
		}
	}
}
