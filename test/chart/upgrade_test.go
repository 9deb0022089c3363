// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/wsgateway/websocket-gateway-operator/test/chart"
)

// before are the values that the chart of the release before came with.
const before = chart.Root + "/test/skew/testdata/v0.1.0/values.yaml"

// Whoever copied all values of the release before has only to divide the names of
// images, as CHANGELOG.md says, and gets what the chart does by default.
func TestValuesOfTheReleaseBeforeMeanTheSame(t *testing.T) {
	t.Parallel()
	var values map[string]any
	read(t, before, &values)
	_, err := chart.Template(t.Context(), tool(t, "helm"), "--values", before)
	if err == nil || !strings.Contains(err.Error(), "repository") {
		t.Errorf("images with their registry: want a refusal that names the repository, got %v", err)
	}

	for _, part := range []string{"controller", "gateway"} {
		image, found, err := unstructured.NestedString(values, part, "image", "repository")
		registry, repository, divided := strings.Cut(image, "/")
		if err != nil || !found || !divided {
			t.Fatalf("%s.image.repository of the release before is %q, %v", part, image, err)
		}
		fields, _, err := unstructured.NestedMap(values, part, "image")
		if err != nil {
			t.Fatal(err)
		}
		fields["registry"], fields["repository"] = registry, repository
		if err := unstructured.SetNestedMap(values, fields, part, "image"); err != nil {
			t.Fatal(err)
		}
	}
	text, err := yaml.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(template(t, "helm"), template(t, "helm", "--values", file)); diff != "" {
		t.Errorf("they make something else than the chart's own values (-own +those before):\n%s", diff)
	}
}
