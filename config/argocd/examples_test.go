// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package argocd_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// example is the part of an Application that can be wrong without a cluster.
type example struct {
	Metadata struct {
		Name        string            `json:"name"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		Source struct {
			RepoURL string `json:"repoURL"`
			Path    string `json:"path"`
			Helm    struct {
				Values map[string]any `json:"valuesObject"`
			} `json:"helm"`
		} `json:"source"`
		IgnoreDifferences []any `json:"ignoreDifferences"`
	} `json:"spec"`
}

// TestExamplesReferToWhatIsThere: they are copied, so a path that has moved would be
// noticed by users first.
func TestExamplesReferToWhatIsThere(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("examples/apps/*.yaml")
	if err != nil || len(paths) != 4 {
		t.Fatalf("found %q, %v", paths, err)
	}
	waves := map[string]int{}
	for _, path := range append(paths, "examples/root.yaml") {
		var app example
		read(t, path, &app)
		if waves[app.Metadata.Name], err = strconv.Atoi(app.Metadata.Annotations["argocd.argoproj.io/sync-wave"]); err != nil && path != "examples/root.yaml" {
			t.Errorf("%s has no wave: %v", path, err)
		}
		if len(app.Spec.IgnoreDifferences) > 0 {
			t.Errorf("%s ignores differences, and docs/gitops.md says that none need be ignored", path)
		}
		source := app.Spec.Source
		if !strings.Contains(source.RepoURL, "wsgateway/") {
			continue
		}
		if _, err := os.Stat(filepath.Join("../..", source.Path)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if source.Helm.Values != nil {
			var values map[string]any
			read(t, filepath.Join("../..", source.Path, "values.yaml"), &values)
			for name := range source.Helm.Values {
				if _, exists := values[name]; !exists {
					t.Errorf("%s: the chart has no value %s", path, name)
				}
			}
		}
	}
	order := []string{"cert-manager", "websocket-gateway-operator", "websocket-issuers", "websocket-gateways"}
	for i, later := range order[1:] {
		if waves[order[i]] >= waves[later] {
			t.Errorf("%s is in wave %d, which is not before %d of %s", order[i], waves[order[i]], waves[later], later)
		}
	}
}
