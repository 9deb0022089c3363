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

	"github.com/google/go-cmp/cmp"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// sized is a route of a team with so many rules, on paths of its own.
func sized(team, route, age, rules int) wsv1alpha1.WebSocketRoute {
	var paths []string
	for i := range rules {
		paths = append(paths, fmt.Sprintf("/%d/%d", route, i))
	}
	namespace := fmt.Sprintf("team-%d", team)
	return attached(namespace, fmt.Sprintf("r%d", route), age, []string{namespace + ".example.com"}, paths...)
}

// crowd fills a gateway: ten teams with 50 rules in two routes each, the first team
// the oldest.
func crowd() []wsv1alpha1.WebSocketRoute {
	var routes []wsv1alpha1.WebSocketRoute
	for team := range 10 {
		routes = append(routes, sized(team, 0, 100-team, 25), sized(team, 1, 100-team, 25))
	}
	return routes
}

// served are the rules of each route in a configuration, by NAMESPACE/NAME.
func served(config *contract.Config) map[string][]contract.Route {
	found := map[string][]contract.Route{}
	for _, route := range config.Routes {
		if _, attached := compile.AttachedFrom(route.Name); attached {
			key := route.Name[:strings.LastIndex(route.Name, "/")]
			found[key] = append(found[key], route)
		}
	}
	return found
}

func TestWhatIsInForceKeepsItsRoom(t *testing.T) {
	t.Parallel()
	const waiting = "team-9/late"
	late := func(age int) wsv1alpha1.WebSocketRoute {
		route := sized(9, 7, age, 1)
		route.Name = "late"
		return route
	}
	tests := map[string]struct {
		change func(routes []wsv1alpha1.WebSocketRoute) []wsv1alpha1.WebSocketRoute
		// want are the numbers of rules of routes that differ from the 25 before, told
		// the routes that have found no room.
		want map[string]int
		told []string
		// empty is how many rules of the route that was edited answer 503.
		empty int
	}{
		"an older route that grows has what it had": {
			change: func(routes []wsv1alpha1.WebSocketRoute) []wsv1alpha1.WebSocketRoute {
				routes[0] = sized(0, 0, 100, 26)
				return routes
			},
			told: []string{"team-0/r0"},
		},
		"an older route that comes waits": {
			change: func(routes []wsv1alpha1.WebSocketRoute) []wsv1alpha1.WebSocketRoute { return append(routes, late(999)) },
			told:   []string{waiting},
		},
		"a newer one waits too": {
			change: func(routes []wsv1alpha1.WebSocketRoute) []wsv1alpha1.WebSocketRoute { return append(routes, late(1)) },
			told:   []string{waiting},
		},
		"room that is given back goes to who waits": {
			change: func(routes []wsv1alpha1.WebSocketRoute) []wsv1alpha1.WebSocketRoute {
				routes[4] = sized(2, 0, 98, 24)
				return append(routes, late(1))
			},
			want: map[string]int{"team-2/r0": 24, waiting: 1},
		},
		"a route that is renamed in part keeps the rest": {
			change: func(routes []wsv1alpha1.WebSocketRoute) []wsv1alpha1.WebSocketRoute {
				routes[0] = sized(0, 0, 100, 40)
				routes[0].Spec.Rules = routes[0].Spec.Rules[10:]
				return routes
			},
			want: map[string]int{"team-0/r0": 15}, told: []string{"team-0/r0"},
		},
		"a hostname more is growth": {
			change: func(routes []wsv1alpha1.WebSocketRoute) []wsv1alpha1.WebSocketRoute {
				for i := range 16 {
					long := fmt.Sprintf("%s%d.example.com", strings.Repeat("h", 50), i)
					routes[0].Spec.Hostnames = append(routes[0].Spec.Hostnames, wsv1alpha1.Hostname(long))
				}
				for i := range routes[0].Spec.Rules {
					routes[0].Spec.Rules[i].Subprotocols = []string{"chat"}
				}
				routes[0] = fat(routes[0])
				return routes
			},
			told: []string{"team-0/r0"}, empty: 25,
		},
		"of a route some of whose rules need more, the others stay": {
			change: func(routes []wsv1alpha1.WebSocketRoute) []wsv1alpha1.WebSocketRoute {
				routes[0] = sized(0, 0, 100, 26) // the new one waits
				larger := routes[0]
				larger.Spec.Rules = larger.Spec.Rules[3:24]
				fat(larger)
				return routes
			},
			told: []string{"team-0/r0"}, empty: 21,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gw := sharedGateway(t)
			before := compile.Config(gw, refsOf(crowd()...), nil)
			refs := refsOf(test.change(crowd())...)
			after := compile.Config(gw, refs, &before.Config)
			for key, rules := range served(&before.Config) {
				want, differs := test.want[key]
				if !differs {
					want = len(rules)
				}
				if got := len(served(&after.Config)[key]); got != want {
					t.Errorf("%s has %d rules, want %d", key, got, want)
				}
			}
			if got, named := emptied(t, &before.Config, &after.Config), named(&after); got != test.empty || named != test.empty {
				t.Errorf("%d rules answer 503 for want of room and %d are named, want %d", got, named, test.empty)
			}
			if got := len(served(&after.Config)[waiting]); got != test.want[waiting] {
				t.Errorf("%s has %d rules, want %d", waiting, got, test.want[waiting])
			}
			if diff := cmp.Diff(test.told, withoutRoom(&after)); diff != "" {
				t.Errorf("without room (-want +got):\n%s", diff)
			}
			if alone := compile.Config(gw, refs, nil); len(test.told) > 0 && !alone.Contested() {
				t.Error("it is not seen that what is in force matters")
			}
			again := compile.Config(gw, refs, &after.Config)
			if string(after.File) != string(again.File) {
				t.Errorf("the next pass comes to something else (-first +next):\n%s", cmp.Diff(after.Config, again.Config))
			}
		})
	}
}

