// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// shared is a gateway that lets everybody attach.
const shared = `
metadata: {name: edge, namespace: wss}
spec:
  listeners:
  - name: public
    port: 443
    hostnames: ["*.example.com", "*.a.example.com", example.org]
    tls: {certificate: {secretRef: {name: tls}}}
    allowedRoutes: {namespaces: {from: All}, authPolicies: [users, staff], backendTLSProfiles: [inside]}
  authPolicies:
  - {name: users, anyOf: [{anonymous: {}}], origins: {allow: ["https://app.example.com"]}}
  - {name: staff, anyOf: [{anonymous: {}}]}
  - {name: private, anyOf: [{anonymous: {}}]}
  backendTLS: [{name: inside}, {name: proven, clientCertificate: {secretRef: {name: edge-client}}}]
  routes:
  - {name: own, hostnames: [www.example.com], authPolicy: private, backendRefs: [{name: own, port: 80}]}
`

func sharedGateway(t *testing.T) *wsv1alpha1.WebSocketGateway {
	t.Helper()
	gw := &wsv1alpha1.WebSocketGateway{}
	if err := yaml.UnmarshalStrict([]byte(shared), gw); err != nil {
		t.Fatal(err)
	}
	return gw
}

// attached makes a route of so many days of age.
func attached(namespace, name string, age int, hostnames []string, paths ...string) wsv1alpha1.WebSocketRoute {
	route := wsv1alpha1.WebSocketRoute{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name, Generation: 1,
		CreationTimestamp: metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -age)),
	}}
	route.Spec.ParentRefs = []wsv1alpha1.ParentReference{{Name: "edge", Namespace: "wss"}}
	for _, hostname := range hostnames {
		route.Spec.Hostnames = append(route.Spec.Hostnames, wsv1alpha1.Hostname(hostname))
	}
	for i, path := range paths {
		route.Spec.Rules = append(route.Spec.Rules, wsv1alpha1.WebSocketRouteRule{
			Name: fmt.Sprintf("r%d", i), Path: &wsv1alpha1.PathMatch{Value: path}, AuthPolicy: "users",
			BackendRefs: []wsv1alpha1.BackendReference{{Name: "chat", Port: 8080}},
		})
	}
	return route
}

func refsOf(routes ...wsv1alpha1.WebSocketRoute) compile.Refs {
	refs := compile.Refs{Routes: routes, Services: map[string]compile.Service{"own": {Ports: []compile.ServicePort{{Port: 80}}}}}
	for i := range routes {
		refs.Services[routes[i].Namespace+"/chat"] = compile.Service{
			Ports: []compile.ServicePort{{Name: "ws", Port: 8080}}, Endpoints: map[string][]string{"ws": {"192.0.2.1:8080"}},
		}
	}
	return refs
}

// reasons are those of a route's problems, sorted.
func reasonsOf(t *testing.T, result *compile.Result, namespace, name string) []string {
	t.Helper()
	for _, one := range result.Attached {
		if one.Namespace != namespace || one.Name != name {
			continue
		}
		var list []string
		for _, problem := range one.Problems {
			list = append(list, problem.Reason)
		}
		for _, parent := range one.Parents {
			for _, problem := range parent.Problems {
				list = append(list, problem.Reason)
			}
		}
		slices.Sort(list)
		return list
	}
	t.Fatalf("nothing is said of %s/%s", namespace, name)
	return nil
}

// routesOf are the routes of a namespace in a configuration.
func routesOf(config *contract.Config, namespace string) []contract.Route {
	return slices.DeleteFunc(slices.Clone(config.Routes), func(r contract.Route) bool {
		owner, ok := compile.AttachedFrom(r.Name)
		return !ok || owner != namespace
	})
}

