// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

func TestRoutesHaveAShareOfTheGateway(t *testing.T) {
	t.Parallel()
	gw := sharedGateway(t)
	var routes []wsv1alpha1.WebSocketRoute
	for team := range 10 {
		namespace := fmt.Sprintf("team-%d", team)
		for i := range 4 {
			var paths []string
			for j := range 16 {
				paths = append(paths, fmt.Sprintf("/%d/%d", i, j))
			}
			routes = append(routes, attached(namespace, fmt.Sprintf("r%d", i), 1000-team, []string{namespace + ".example.com"}, paths...))
		}
		routes = append(routes, attached(namespace, "one-more", 1, []string{namespace + ".example.com"}, "/more"))
	}
	result := compile.Config(gw, refsOf(routes...), nil)
	if result.Blocked() {
		t.Fatalf("the gateway cannot be compiled: %+v", result.Problems)
	}
	// 7 teams have their 64 rules; of the eighth three routes find room, and then the
	// small ones that follow.
	for team := range 10 {
		namespace := fmt.Sprintf("team-%d", team)
		want := 64
		switch {
		case team == 7:
			want = 48 + 1
		case team > 7:
			want = 1
		}
		got := len(routesOf(&result.Config, namespace))
		if got != want {
			t.Errorf("%s has %d rules, want %d", namespace, got, want)
		}
		if told := reasonsOf(t, &result, namespace, "one-more"); team < 7 && !slices.Equal(told, []string{"TooManyRoutes"}) {
			t.Errorf("%s is told %v of its last route", namespace, told)
		}
	}
}

// A namespace with more endpoints than fit goes by the addresses of its Services,
// and others keep theirs.
func TestEndpointsHaveAShareOfTheFile(t *testing.T) {
	t.Parallel()
	gw := sharedGateway(t)
	refs := refsOf(attached("team-a", "a", 2, []string{"a.example.com"}, "/"), attached("team-b", "b", 1, []string{"b.example.com"}, "/"))
	crowd := refs.Services["team-a/chat"]
	crowd.ClusterIP, crowd.Endpoints = "10.0.0.1", map[string][]string{}
	for i := range 10_000 {
		crowd.Endpoints["ws"] = append(crowd.Endpoints["ws"], fmt.Sprintf("10.1.%d.%d:8080", i/250, i%250))
	}
	refs.Services["team-a/chat"] = crowd
	result := compile.Config(gw, refs, nil)
	endpoints := compile.Endpoints(gw, refs, &result.Config)
	encoded, err := contract.Encode(endpoints)
	if err != nil || len(encoded) > 64<<10 {
		t.Errorf("endpoints.json has %d bytes (%v)", len(encoded), err)
	}
	if found := endpoints.Backends["team-a/chat:8080"]; len(found.Addresses) < 1000 || found.Service != "10.0.0.1:8080" {
		t.Errorf("team-a has %d addresses and the Service %q", len(found.Addresses), found.Service)
	}
	if diff := cmp.Diff([]string{"192.0.2.1:8080"}, endpoints.Backends["team-b/chat:8080"].Addresses); diff != "" {
		t.Errorf("team-b (-want +got):\n%s", diff)
	}
}

// Routes without end, none of which can be served, take neither the time nor the
// room of anybody.
func TestTheOldestRoutesOfANamespaceAreLookedAt(t *testing.T) {
	t.Parallel()
	routes := []wsv1alpha1.WebSocketRoute{attached("team-b", "b", 1, []string{"b.example.com"}, "/")}
	for i := range 150 {
		routes = append(routes, attached("team-a", fmt.Sprintf("r%d", i), 1000-i, []string{"www.example.com"}, "/"))
	}
	result := compile.Config(sharedGateway(t), refsOf(routes...), nil)
	told := map[string]int{}
	for i := range 150 {
		told[strings.Join(reasonsOf(t, &result, "team-a", fmt.Sprintf("r%d", i)), " ")]++
	}
	if diff := cmp.Diff(map[string]int{wsv1alpha1.ReasonHostnameConflict: 128, wsv1alpha1.ReasonTooManyRoutes: 22}, told); diff != "" {
		t.Errorf("team-a is told (-want +got):\n%s", diff)
	}
	if newest := reasonsOf(t, &result, "team-a", "r149"); !slices.Equal(newest, []string{wsv1alpha1.ReasonTooManyRoutes}) {
		t.Errorf("its newest route is told %v", newest)
	}
	if len(routesOf(&result.Config, "team-b")) != 1 {
		t.Error("team-b is not served")
	}
}

