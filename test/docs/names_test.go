// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// occurrences returns what a pattern finds in the code of all pages, by where it is
// first, and fails where it finds nothing: the test would show nothing.
func occurrences(t *testing.T, pattern string) map[string]string {
	t.Helper()
	found, compiled := map[string]string{}, regexp.MustCompile(pattern)
	for name, text := range pages(t) {
		for _, code := range commands(text) {
			for _, word := range compiled.FindAllString(code.Target, -1) {
				found[word] = name
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("no page has anything like %s", pattern)
	}
	return found
}

// A query that is copied from a page and names no metric finds nothing, and nobody
// is told.
func TestMetricsThatPagesNameExist(t *testing.T) {
	t.Parallel()
	var listed map[string]json.RawMessage
	read(t, "docs/metrics.json", &listed)
	exists := map[string]bool{}
	for _, program := range listed {
		var metrics []struct {
			Name string `json:"name"`
		}
		if json.Unmarshal(program, &metrics) != nil {
			continue // what is no list of metrics
		}
		for _, metric := range metrics {
			exists[metric.Name] = true
		}
	}
	series := strings.NewReplacer("_bucket", "", "_sum", "", "_count", "")
	for word, where := range occurrences(t, `\bwsgateway_[a-z_]*[a-z]\b`) {
		if !exists[word] && !exists[series.Replace(word)] && !begins(exists, word) {
			t.Errorf("%s names %s, and there is no such metric", where, word)
		}
	}
}

// begins says whether metrics begin with a part of a name, as patterns of grep do.
func begins(names map[string]bool, part string) bool {
	for name := range names {
		if strings.HasPrefix(name, part+"_") {
			return true
		}
	}
	return false
}

// TestValuesOfTheChartThatPagesNameExist: its schema refuses others.
func TestValuesOfTheChartThatPagesNameExist(t *testing.T) {
	t.Parallel()
	var values map[string]any
	read(t, "charts/websocket-gateway-operator/values.yaml", &values)
	count := 0
	for word, where := range occurrences(t, `^[a-z][A-Za-z]+(\.[a-z][A-Za-z]+)+$`) {
		path := strings.Split(word, ".")
		if _, ours := values[path[0]]; !ours {
			continue // a field of something else
		}
		count++
		var value any = values
		for _, key := range path {
			parent, _ := value.(map[string]any)
			below, exists := parent[key]
			if !exists {
				t.Errorf("%s names the value %s, which the chart does not have", where, word)
			}
			value = below
		}
	}
	if count == 0 {
		t.Error("no page names a value of the chart: this test shows nothing")
	}
}

// TestVersionsOnPagesAreThoseOfTheTests: what a page says that the tests have is what
// they are built from.
func TestVersionsOnPagesAreThoseOfTheTests(t *testing.T) {
	t.Parallel()
	page := pages(t)["docs/operations.md"]
	for file, pattern := range map[string]string{
		"hack/cluster/artifact/artifact.go":            `(?m)KubernetesVersion +\= "(v[0-9.]+)"`,
		"hack/cluster/certmanager/go.mod":              `(?m)github\.com/cert-manager/cert-manager (v[0-9.]+)`,
		"hack/tools/helm/go.mod":                       `(?m)helm\.sh/helm/v[34] (v[0-9.]+)`,
		"charts/websocket-gateway-operator/Chart.yaml": `(?m)^kubeVersion: ">=([0-9]+\.[0-9]+)`,
	} {
		text, err := os.ReadFile(root + "/" + file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1)
		if len(found) == 0 {
			t.Errorf("%s: nothing like %s", file, pattern)
		}
		for _, version := range found {
			if !strings.Contains(page, version[1]) {
				t.Errorf("docs/operations.md does not name %s of %s", version[1], file)
			}
		}
	}
}

// read decodes a file of the repository, JSON or YAML.
func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(root + "/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
