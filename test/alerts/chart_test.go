// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package alerts_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// document is what we read of an object of the chart.
type document struct {
	Kind string   `json:"kind"`
	Spec ruleFile `json:"spec"`
}

// render renders the chart.
func render(t *testing.T, values ...string) ([]byte, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), root+"/hack/tool.sh", "helm")
	command.Stderr = os.Stderr
	helm, err := command.Output()
	if err != nil {
		t.Fatalf("hack/tool.sh helm: %v", err)
	}
	args := []string{"template", "release", chart, "--set", "crds.install=false"}
	for _, value := range values {
		args = append(args, "--set", value)
	}
	return exec.CommandContext(t.Context(), strings.TrimSpace(string(helm)), args...).CombinedOutput()
}

// kinds are the objects of monitoring.coreos.com in what helm has printed.
func kinds(t *testing.T, out []byte) map[string]document {
	t.Helper()
	found := map[string]document{}
	for part := range bytes.SplitSeq(out, []byte("\n---\n")) {
		if !bytes.Contains(part, []byte("apiVersion: monitoring.coreos.com/")) {
			continue
		}
		var read document
		if err := yaml.Unmarshal(part, &read); err != nil {
			t.Fatalf("%v\n%s", err, part)
		}
		if _, twice := found[read.Kind]; twice {
			t.Fatalf("two objects of kind %s", read.Kind)
		}
		found[read.Kind] = read
	}
	return found
}

// rendered are the rules as an installation gets them, and as a file of rules.
func rendered(t *testing.T) (rules ruleFile, file []byte) {
	t.Helper()
	out, err := render(t, "monitoring.alerts.enabled=true")
	if err != nil {
		t.Fatalf("helm: %v\n%s", err, out)
	}
	for part := range bytes.SplitSeq(out, []byte("\n---\n")) {
		if !bytes.Contains(part, []byte("kind: PrometheusRule")) {
			continue
		}
		var object struct {
			Spec map[string]any `json:"spec"`
		}
		if err := yaml.Unmarshal(part, &object); err != nil {
			t.Fatal(err)
		}
		if file, err = yaml.Marshal(object.Spec); err != nil {
			t.Fatal(err)
		}
	}
	if err := yaml.Unmarshal(file, &rules); err != nil {
		t.Fatal(err)
	}
	return rules, file
}

func TestMonitoringIsOffUnlessItIsAskedFor(t *testing.T) {
	for name, row := range map[string]struct {
		values []string
		want   []string
	}{
		"nothing is set":                    {},
		"monitors":                          {[]string{"monitoring.monitors.enabled=true"}, []string{"PodMonitor", "ServiceMonitor"}},
		"monitors, and no operator metrics": {[]string{"monitoring.monitors.enabled=true", "metrics.enabled=false"}, []string{"PodMonitor"}},
		"alerts":                            {[]string{"monitoring.alerts.enabled=true"}, []string{"PrometheusRule"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := render(t, row.values...)
			if err != nil {
				t.Fatalf("helm: %v\n%s", err, out)
			}
			found := kinds(t, out)
			for _, kind := range row.want {
				if _, there := found[kind]; !there {
					t.Errorf("no %s", kind)
				}
			}
			if len(found) != len(row.want) {
				t.Errorf("%d objects, want %v", len(found), row.want)
			}
		})
	}
}

// A rate needs two scrapes in its range. With fewer it is nothing, and an alert on it
// is silent whatever happens. What the chart refuses is in its own tests.
func TestARateSeesTwoScrapesAtTheLongestInterval(t *testing.T) {
	const longest = time.Minute
	ranges, seen := regexp.MustCompile(`\[(\d+[smh])[\]:]`), 0
	file, _ := rendered(t)
	for name, one := range file.rules() {
		for _, found := range ranges.FindAllStringSubmatch(one.Expr, -1) {
			seen++
			if length, err := time.ParseDuration(found[1]); err != nil || length < 2*longest {
				t.Errorf("%s looks at the last %s, and there may be %s between two scrapes (%v)", name, found[1], longest, err)
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d ranges were found", seen)
	}
}

func TestAlertsCanBeLeftOut(t *testing.T) {
	out, err := render(t, "monitoring.alerts.enabled=true", "monitoring.alerts.disabled={WSGatewayReconnectStorm}")
	if err != nil {
		t.Fatalf("helm: %v\n%s", err, out)
	}
	spec := kinds(t, out)["PrometheusRule"].Spec
	left := spec.rules()
	if _, there := left["WSGatewayReconnectStorm"]; there || len(left) < 20 {
		t.Errorf("%d alerts are left, the disabled one among them: %t", len(left), there)
	}
	if out, err := render(t, "monitoring.alerts.enabled=true", "monitoring.alerts.disabled={Misspelt}"); err == nil {
		t.Errorf("rendered without the alert that does not exist:\n%s", out)
	}
}

func TestEachAlertHasItsRunbookAndEachRunbookItsAlert(t *testing.T) {
	file, _ := rendered(t)
	rules := file.rules()
	pages, err := filepath.Glob(runbooks + "/WSGateway*.md")
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		have = append(have, name)
		if _, known := rules[name]; !known {
			t.Errorf("%s is about no alert", page)
		}
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"# " + name + "\n", "## Meaning", "## Impact", "## Diagnosis", "```sh\n", "## Remedy"} {
			if !strings.Contains(string(content), part) {
				t.Errorf("%s has no %q", page, part)
			}
		}
	}
	for name, one := range rules {
		if !slices.Contains(have, name) {
			t.Errorf("docs/runbooks/%s.md is missing", name)
		}
		if want := "/docs/runbooks/" + name + ".md"; !strings.HasSuffix(one.Annotations["runbook_url"], want) {
			t.Errorf("%s points to %s", name, one.Annotations["runbook_url"])
		}
	}
}
