// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package alerts_test holds the chart's alerts against series that must and must
// not fire them and against their runbooks, and the queries of alerts and
// dashboards against the metrics that the programs have.
package alerts_test

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"

	"sigs.k8s.io/yaml"
)

const (
	root     = "../.."
	chart    = root + "/charts/websocket-gateway-operator"
	runbooks = root + "/docs/runbooks"
)

// rule is what we read of one rule of Prometheus.
type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// ruleFile is a file of rules, and the spec of a PrometheusRule.
type ruleFile struct {
	Groups []struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	} `json:"groups"`
}

func (f *ruleFile) rules() map[string]rule {
	found := map[string]rule{}
	for _, group := range f.Groups {
		for _, one := range group.Rules {
			found[one.Alert] = one
		}
	}
	return found
}

// scenario is a case of testdata/cases.yaml, which says what its fields are.
type scenario struct {
	Alert  string              `json:"alert"`
	When   string              `json:"when"`
	At     string              `json:"at"`
	Series map[string]string   `json:"series"`
	Fires  []map[string]string `json:"fires"`
	Value  string              `json:"value"`
}

func TestAlertsFireWhenTheyShallAndOnlyThen(t *testing.T) {
	promtool := promtool(t)
	file, raw := rendered(t)
	rules := file.rules()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "rules.yaml"), raw)
	tests := make([]any, 0, len(rules))
	for _, s := range scenarios(t) {
		one, known := rules[s.Alert]
		if !known {
			t.Fatalf("testdata/cases.yaml names %s, which is no alert", s.Alert)
		}
		tests = append(tests, unitTest(t, &one, &s))
	}
	plan, err := yaml.Marshal(map[string]any{"rule_files": []string{"rules.yaml"}, "evaluation_interval": "1m", "tests": tests})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "tests.yaml"), plan)
	command := exec.CommandContext(t.Context(), promtool, "test", "rules", "tests.yaml")
	command.Dir = folder
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

// unitTest is the case in the words of promtool.
func unitTest(t *testing.T, r *rule, s *scenario) map[string]any {
	t.Helper()
	series := make([]map[string]string, 0, len(s.Series))
	for _, name := range slices.Sorted(maps.Keys(s.Series)) {
		series = append(series, map[string]string{"series": name, "values": s.Series[name]})
	}
	alerts := make([]map[string]any, 0, len(s.Fires))
	for _, labels := range s.Fires {
		annotations := map[string]string{}
		for name, text := range r.Annotations {
			annotations[name] = filled(t, r.Alert, text, labels, s.Value)
		}
		expected := maps.Clone(r.Labels)
		maps.Copy(expected, labels)
		alerts = append(alerts, map[string]any{"exp_labels": expected, "exp_annotations": annotations})
	}
	return map[string]any{
		"name": s.Alert + ": " + s.When, "interval": "1m", "input_series": series,
		"alert_rule_test": []any{map[string]any{"eval_time": s.At, "alertname": s.Alert, "exp_alerts": alerts}},
	}
}

// filled is the text that people read. A label that the alert does not have is an
// error here, where Prometheus would leave a hole in a command.
func filled(t *testing.T, alert, text string, labels map[string]string, value string) string {
	t.Helper()
	asIs := func(value string) string { return value }
	parsed, err := template.New(alert).Option("missingkey=error").Funcs(template.FuncMap{"humanizePercentage": asIs}).
		Parse("{{$labels := .labels}}{{$value := .value}}" + text)
	if err != nil {
		t.Fatalf("%s: %v", alert, err)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, map[string]any{"labels": labels, "value": value}); err != nil {
		t.Fatalf("%s: %v", alert, err)
	}
	return out.String()
}

func TestEachAlertHasACaseThatFiresAndOneThatDoesNot(t *testing.T) {
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, s := range scenarios(t) {
		if len(s.Fires) > 0 {
			fires[s.Alert] = true
		} else {
			silent[s.Alert] = true
		}
	}
	file, _ := rendered(t)
	for name := range file.rules() {
		if !fires[name] || !silent[name] {
			t.Errorf("%s: a case that fires: %t, one that is silent: %t", name, fires[name], silent[name])
		}
	}
}

func TestEachAlertTellsWhatToDo(t *testing.T) {
	file, _ := rendered(t)
	if rules := file.rules(); len(rules) < 20 {
		t.Fatalf("%d alerts", len(rules))
	}
	for name, one := range file.rules() {
		if severity := one.Labels["severity"]; severity != "critical" && severity != "warning" {
			t.Errorf("%s: severity %q", name, severity)
		}
		for _, annotation := range []string{"summary", "description", "runbook_url"} {
			if one.Annotations[annotation] == "" {
				t.Errorf("%s has no %s", name, annotation)
			}
		}
		if strings.Contains(one.Expr, "gateway_namespace") && !strings.Contains(one.Annotations["summary"], "$labels.gateway }}") {
			t.Errorf("%s does not say which gateway", name)
		}
	}
}

func scenarios(t *testing.T) []scenario {
	t.Helper()
	var found []scenario
	data, err := os.ReadFile("testdata/cases.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(data, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// promtool finds the program that Prometheus comes with.
func promtool(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatalf("%v: hack/need.sh promtool installs it on Debian; elsewhere, it comes with Prometheus 2.42 or later", err)
	}
	return path
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