func TestAHostnameBelongsToOneNamespace(t *testing.T) {
	t.Parallel()
	chat := []string{"chat.example.com"}
	tests := map[string]struct {
		routes   []wsv1alpha1.WebSocketRoute
		previous []wsv1alpha1.WebSocketRoute
		// want are the reasons that team-b is told, none where it is served.
		want []string
	}{
		"the older object gets a name that nobody holds":         {routes: []wsv1alpha1.WebSocketRoute{attached("team-b", "b", 2, chat, "/"), attached("team-a", "a", 1, chat, "/")}},
		"the newer one gets none of its paths":                   {routes: []wsv1alpha1.WebSocketRoute{attached("team-b", "b", 1, chat, "/other"), attached("team-a", "a", 2, chat, "/")}, want: []string{"HostnameConflict"}},
		"of the same age the first by namespace":                 {routes: []wsv1alpha1.WebSocketRoute{attached("team-b", "b", 1, chat, "/"), attached("team-a", "a", 1, chat, "/")}, want: []string{"HostnameConflict"}},
		"an older object takes nothing from who holds it":        {routes: []wsv1alpha1.WebSocketRoute{attached("team-b", "b", 9, chat, "/"), attached("team-a", "a", 1, chat, "/")}, previous: []wsv1alpha1.WebSocketRoute{attached("team-a", "a", 1, chat, "/")}, want: []string{"HostnameConflict"}},
		"who held it and wants it no more has lost it":           {routes: []wsv1alpha1.WebSocketRoute{attached("team-b", "b", 1, chat, "/"), attached("team-a", "a", 2, []string{"x.example.com"}, "/")}, previous: []wsv1alpha1.WebSocketRoute{attached("team-a", "a", 2, chat, "/")}},
		"a wildcard has the names below it":                      {routes: []wsv1alpha1.WebSocketRoute{attached("team-b", "b", 1, chat, "/"), attached("team-a", "a", 2, []string{"*.example.com"}, "/")}, want: []string{"HostnameConflict"}},
		"but for those that somebody held before":                {routes: []wsv1alpha1.WebSocketRoute{attached("team-b", "b", 2, chat, "/"), attached("team-a", "a", 1, []string{"*.example.com"}, "/")}},
		"a wildcard has one label":                               {routes: []wsv1alpha1.WebSocketRoute{attached("team-b", "b", 1, []string{"x.a.example.com"}, "/"), attached("team-a", "a", 2, []string{"*.example.com"}, "/")}},
		"the gateway's own routes come first":                    {routes: []wsv1alpha1.WebSocketRoute{attached("team-b", "b", 1, []string{"www.example.com"}, "/chat")}, want: []string{"HostnameConflict"}},
		"a name that no listener has is nobody's":                {routes: []wsv1alpha1.WebSocketRoute{attached("team-b", "b", 1, []string{"example.net"}, "/")}, want: []string{"HostnameNotServed", "HostnameNotServed"}},
		"a namespace shares its names by path":                   {routes: []wsv1alpha1.WebSocketRoute{attached("team-b", "b", 1, chat, "/b"), attached("team-b", "a", 2, chat, "/a")}},
		"within a namespace the older object gets a path":        {routes: []wsv1alpha1.WebSocketRoute{attached("team-b", "b", 1, chat, "/"), attached("team-b", "a", 2, chat, "/")}, want: []string{"RouteConflict"}},
		"within a route the first rule gets a path":              {routes: []wsv1alpha1.WebSocketRoute{attached("team-b", "b", 1, chat, "/", "/")}, want: []string{"RouteConflict"}},
		"a route that is not let in holds nothing that it names": {routes: []wsv1alpha1.WebSocketRoute{attached("team-b", "b", 1, chat, "/"), elsewhere(attached("team-a", "a", 2, chat, "/"))}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gw := sharedGateway(t)
			var previous *contract.Config
			if test.previous != nil {
				before := compile.Config(gw, refsOf(test.previous...), nil)
				previous = &before.Config
			}
			result := compile.Config(gw, refsOf(test.routes...), previous)
			if diff := cmp.Diff(test.want, reasonsOf(t, &result, "team-b", "b")); diff != "" {
				t.Errorf("team-b is told (-want +got):\n%s", diff)
			}
			if _, err := contract.ParseConfig(result.File); err != nil {
				t.Errorf("pods refuse the file: %v", err)
			}
		})
	}
}