// emptied counts the rules without room. All others of before have to be as they were.
func emptied(t *testing.T, before, after *contract.Config) int {
	t.Helper()
	had := map[string]contract.Route{}
	for _, rule := range before.Routes {
		had[rule.Name] = rule
	}
	count := 0
	for _, rule := range after.Routes {
		old, known := had[rule.Name]
		switch {
		case rule.Fault == contract.FaultNoRoom:
			count++
			if want := (contract.Route{Name: old.Name, Hostnames: old.Hostnames, Path: old.Path, Fault: rule.Fault}); !reflect.DeepEqual(want, rule) {
				t.Errorf("without room (-want +got):\n%s", cmp.Diff(want, rule))
			}
		case known && !reflect.DeepEqual(old, rule):
			t.Errorf("a rule that had room (-before +after):\n%s", cmp.Diff(old, rule))
		}
	}
	return count
}

// named counts the rules without room that owners are told of.
func named(result *compile.Result) int {
	count := 0
	for _, one := range result.Attached {
		for _, problem := range one.Problems {
			if _, names, found := strings.Cut(problem.Message, "have become larger answer 503: "); found {
				count += len(strings.Split(names, ", "))
			}
		}
	}
	return count
}

// fat gives a route's rules more bytes than a namespace may have.
func fat(route wsv1alpha1.WebSocketRoute) wsv1alpha1.WebSocketRoute {
	for i := range route.Spec.Rules {
		route.Spec.Rules[i].Subprotocols = nil
		for j := range 60 {
			route.Spec.Rules[i].Subprotocols = append(route.Spec.Rules[i].Subprotocols, fmt.Sprintf("%s%d", strings.Repeat("p", 50), j))
		}
	}
	return route
}

// withoutRoom are the routes that are told so, sorted.
func withoutRoom(result *compile.Result) []string {
	var list []string
	for _, one := range result.Attached {
		for _, problem := range one.Problems {
			if problem.Reason == wsv1alpha1.ReasonTooManyRoutes {
				list = append(list, one.Namespace+"/"+one.Name)
			}
		}
	}
	slices.Sort(list)
	return list
}

// A Service that is gone makes a configuration smaller. What it leaves is not given
// away: the route would be without room when the Service is back.
func TestAServiceThatIsGoneCostsNoRoom(t *testing.T) {
	t.Parallel()
	gw := sharedGateway(t)
	var routes []wsv1alpha1.WebSocketRoute
	for i := range 3 {
		route := sized(0, i, 100-i, 16)
		for j := range route.Spec.Rules {
			rule := &route.Spec.Rules[j]
			rule.BackendRefs = nil
			for k := range 8 {
				rule.BackendRefs = append(rule.BackendRefs, wsv1alpha1.BackendReference{Name: strings.Repeat("s", 62), Port: int32(1000 + k), TLS: "inside"})
			}
		}
		routes = append(routes, route)
	}
	refs := refsOf(routes...)
	var ports []compile.ServicePort
	for k := range 8 {
		ports = append(ports, compile.ServicePort{Name: fmt.Sprint(k), Port: int32(1000 + k)})
	}
	refs.Services["team-0/"+strings.Repeat("s", 62)] = compile.Service{ClusterIP: "10.0.0.1", Ports: ports}
	before := compile.Config(gw, refs, nil)
	if told := withoutRoom(&before); !slices.Equal(told, []string{"team-0/r2"}) {
		t.Fatalf("without room: %v; the test wants two routes to fill the share of a namespace", told)
	}
	without := refsOf(routes...)
	gone := compile.Config(gw, without, &before.Config)
	if told := withoutRoom(&gone); !slices.Equal(told, []string{"team-0/r2"}) {
		t.Errorf("while the Service is gone, those without room are %v", told)
	}
	back := compile.Config(gw, refs, &gone.Config)
	if string(before.File) != string(back.File) {
		t.Errorf("when the Service is back (-before +then):\n%s", cmp.Diff(before.Config, back.Config))
	}
}