// A namespace can write routes without end, whose backends are ports of one Service.
// Those that find no room have none in endpoints.json either.
func TestRoutesWithoutRoomHaveNoEndpoints(t *testing.T) {
	t.Parallel()
	gw := sharedGateway(t)
	var routes []wsv1alpha1.WebSocketRoute
	var ports []compile.ServicePort
	for i := range 120 {
		route := attached("team-a", fmt.Sprintf("r%d", i), 9, []string{"a.example.com"}, fmt.Sprintf("/%d", i))
		route.Spec.Rules[0].BackendRefs = nil
		for j := range 8 {
			port := int32(1000 + 8*i + j)
			ports = append(ports, compile.ServicePort{Name: fmt.Sprint(port), Port: port})
			route.Spec.Rules[0].BackendRefs = append(route.Spec.Rules[0].BackendRefs, wsv1alpha1.BackendReference{Name: "chat", Port: port})
		}
		routes = append(routes, route)
	}
	refs := refsOf(append(routes, attached("team-b", "b", 1, []string{"b.example.com"}, "/"))...)
	refs.Services["team-a/chat"] = compile.Service{ClusterIP: "10.0.0.1", Ports: ports}
	result := compile.Config(gw, refs, nil)
	endpoints := compile.Endpoints(gw, refs, &result.Config)
	named := map[string]bool{"own:80": true}
	for _, route := range result.Config.Routes {
		for _, backend := range route.Backends {
			named[backend.Name] = true
		}
	}
	for name := range endpoints.Backends {
		if !named[name] {
			t.Fatalf("backend %s, one of %d, belongs to no route that is served", name, len(endpoints.Backends))
		}
	}
	if len(routesOf(&result.Config, "team-a")) < 60 || len(endpoints.Backends["team-b/chat:8080"].Addresses) != 1 {
		t.Errorf("those that have room have no endpoints: %d backends", len(endpoints.Backends))
	}
}

// Where labels cannot be read, a namespace is not let in for want of one.
func TestLabelsThatCannotBeReadLetNobodyIn(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		selector string
		want     bool
	}{
		"the name can be read":                {"{matchLabels: {kubernetes.io/metadata.name: team-a}}", true},
		"not the lack of a label":             {"{matchExpressions: [{key: untrusted, operator: DoesNotExist}]}", false},
		"nor the lack of a value":             {"{matchExpressions: [{key: stage, operator: NotIn, values: [test]}]}", false},
		"nor another label beside the name":   {"{matchLabels: {kubernetes.io/metadata.name: team-a}, matchExpressions: [{key: untrusted, operator: DoesNotExist}]}", false},
		"the name may be excluded by its own": {"{matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [team-b]}]}", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gw := sharedGateway(t)
			allowed := &wsv1alpha1.RouteNamespaces{From: wsv1alpha1.NamespacesFromSelector}
			if err := yaml.UnmarshalStrict([]byte(test.selector), &allowed.Selector); err != nil {
				t.Fatal(err)
			}
			gw.Spec.Listeners[0].AllowedRoutes.Namespaces = allowed
			refs := refsOf(attached("team-a", "a", 1, []string{"chat.example.com"}, "/"))
			refs.NamesOnly, refs.Namespaces = true, map[string]map[string]string{"team-a": {"kubernetes.io/metadata.name": "team-a"}}
			result := compile.Config(gw, refs, nil)
			if got := len(routesOf(&result.Config, "team-a")) == 1; got != test.want {
				t.Errorf("let in: %v, want %v", got, test.want)
			}
			if told := len(result.Problems) == 0; told != test.want {
				t.Errorf("the gateway is told %+v", result.Problems)
			}
		})
	}
}

