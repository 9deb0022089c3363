// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/manifest"
	"github.com/wsgateway/websocket-gateway-operator/test/docs/page"
)

const group = "wsgateway.dev/"

// schemas compiles each CRD, by the kind that it is of.
func schemas(t *testing.T) map[string]*manifest.Schema {
	t.Helper()
	files, err := filepath.Glob(root + "/config/crd/bases/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no CRD found: %v", err)
	}
	found := map[string]*manifest.Schema{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var names struct {
			Spec struct {
				Names struct {
					Kind string `json:"kind"`
				} `json:"names"`
			} `json:"spec"`
		}
		if err := yaml.Unmarshal(text, &names); err != nil {
			t.Fatal(err)
		}
		if found[names.Spec.Names.Kind], err = manifest.CompileSchema(text); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return found
}

// manifests returns the texts on a page that hold an object of ours, by where
// they are: blocks of YAML, and what commands of a shell are handed.
func manifests(name, text string) []manifest.Content {
	var contents []manifest.Content
	for _, block := range page.Blocks(text) {
		texts := []string{block.Text}
		switch block.Language {
		case "yaml", "yml", "json":
		case "sh", "bash", "console":
			texts = page.Documents(block.Text, func(string) string { return "2030-01-01T00:00:00Z" })
		default:
			continue
		}
		for _, each := range texts {
			if strings.Contains(each, "apiVersion: "+group) {
				contents = append(contents, manifest.Content{File: fmt.Sprintf("%s:%d", name, block.Line), Text: []byte(each)})
			}
		}
	}
	return contents
}

// TestManifestsOnPagesAreAccepted judges them as an API server and the operator
// would: what people copy from here must work.
func TestManifestsOnPagesAreAccepted(t *testing.T) {
	t.Parallel()
	known, count := schemas(t), 0
	for name, text := range pages(t) {
		for _, content := range manifests(name, text) {
			count++
			for _, problem := range judge(t, known, content) {
				t.Errorf("%s: %s", content.File, problem)
			}
		}
	}
	if count < 3 {
		t.Errorf("only %d manifests found on all pages: this test looks for them in the wrong way", count)
	}
}

// judge says what an API server would refuse, and what the operator would report of
// gateways. What they refer to is not on the page.
func judge(t *testing.T, known map[string]*manifest.Schema, content manifest.Content) []manifest.Problem {
	t.Helper()
	documents, problems := manifest.Parse([]manifest.Content{content})
	set := manifest.Sort(documents)
	for _, document := range documents {
		if !strings.HasPrefix(document.Object.GetAPIVersion(), group) {
			continue
		}
		schema, there := known[document.Object.GetKind()]
		if !there {
			t.Errorf("%s: no CRD of kind %s", content.File, document.Object.GetKind())
			continue
		}
		problems = append(problems, schema.Check(t.Context(), document.Object)...)
	}
	for _, document := range set.Gateways {
		if gw, _ := known["WebSocketGateway"].Decode(t.Context(), document); gw != nil {
			_, found, _ := set.Config(document, gw)
			problems = append(problems, found...)
		}
	}
	return append(problems, set.Problems...)
}