// Rules that have no room take none of the others along when their Service is back.
func TestRulesComeBackWithTheirServiceWhereOthersHaveNoRoom(t *testing.T) {
	t.Parallel()
	gw := sharedGateway(t)
	before := compile.Config(gw, refsOf(sized(0, 0, 100, 25)), nil)
	const larger = 21
	route := sized(0, 0, 100, 25)
	some := route
	some.Spec.Rules = some.Spec.Rules[:larger]
	fat(some)
	grown := refsOf(route)
	narrowed := compile.Config(gw, grown, &before.Config)
	if got := emptied(t, &before.Config, &narrowed.Config); got != larger {
		t.Fatalf("%d rules answer 503 for want of room; the test wants %d", got, larger)
	}
	without := refsOf(route)
	without.Services = map[string]compile.Service{}
	gone := compile.Config(gw, without, &narrowed.Config)
	if string(gone.File) == string(narrowed.File) {
		t.Fatal("the Service is not gone")
	}
	back := compile.Config(gw, grown, &gone.Config)
	if string(back.File) != string(narrowed.File) {
		t.Errorf("when the Service is back (-before +then):\n%s", cmp.Diff(narrowed.Config, back.Config))
	}
	if got := named(&back); got != larger {
		t.Errorf("%d rules are named, want %d", got, larger)
	}
}

// Teams edit their routes at random at a gateway that is nearly full. Whatever one
// does, nobody else loses anything, it keeps what it does not change, and the passes
// that follow, of an operator that has started anew too, change nothing to the worse
// and come to an end.
func TestWhatWorkedBeforeIsNotLost(t *testing.T) {
	t.Parallel()
	const seeds, edits = 2, 12
	for seed := range uint64(seeds) {
		random := rand.New(rand.NewPCG(seed, 2))
		gw := sharedGateway(t)
		routes := crowd()
		now := compile.Config(gw, refsOf(routes...), nil)
		for edit := range edits {
			at := random.IntN(len(routes))
			var changed wsv1alpha1.WebSocketRoute
			kept := 0
			if random.IntN(4) == 0 { // a new one, of any age
				changed = sized(random.IntN(10), 2+edit, random.IntN(200), 1+random.IntN(16))
				routes = append(routes, changed)
			} else {
				old := &routes[at]
				var team, number int
				_, _ = fmt.Sscanf(old.Namespace+"/"+old.Name, "team-%d/r%d", &team, &number)
				changed = sized(team, number, random.IntN(200), 1+random.IntN(30))
				kept = min(len(old.Spec.Rules), len(changed.Spec.Rules))
				if random.IntN(5) == 0 {
					changed = fat(changed)
				}
				if len(changed.Spec.Rules[0].Subprotocols) != len(old.Spec.Rules[0].Subprotocols) {
					kept = 0
				}
				routes[at] = changed
			}
			key := changed.Namespace + "/" + changed.Name
			for pass := 0; ; pass++ {
				next := compile.Config(gw, refsOf(routes...), &now.Config)
				checkNothingLost(t, &now.Config, &next.Config, key, kept)
				if t.Failed() {
					t.Fatalf("seed %d, edit %d of %s, pass %d", seed, edit, key, pass)
				}
				if string(next.File) == string(now.File) {
					break
				}
				if pass == 10 {
					t.Fatalf("seed %d, edit %d: the passes come to no end", seed, edit)
				}
				now = next
			}
		}
	}
}

// checkNothingLost compares two configurations, between which one route was edited so
// that its first rules stayed as they were.
func checkNothingLost(t *testing.T, before, after *contract.Config, edited string, kept int) {
	t.Helper()
	had, has := served(before), served(after)
	total, each := 0, map[string]int{}
	for key, rules := range has {
		namespace, _, _ := strings.Cut(key, "/")
		total += len(rules)
		each[namespace] += len(rules)
	}
	if total > 500 {
		t.Errorf("there are %d rules", total)
	}
	for namespace, rules := range each {
		if rules > 64 {
			t.Errorf("%s has %d rules", namespace, rules)
		}
	}
	for key, rules := range had {
		if key != edited {
			if !reflect.DeepEqual(rules, has[key]) && len(has[key]) <= len(rules) {
				t.Errorf("%s loses (-before +after):\n%s", key, cmp.Diff(rules, has[key]))
			}
			continue
		}
		for _, rule := range rules {
			var number int
			_, _ = fmt.Sscanf(rule.Name[strings.LastIndex(rule.Name, "/"):], "/r%d", &number)
			if number < kept && !slices.ContainsFunc(has[key], func(r contract.Route) bool { return reflect.DeepEqual(r, rule) }) {
				t.Errorf("%s loses %s, which nobody has changed", key, rule.Name)
			}
		}
	}
}
