// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wsgateway/websocket-gateway-operator/controllers/metrics"
)

func scrape(t *testing.T, set *metrics.Set) string {
	t.Helper()
	registry := prometheus.NewRegistry()
	if err := registry.Register(set); err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	if recorder.Code != 200 {
		t.Fatalf("status %d: %s", recorder.Code, recorder.Body)
	}
	return recorder.Body.String()
}

func series(text string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !strings.HasPrefix(line, "#") && name != "" {
			values[strings.TrimPrefix(name, "wsgateway_operator_")] = value
		}
	}
	return values
}

func edge(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "team", Name: name}
}

// gateway is in a generation, whose Programmed and Ready say the same.
func gateway(generation int64, programmed metav1.ConditionStatus, reason string) *metrics.Gateway {
	g := &metrics.Gateway{Generation: generation}
	for _, condition := range []string{"Accepted", "ResolvedRefs", "CertificatesReady"} {
		g.Conditions = append(g.Conditions, metav1.Condition{Type: condition, Status: metav1.ConditionTrue, Reason: condition, ObservedGeneration: generation})
	}
	for _, condition := range []string{"Programmed", "Ready", "Reconciling"} {
		g.Conditions = append(g.Conditions, metav1.Condition{Type: condition, Status: programmed, Reason: reason, ObservedGeneration: generation})
	}
	return g
}

