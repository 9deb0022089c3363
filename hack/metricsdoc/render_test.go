// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	operator "github.com/wsgateway/websocket-gateway-operator/controllers/metrics"
	gateway "github.com/wsgateway/websocket-gateway-operator/gateway/metrics"
)

func TestTheDocumentationIsWhatTheProgramsRegister(t *testing.T) {
	t.Parallel()
	generated, err := files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range generated {
		got, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("docs/%s is not what is registered: run make docs (-registered +written):\n%s", name, diff)
		}
	}
}

// Queries in the documentation are copied.
func TestEachMetricThatTheDocumentationNamesExists(t *testing.T) {
	t.Parallel()
	var known []string
	for _, m := range slices.Concat(metricsOf("gateway", gateway.Catalogue()), metricsOf("operator", operator.Catalogue())) {
		known = append(append(known, m.Name), m.Samples...)
	}
	pages, err := filepath.Glob(filepath.Join("..", "..", "docs", "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("no page found: %v", err)
	}
	for _, path := range pages {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`\bwsgateway_[a-z_]+`).FindAllString(string(text), -1) {
			if !slices.Contains(known, name) {
				t.Errorf("%s names the unknown metric %s", filepath.Base(path), name)
			}
		}
	}
}