// Each reference across namespaces needs a grant that names exactly who asks.
func TestAServiceElsewhereNeedsAGrant(t *testing.T) {
	t.Parallel()
	from := func(group, kind, namespace string) []compile.GrantFrom {
		return []compile.GrantFrom{{Group: group, Kind: kind, Namespace: namespace}}
	}
	to := func(group, kind, name string) []compile.GrantTo {
		return []compile.GrantTo{{Group: group, Kind: kind, Name: name}}
	}
	group := wsv1alpha1.SchemeGroupVersion.Group
	tests := map[string]struct {
		grant compile.Grant
		want  bool
	}{
		"no grant":                         {},
		"one for the Service":              {compile.Grant{Namespace: "team-b", From: from(group, "WebSocketRoute", "team-a"), To: to("", "Service", "chat")}, true},
		"one for every Service":            {compile.Grant{Namespace: "team-b", From: from(group, "WebSocketRoute", "team-a"), To: to("", "Service", "")}, true},
		"one in another namespace":         {compile.Grant{Namespace: "team-a", From: from(group, "WebSocketRoute", "team-a"), To: to("", "Service", "chat")}, false},
		"one for another namespace":        {compile.Grant{Namespace: "team-b", From: from(group, "WebSocketRoute", "team-c"), To: to("", "Service", "chat")}, false},
		"one for gateways":                 {compile.Grant{Namespace: "team-b", From: from(group, "WebSocketGateway", "team-a"), To: to("", "Service", "chat")}, false},
		"one for routes of another group":  {compile.Grant{Namespace: "team-b", From: from("example.com", "WebSocketRoute", "team-a"), To: to("", "Service", "chat")}, false},
		"one to another Service":           {compile.Grant{Namespace: "team-b", From: from(group, "WebSocketRoute", "team-a"), To: to("", "Service", "other")}, false},
		"one to Secrets":                   {compile.Grant{Namespace: "team-b", From: from(group, "WebSocketRoute", "team-a"), To: to("", "Secret", "chat")}, false},
		"one to a kind Service of a group": {compile.Grant{Namespace: "team-b", From: from(group, "WebSocketRoute", "team-a"), To: to("example.com", "Service", "chat")}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gw := sharedGateway(t)
			route := attached("team-a", "a", 1, []string{"chat.example.com"}, "/")
			route.Spec.Rules[0].BackendRefs[0].Namespace = "team-b"
			refs := refsOf(route, attached("team-b", "b", 1, []string{"shop.example.com"}, "/"))
			refs.Grants = []compile.Grant{test.grant}
			result := compile.Config(gw, refs, nil)
			if got := len(reasonsOf(t, &result, "team-a", "a")) == 0; got != test.want {
				t.Errorf("permitted: %v, want %v", got, test.want)
			}
			served := routesOf(&result.Config, "team-a")
			if got := len(served) == 1 && served[0].Fault == ""; got != test.want {
				t.Errorf("served: %v, want %v: %+v", got, test.want, served)
			}
			if got := slices.Contains(compile.UsableServices(gw, &refs), "team-b/chat"); !got {
				t.Error("the Service of team-b is not usable by team-b itself")
			}
		})
	}
}

