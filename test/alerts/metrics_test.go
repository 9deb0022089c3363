// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package alerts_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// metric is one of docs/metrics.json, which is what the programs register.
type metric struct {
	Program string   `json:"program"`
	Samples []string `json:"samples"`
	Labels  []struct {
		Name   string `json:"name"`
		Values string `json:"values"`
	} `json:"labels"`
}

// vocabulary is what a query may use: metrics by the names of their samples, and
// the text of the pages that have the reasons.
type vocabulary struct {
	metrics map[string]metric
	reasons string
}

func everything(t *testing.T) vocabulary {
	t.Helper()
	data, err := os.ReadFile(root + "/docs/metrics.json")
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Metrics []metric `json:"metrics"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	found := vocabulary{metrics: map[string]metric{}}
	for _, one := range list.Metrics {
		for _, sample := range one.Samples {
			found.metrics[sample] = one
		}
	}
	for _, page := range []string{"/docs/audit-log.md", "/docs/api.md"} {
		content, err := os.ReadFile(root + page)
		if err != nil {
			t.Fatal(err)
		}
		found.reasons += string(content)
	}
	return found
}

// unknown lists the metrics, labels and enumerated values in a query that no
// program has. Labels of grouping are looked for in all metrics of the query.
func unknown(known *vocabulary, query string) []string {
	var problems []string
	labels := targetLabels()
	for _, use := range regexp.MustCompile(`\b(wsgateway_\w+)(\{[^}]*\})?`).FindAllStringSubmatch(query, -1) {
		one, there := known.metrics[use[1]]
		if !there {
			problems = append(problems, "no metric is named "+use[1])
			continue
		}
		own := targetLabels()
		for _, label := range one.Labels {
			own = append(own, label.Name)
		}
		labels = append(labels, own...)
		for _, matcher := range regexp.MustCompile(`(\w+)\s*[=!]~?\s*"([^"]*)"`).FindAllStringSubmatch(use[2], -1) {
			if !slices.Contains(own, matcher[1]) {
				problems = append(problems, use[1]+" has no label "+matcher[1])
			}
			problems = append(problems, unknownValues(known.reasons, &one, matcher[1], matcher[2])...)
		}
	}
	for _, grouping := range regexp.MustCompile(`\b(?:by|without|on|ignoring)\s*\(([^)]*)\)`).FindAllStringSubmatch(query, -1) {
		for label := range strings.SplitSeq(grouping[1], ",") {
			if label = strings.TrimSpace(label); !slices.Contains(labels, label) {
				problems = append(problems, "nothing in it has the label "+label)
			}
		}
	}
	return problems
}

// unknownValues compares with the values that the description of a label counts
// up in backquotes, and reasons with the pages that have a table of each.
func unknownValues(reasons string, one *metric, label, values string) []string {
	var problems []string
	if label == "reason" {
		for value := range strings.SplitSeq(values, "|") {
			if !strings.Contains(reasons, "`"+value+"`") {
				problems = append(problems, "no reason is "+value)
			}
		}
	}
	for _, described := range one.Labels {
		if described.Name != label || strings.Count(described.Values, "`") < 4 || strings.Contains(described.Values, "another") {
			continue
		}
		for value := range strings.SplitSeq(values, "|") {
			if !strings.Contains(described.Values, "`"+value+"`") {
				problems = append(problems, "label "+label+" is never "+value)
			}
		}
	}
	return problems
}

// targetLabels are put on the series by the chart's monitors, and by Prometheus.
func targetLabels() []string {
	return []string{"gateway_namespace", "gateway", "pod", "namespace", "job", "instance", "le"}
}

func TestAlertsUseMetricsThatExist(t *testing.T) {
	known := everything(t)
	file, _ := rendered(t)
	for name, one := range file.rules() {
		for _, problem := range unknown(&known, one.Expr) {
			t.Errorf("%s: %s", name, problem)
		}
	}
}

func TestUsesOfMetricsThatDoNotExistAreFound(t *testing.T) {
	known := everything(t)
	for name, query := range map[string]string{
		"a metric that nobody has":  `rate(wsgateway_nonsense_total[5m])`,
		"a label that it lacks":     `wsgateway_connections_active{user="ann"}`,
		"a state that is never met": `wsgateway_operator_gateway_certificate_trouble{state=~"stale|rotten"}`,
		"a reason that nobody has":  `wsgateway_handshakes_refused_total{reason="bad_mood"}`,
		"a grouping by no label":    `sum by (client) (wsgateway_connections_active)`,
	} {
		t.Run(name, func(t *testing.T) {
			if found := unknown(&known, query); len(found) != 1 {
				t.Errorf("%s: %v", query, found)
			}
		})
	}
}
