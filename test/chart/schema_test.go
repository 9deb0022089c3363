// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/wsgateway/websocket-gateway-operator/test/chart"
)

// node is what the walk reads of a JSON schema.
type node struct {
	Ref                  string           `json:"$ref"`
	Properties           map[string]*node `json:"properties"`
	AdditionalProperties any              `json:"additionalProperties"`
	Required             []string         `json:"required"`
	Definitions          map[string]*node `json:"definitions"`
}

// TestTheSchemaAndTheValuesHaveTheSameNames walks both: a value that the schema does
// not know cannot be set, one that is not in values.yaml is in no README. One whose
// default says something cannot be taken away: "null" would switch a policy off that
// nobody means to do without, or end in a flag without a value.
func TestTheSchemaAndTheValuesHaveTheSameNames(t *testing.T) {
	content, err := os.ReadFile(chart.Path + "/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	root := &node{}
	if err := json.Unmarshal(content, root); err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	read(t, chart.Path+"/values.yaml", &values)
	seen := 0
	var walk func(path []string, schema *node, values map[string]any)
	walk = func(path []string, schema *node, values map[string]any) {
		if schema.AdditionalProperties != false && strings.Join(path, ".") != "global" {
			t.Errorf("values.schema.json does not close %v", path)
		}
		for name := range schema.Properties {
			if _, there := values[name]; !there {
				t.Errorf("values.yaml lacks %v", append(path, name))
			}
		}
		for name, value := range values {
			seen++
			inner := schema.Properties[name]
			if inner == nil {
				t.Errorf("values.schema.json lacks %v", append(path, name))
				continue
			}
			if inner.Ref != "" {
				inner = root.Definitions[strings.TrimPrefix(inner.Ref, "#/definitions/")]
			}
			ofTheParent := len(path) == 0 && name == "enabled"
			if says(value, inner) && !ofTheParent && !slices.Contains(schema.Required, name) {
				t.Errorf("values.schema.json does not require %v, so that null takes it away", append(path, name))
			}
			if more, nested := value.(map[string]any); nested && len(inner.Properties) > 0 {
				walk(append(slices.Clone(path), name), inner, more)
			}
		}
	}
	walk(nil, root, values)
	if seen < 50 {
		t.Errorf("the walk has seen %d values only", seen)
	}
}

// says tells whether a default is more than the absence of the value: it is no empty
// text or list, and no object that is handed on as it is.
func says(value any, schema *node) bool {
	switch value := value.(type) {
	case string:
		return value != ""
	case []any:
		return len(value) > 0
	case map[string]any:
		return len(schema.Properties) > 0
	default:
		return true
	}
}

// TestChartMetadataIsTrue compares what Chart.yaml tells catalogues with the chart.
func TestChartMetadataIsTrue(t *testing.T) {
	var meta struct {
		Version     string            `json:"version"`
		AppVersion  string            `json:"appVersion"`
		Annotations map[string]string `json:"annotations"`
	}
	read(t, chart.Path+"/Chart.yaml", &meta)
	var listed, rendered []string
	var crds []struct{ Kind, Name, Version string }
	annotation(t, meta.Annotations, "artifacthub.io/crds", &crds)
	for _, crd := range crds {
		listed = append(listed, crd.Kind+" "+crd.Name+" "+crd.Version)
	}
	definitions, err := filepath.Glob(chart.Root + "/config/crd/bases/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range definitions {
		var crd struct {
			Metadata struct{ Name string }
			Spec     struct {
				Names    struct{ Kind string }
				Versions []struct{ Name string }
			}
		}
		read(t, file, &crd)
		rendered = append(rendered, crd.Spec.Names.Kind+" "+crd.Metadata.Name+" "+crd.Spec.Versions[0].Name)
	}
	slices.Sort(listed)
	slices.Sort(rendered)
	if !slices.Equal(listed, rendered) {
		t.Errorf("artifacthub.io/crds lists %q, config/crd/bases has %q", listed, rendered)
	}
	var examples []struct{ Kind string }
	annotation(t, meta.Annotations, "artifacthub.io/crdsExamples", &examples)
	if len(examples) < len(definitions) {
		t.Errorf("%d examples for %d kinds", len(examples), len(definitions))
	}
	var images []struct{ Image string }
	annotation(t, meta.Annotations, "artifacthub.io/images", &images)
	text, err := yaml.Marshal(find(t, template(t, "helm"), "Deployment", "").Object)
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range images {
		if !strings.HasSuffix(image.Image, ":"+meta.AppVersion) || !strings.Contains(string(text), image.Image) {
			t.Errorf("artifacthub.io/images lists %s, which the chart does not use", image.Image)
		}
	}
	if len(images) != 2 {
		t.Errorf("artifacthub.io/images lists %d images, want the operator's and the gateways'", len(images))
	}
}

func annotation(t *testing.T, annotations map[string]string, name string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(annotations[name]), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func TestEveryValueIsExplained(t *testing.T) {
	content, err := os.ReadFile(chart.Path + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(content)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 6 || strings.HasPrefix(line, "|--") {
			continue
		}
		rows++
		if strings.TrimSpace(cells[len(cells)-2]) == "" {
			t.Errorf("values.yaml does not explain%s", cells[1])
		}
	}
	if rows < 50 {
		t.Errorf("README.md lists %d values only", rows)
	}
}