func TestAHealthyFleetIsCountedAndNotNamed(t *testing.T) {
	t.Parallel()
	set, now := metrics.New(), time.Unix(1_800_000_000, 0)
	set.Build("v1.2.3")
	empty := len(series(scrape(t, set)))
	for _, name := range []string{"one", "two"} {
		healthy := gateway(1, metav1.ConditionTrue, "Programmed")
		healthy.Pods = &metrics.Pods{Current: 3}
		healthy.Certificates = map[string]metrics.CertificateState{"public": metrics.CertificateServed}
		set.Seen(edge(name), healthy, now, now)
		set.Passed(metrics.Done)
	}
	got := series(scrape(t, set))
	if len(got) != empty || empty > 50 {
		t.Errorf("%d series with two gateways, %d with none: want the same, and few", len(got), empty)
	}
	for name, want := range map[string]string{
		`build_info{version="v1.2.3"}`: "1", `reconciles_total{outcome="done"}`: "2", `reconciles_total{outcome="error"}`: "0",
		`gateways{condition="Ready",status="True"}`: "2", `gateways{condition="Ready",status="False"}`: "0",
		`certificates{state="served"}`: "2", `certificates{state="stale"}`: "0",
		`pods{state="current"}`: "6", `pods{state="behind"}`: "0",
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
}

func TestWhatIsWrongIsNamedUntilItIsRightOrGone(t *testing.T) {
	t.Parallel()
	set, now := metrics.New(), time.Unix(1_800_000_000, 0)
	bad := gateway(1, metav1.ConditionFalse, "StaleConfig")
	bad.Pods = &metrics.Pods{Current: 1, Behind: 2, Silent: 1}
	bad.Certificates = map[string]metrics.CertificateState{"public": metrics.CertificateStale, "other": metrics.CertificateServed}
	set.Seen(edge("one"), bad, now, now)
	set.Seen(edge("two"), gateway(1, metav1.ConditionUnknown, "PodsNotReporting"), now, now)
	named := func() []string {
		var names []string
		for name := range series(scrape(t, set)) {
			if strings.Contains(name, `gateway="`) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	want := []string{
		`gateway_certificate_trouble{gateway="one",gateway_namespace="team",listener="public",state="stale"}`,
		`gateway_pods_behind{gateway="one",gateway_namespace="team"}`,
		`gateway_unmet_condition{condition="Programmed",gateway="one",gateway_namespace="team",reason="StaleConfig"}`,
		`gateway_unmet_condition{condition="Programmed",gateway="two",gateway_namespace="team",reason="PodsNotReporting"}`,
		`gateway_unmet_condition{condition="Ready",gateway="one",gateway_namespace="team",reason="StaleConfig"}`,
		`gateway_unmet_condition{condition="Ready",gateway="two",gateway_namespace="team",reason="PodsNotReporting"}`,
	}
	if diff := cmp.Diff(want, named()); diff != "" {
		t.Errorf("named (-want +got):\n%s", diff)
	}
	if got := series(scrape(t, set))[`gateway_pods_behind{gateway="one",gateway_namespace="team"}`]; got != "3" {
		t.Errorf("%s pods are behind, want those that are and the silent one", got)
	}
	// A pass that did not get to see the pods knows no better.
	set.Seen(edge("one"), gateway(1, metav1.ConditionTrue, "Programmed"), now, now)
	set.Forget(edge("two"))
	if diff := cmp.Diff(want[:2], named()); diff != "" {
		t.Errorf("named afterwards (-want +got):\n%s", diff)
	}
}

func TestRevocationsThatAreNotInForceAreCountedUntilTheyAreOrAreGone(t *testing.T) {
	t.Parallel()
	set, now := metrics.New(), time.Unix(1_800_000_000, 0)
	set.Seen(edge("one"), gateway(1, metav1.ConditionTrue, "Programmed"), now, now)
	of := func(gateway string) string {
		return series(scrape(t, set))[`gateway_revocations_pending{gateway="`+gateway+`",gateway_namespace="team"}`]
	}
	check := func(when, one, two string) {
		t.Helper()
		if gotOne, gotTwo := of("one"), of("two"); gotOne != one || gotTwo != two {
			t.Errorf("%s: %q and %q are pending, want %q and %q", when, gotOne, gotTwo, one, two)
		}
	}
	check("at first", "", "")
	set.Revoking(edge("incident"), "one", "two")
	set.Revoking(edge("leak"), "one")
	set.Revoking(types.NamespacedName{Namespace: "other", Name: "incident"}, "one")
	check("two are new", "2", "1")
	set.Revoking(edge("incident"), "two")
	check("one pod has acknowledged", "1", "1")
	set.Revoking(edge("leak"))
	check("all have", "", "1")
	set.Forget(edge("two"))
	check("the gateway is gone", "", "")
}

func TestTimeToProgrammedIsOfChangesThatThisOperatorHasSeen(t *testing.T) {
	t.Parallel()
	set, now := metrics.New(), time.Unix(1_800_000_000, 0)
	see := func(name string, g *metrics.Gateway, after time.Duration) {
		set.Seen(edge(name), g, now.Add(after), now.Add(after))
	}
	// In force before we looked, then changed twice before it was in force again.
	see("one", gateway(4, metav1.ConditionTrue, ""), 0)
	see("one", gateway(5, metav1.ConditionFalse, ""), time.Second)
	see("one", gateway(6, metav1.ConditionFalse, ""), 2*time.Second)
	lagging := gateway(6, metav1.ConditionTrue, "")
	for i := range lagging.Conditions {
		lagging.Conditions[i].ObservedGeneration = 4
	}
	see("one", lagging, 3*time.Second)
	see("one", gateway(6, metav1.ConditionTrue, ""), 6*time.Second)
	see("one", gateway(6, metav1.ConditionFalse, ""), 7*time.Second)
	see("one", gateway(6, metav1.ConditionTrue, ""), 8*time.Second)
	// New.
	see("two", gateway(1, metav1.ConditionFalse, ""), time.Second)
	see("two", gateway(1, metav1.ConditionTrue, ""), 3*time.Second)
	got := series(scrape(t, set))
	if count, sum := got["time_to_programmed_seconds_count"], got["time_to_programmed_seconds_sum"]; count != "2" || sum != "6" {
		t.Errorf("%s changes took %s seconds, want 2 that took 4 and 2", count, sum)
	}
}

func TestTheCatalogueIsWhatIsServed(t *testing.T) {
	t.Parallel()
	set, now := metrics.New(), time.Unix(1_800_000_000, 0)
	set.Build("v1.2.3")
	bad := gateway(1, metav1.ConditionFalse, "StaleConfig")
	bad.Pods = &metrics.Pods{Behind: 1}
	bad.Certificates = map[string]metrics.CertificateState{"public": metrics.CertificateStale}
	set.Seen(edge("one"), bad, now, now)
	set.Revoking(edge("incident"), "one")
	set.Pacing(func() ([]types.NamespacedName, int) { return []types.NamespacedName{edge("one")}, 0 })
	text := scrape(t, set)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %+v, %v", problems, err)
	}
	type told struct{ Type, Help string }
	got, want := map[string]told{}, map[string]told{}
	for _, found := range regexp.MustCompile(`(?m)^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$`).FindAllStringSubmatch(text, -1) {
		got[found[1]] = told{found[3], found[2]}
	}
	for _, m := range metrics.Catalogue() {
		want[m.Name] = told{m.Type, m.Help}
		for _, label := range m.Labels {
			if !regexp.MustCompile(`(?m)^`+m.Name+`[a-z_]*\{[^}]*\b`+label.Name+`="`).MatchString(text) || len(label.Values) < 5 {
				t.Errorf("%s: label %s is not served, or not explained", m.Name, label.Name)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-catalogue +served):\n%s", diff)
	}
}

func TestWhoeverHasATurnIsNamedAndWhoeverWaitsIsCounted(t *testing.T) {
	t.Parallel()
	set := metrics.New()
	if got := series(scrape(t, set))["gateways_waiting_for_rollout"]; got != "0" {
		t.Errorf("%q gateways wait where nothing is rolled", got)
	}
	set.Pacing(func() ([]types.NamespacedName, int) { return []types.NamespacedName{edge("one")}, 7 })
	got := series(scrape(t, set))
	if got[`gateway_rollout_turn{gateway="one",gateway_namespace="team"}`] != "1" || got["gateways_waiting_for_rollout"] != "7" {
		t.Errorf("want the turn of one, and seven that wait: %v", got)
	}
}