// Who holds a hostname now is asked for only where it matters: whenever what is made
// without that answer differs from what is made with it.
func TestWhatIsContestedIsSeenWithoutWhatIsInForce(t *testing.T) {
	t.Parallel()
	gw := sharedGateway(t)
	for _, names := range [][2]string{{"*.example.com", "chat.example.com"}, {"chat.example.com", "*.example.com"}, {"chat.example.com", "chat.example.com"}} {
		before := compile.Config(gw, refsOf(attached("team-a", "a", 1, names[:1], "/")), nil)
		routes := refsOf(attached("team-a", "a", 1, names[:1], "/"), attached("team-b", "b", 9, names[1:], "/"))
		alone, with := compile.Config(gw, routes, nil), compile.Config(gw, routes, &before.Config)
		if diff := cmp.Diff(alone.Config.Routes, with.Config.Routes); diff != "" && !alone.Contested() {
			t.Errorf("team-a holds %s, and an older route with %s is not seen to contest it (-alone +with what is in force):\n%s", names[0], names[1], diff)
		}
	}
	quiet := compile.Config(gw, refsOf(attached("team-a", "a", 1, []string{"a.example.com"}, "/"),
		attached("team-b", "b", 9, []string{"*.a.example.com", "b.example.com"}, "/")), nil)
	if quiet.Contested() {
		t.Error("names that have nothing in common are contested")
	}
}

// elsewhere makes a route attach to a listener that there is not.
func elsewhere(route wsv1alpha1.WebSocketRoute) wsv1alpha1.WebSocketRoute {
	route.Spec.ParentRefs[0].SectionName = "none"
	return route
}

// Whatever a route of a gateway may say, a rule may: a field that is added to one
// kind is not forgotten in the other.
func TestARuleHasEveryFieldOfARoute(t *testing.T) {
	t.Parallel()
	inline, rule := reflect.TypeFor[wsv1alpha1.Route](), reflect.TypeFor[wsv1alpha1.WebSocketRouteRule]()
	for field := range inline.Fields() {
		if field.Name == "Hostnames" {
			continue
		}
		if same, ok := rule.FieldByName(field.Name); !ok || same.Type != field.Type {
			t.Errorf("WebSocketRouteRule has no field %s of type %v", field.Name, field.Type)
		}
	}
	if extra := rule.NumField() - inline.NumField() + 1; extra != 0 {
		t.Errorf("WebSocketRouteRule has %d fields that a Route does not", extra)
	}
}

// TestATenantChangesNothingOfAnother adds and edits routes of one namespace, of any
// age and content, and compares what another has before and after.
func TestATenantChangesNothingOfAnother(t *testing.T) {
	t.Parallel()
	const seeds = 300
	for seed := range uint64(seeds) {
		random := rand.New(rand.NewPCG(seed, 1))
		gw := sharedGateway(t)
		var mine []wsv1alpha1.WebSocketRoute
		for i := range 1 + random.IntN(3) {
			mine = append(mine, anyRoute(random, "team-a", i))
		}
		before := compile.Config(gw, refsOf(mine...), nil)
		var theirs []wsv1alpha1.WebSocketRoute
		for i := range 1 + random.IntN(4) {
			theirs = append(theirs, anyRoute(random, "team-b", i))
		}
		after := compile.Config(gw, refsOf(append(slices.Clone(mine), theirs...)...), &before.Config)
		if diff := cmp.Diff(routesOf(&before.Config, "team-a"), routesOf(&after.Config, "team-a")); diff != "" {
			t.Fatalf("seed %d: team-b changes what team-a has (-before +after):\n%s", seed, diff)
		}
		for _, one := range before.Attached {
			if one.Content == "" {
				continue // it holds nothing, and may be told that somebody does now
			}
			if diff := cmp.Diff(reasonsOf(t, &before, "team-a", one.Name), reasonsOf(t, &after, "team-a", one.Name)); diff != "" {
				t.Fatalf("seed %d: team-b changes what team-a is told (-before +after):\n%s", seed, diff)
			}
		}
		checkIsolation(t, gw, &after)
	}
}