// What is refused for want of a grant says the same whether the Service exists or
// not.
func TestAForeignServiceIsNotToldOf(t *testing.T) {
	t.Parallel()
	message := func(exists, missing bool) string {
		route := attached("team-a", "a", 1, []string{"chat.example.com"}, "/")
		route.Spec.Rules[0].BackendRefs[0].Namespace = "team-b"
		refs := refsOf(route)
		refs.GrantsMissing = missing
		if exists {
			refs.Services["team-b/chat"] = compile.Service{Ports: []compile.ServicePort{{Port: 8080}}}
		}
		result := compile.Config(sharedGateway(t), refs, nil)
		if len(result.Attached[0].Problems) != 1 || result.Attached[0].Problems[0].Reason != wsv1alpha1.ReasonRefNotPermitted {
			t.Fatalf("problems: %+v", result.Attached[0].Problems)
		}
		return result.Attached[0].Problems[0].Message
	}
	for _, missing := range []bool{false, true} {
		if with, without := message(true, missing), message(false, missing); with != without {
			t.Errorf("the messages tell whether the Service exists: %q and %q", with, without)
		}
	}
}

func TestWhoMayAttach(t *testing.T) {
	t.Parallel()
	labelled := map[string]map[string]string{"team-a": {"team": "a", "stage": "live"}, "wss": {}}
	tests := map[string]struct {
		allowed string
		team    string
		want    bool
	}{
		"nobody without allowedRoutes":             {"", "wss", false},
		"the gateway's own namespace by default":   {"{}", "wss", true},
		"and no other":                             {"{}", "team-a", false},
		"the same, in words":                       {"{namespaces: {from: Same}}", "wss", true},
		"and no other, in words":                   {"{namespaces: {from: Same}}", "team-a", false},
		"everybody":                                {"{namespaces: {from: All}}", "team-z", true},
		"by a label":                               {"{namespaces: {from: Selector, selector: {matchLabels: {team: a}}}}", "team-a", true},
		"not the own one without the label":        {"{namespaces: {from: Selector, selector: {matchLabels: {team: a}}}}", "wss", false},
		"not one that is gone":                     {"{namespaces: {from: Selector, selector: {matchExpressions: [{key: no, operator: DoesNotExist}]}}}", "team-z", false},
		"by an expression":                         {"{namespaces: {from: Selector, selector: {matchExpressions: [{key: stage, operator: In, values: [live, test]}]}}}", "team-a", true},
		"everything must match":                    {"{namespaces: {from: Selector, selector: {matchLabels: {team: a}, matchExpressions: [{key: stage, operator: NotIn, values: [live]}]}}}", "team-a", false},
		"nobody by a selector that cannot be read": {"{namespaces: {from: Selector, selector: {matchLabels: {'a b': a}}}}", "team-a", false},
		"nobody by an empty one":                   {"{namespaces: {from: Selector, selector: {}}}", "team-a", false},
		"nobody by a word of a later release":      {"{namespaces: {from: Friends}}", "team-a", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gw := sharedGateway(t)
			gw.Spec.Listeners[0].AllowedRoutes = nil
			if test.allowed != "" {
				gw.Spec.Listeners[0].AllowedRoutes = &wsv1alpha1.AllowedRoutes{}
				if err := yaml.UnmarshalStrict([]byte(test.allowed), gw.Spec.Listeners[0].AllowedRoutes); err != nil {
					t.Fatal(err)
				}
				gw.Spec.Listeners[0].AllowedRoutes.AuthPolicies = []string{"users"}
			}
			refs := refsOf(attached(test.team, "a", 1, []string{"chat.example.com"}, "/"))
			refs.Namespaces = labelled
			if test.team == "wss" {
				refs.Services["chat"] = refs.Services["wss/chat"]
			}
			result := compile.Config(gw, refs, nil)
			told := reasonsOf(t, &result, test.team, "a")
			if got := len(told) == 0; got != test.want {
				t.Errorf("let in: %v, want %v: %v", got, test.want, told)
			}
			if !test.want && !slices.Equal(told, []string{"NotAllowedByListeners"}) {
				t.Errorf("told %v", told)
			}
			if services := compile.UsableServices(gw, &refs); !test.want && slices.ContainsFunc(services, func(s string) bool { return strings.Contains(s, "chat") }) {
				t.Errorf("its Services are looked up: %v", services)
			}
		})
	}
}