// checkIsolation looks at a configuration with routes of team-a and team-b.
func checkIsolation(t *testing.T, gw *wsv1alpha1.WebSocketGateway, after *compile.Result) {
	t.Helper()
	alone := compile.Config(gw, refsOf(), nil)
	if after.Blocked() {
		t.Fatalf("a route keeps the gateway from being compiled: %+v", after.Problems)
	}
	if diff := cmp.Diff(alone.Problems, after.Problems); diff != "" {
		t.Errorf("routes are a problem of the gateway (-alone +with them):\n%s", diff)
	}
	if _, err := contract.ParseConfig(after.File); err != nil {
		t.Errorf("pods refuse the file: %v", err)
	}
	// Nothing but routes differs: not a policy, an origin list or a limit.
	bare := after.Config
	bare.Routes = alone.Config.Routes
	if diff := cmp.Diff(alone.Config, bare); diff != "" {
		t.Errorf("routes change the gateway (-alone +with them):\n%s", diff)
	}
	offered := gw.Spec.Listeners[0].AllowedRoutes.AuthPolicies
	for _, route := range slices.Concat(routesOf(&after.Config, "team-a"), routesOf(&after.Config, "team-b")) {
		if route.Fault == "" && !slices.Contains(offered, route.Policy) {
			t.Errorf("route %s has policy %q, which is not offered", route.Name, route.Policy)
		}
		for _, backend := range route.Backends {
			if namespace, _, _ := strings.Cut(route.Name, "/"); !strings.HasPrefix(backend.Name, namespace+"/") {
				t.Errorf("route %s goes to %s without a grant", route.Name, backend.Name)
			}
			if backend.TLS != "" && backend.TLS != "inside" {
				t.Errorf("route %s has profile %q, which is not offered", route.Name, backend.TLS)
			}
		}
	}
	for _, one := range after.Attached {
		other := "team-a"
		if one.Namespace == other {
			other = "team-b"
		}
		for _, problem := range one.Problems {
			// Whoever names a namespace gets to read that name.
			if problem.Reason != wsv1alpha1.ReasonRefNotPermitted && strings.Contains(problem.Message, other) {
				t.Errorf("%s reads of %s: %s", one.Namespace, other, problem.Message)
			}
		}
	}
}

// anyRoute makes a route that may want anything.
func anyRoute(random *rand.Rand, namespace string, number int) wsv1alpha1.WebSocketRoute {
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	var hostnames []string
	for range 1 + random.IntN(3) {
		hostname := pick("*.example.com", "chat.example.com", "shop.example.com", "www.example.com", "x.a.example.com", "*.a.example.com", "example.org", "example.net")
		if !slices.Contains(hostnames, hostname) {
			hostnames = append(hostnames, hostname)
		}
	}
	var paths []string
	rules := 1 + random.IntN(4)
	if random.IntN(10) == 0 {
		rules = 70 // more than a namespace may have
	}
	for i := range rules {
		paths = append(paths, pick("/", "/chat", "/chat/", "/chat/room", fmt.Sprintf("/%d", i)))
	}
	route := attached(namespace, fmt.Sprintf("%s-%d", pick("a", "b"), number), random.IntN(10), hostnames, paths...)
	for i := range route.Spec.Rules {
		rule := &route.Spec.Rules[i]
		rule.AuthPolicy = pick("users", "staff", "private", "none", "")
		rule.BackendRefs[0].TLS = pick("", "", "inside", "proven", "none")
		rule.BackendRefs[0].Namespace = pick("", "", "team-a", "team-b", "wss")
		if random.IntN(4) == 0 {
			rule.BackendRefs[0].Name = pick("missing", "own")
		}
		if random.IntN(8) == 0 { // no schema lets it through, and pods would refuse it
			rule.Extensions = wsv1alpha1.ExtensionsPassThrough
		}
	}
	return route
}
