// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package flux_test asks Flux's own library what Flux makes of our kinds, and
// checks that the example fits together. There is no code here besides.
package flux_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

const (
	checkout = "../.."
	statuses = checkout + "/controllers/status/testdata"
)

// TestTheLifeOfAGateway takes one from its creation to its end, through statuses
// as the operator computes them.
func TestTheLifeOfAGateway(t *testing.T) {
	t.Parallel()
	for _, stage := range []struct {
		name, fixture string
		change        func(*unstructured.Unstructured)
		want          status.Status
	}{
		{"the operator has seen it for the first time", "first-pass", nil, status.InProgressStatus},
		{"its issuer is missing", "issuer-missing", nil, status.InProgressStatus},
		{"its issuer has been missing for five minutes", "issuer-missing-for-five-minutes", nil, status.FailedStatus},
		{"its image is not there", "image-not-present", nil, status.InProgressStatus},
		{"its pods start", "pods-being-created", nil, status.InProgressStatus},
		{"it serves", "everything-is-served", nil, status.CurrentStatus},
		{"its spec was changed", "everything-is-served", changed, status.InProgressStatus},
		{"the change is on its way to the pods", "new-spec-not-yet-in-force", nil, status.InProgressStatus},
		{"the change rolls the pods", "rollout-under-way", nil, status.InProgressStatus},
		{"its certificate is being renewed", "renewal-under-way", nil, status.CurrentStatus},
		{"the new certificate has reached one pod", "renewal-reached-one-pod", nil, status.CurrentStatus},
		{"the renewal failed and the old certificate is valid", "renewal-failed-while-valid", nil, status.CurrentStatus},
		{"its certificate has expired a moment ago", "certificate-expired", nil, status.InProgressStatus},
		{"its spec cannot be served", "invalid-spec-holds-the-last-good-one", nil, status.FailedStatus},
		{"a spec that could not be served is being replaced", "invalid-spec-holds-the-last-good-one", changed, status.InProgressStatus},
		{"the spec is repaired", "repaired-spec-leaves-stalled", nil, status.InProgressStatus},
		{"it is paused", "paused", nil, status.CurrentStatus},
		{"it is paused and a change is held back", "paused-for-longer-than-five-minutes", nil, status.InProgressStatus},
		{"its certificates were rotated", "rotated", nil, status.CurrentStatus},
		{"it is deleted", "everything-is-served", deleted, status.TerminatingStatus},
	} {
		gateway := read(t, filepath.Join(statuses, stage.fixture, "gateway.yaml"))
		gateway.Object["status"] = read(t, filepath.Join(statuses, stage.fixture, "want.yaml")).Object["status"]
		if stage.change != nil {
			stage.change(gateway)
		}
		if got := compute(t, gateway); got.Status != stage.want || got.Message == "" {
			t.Errorf("%s: %s (%s), want %s", stage.name, got.Status, got.Message, stage.want)
		}
	}
}

// TestEachKindBeginsAndEnds: an object that the operator has not seen is not taken
// for one that is ready, whatever its kind.
func TestEachKindBeginsAndEnds(t *testing.T) {
	t.Parallel()
	crds, err := filepath.Glob("../crd/bases/*.yaml")
	if err != nil || len(crds) < 2 {
		t.Fatalf("found %d CRDs, %v", len(crds), err)
	}
	for _, path := range crds {
		crd := read(t, path)
		kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
		versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
		for _, version := range versions {
			initial, found, err := unstructured.NestedMap(version.(map[string]any),
				"schema", "openAPIV3Schema", "properties", "status", "default")
			if err != nil || !found {
				t.Errorf("%s: its status has no default, so a fresh one passes for ready: %v", kind, err)
				continue
			}
			fresh := &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "wsgateway.dev/v1alpha1", "kind": kind,
				"metadata": map[string]any{"name": "fresh", "generation": int64(1)},
				"status":   initial,
			}}
			if got := compute(t, fresh); got.Status != status.InProgressStatus {
				t.Errorf("a fresh %s is %s (%s)", kind, got.Status, got.Message)
			}
			deleted(fresh)
			if got := compute(t, fresh); got.Status != status.TerminatingStatus {
				t.Errorf("a %s that is deleted is %s (%s)", kind, got.Status, got.Message)
			}
		}
	}
}

// TestTheExampleFitsTogether: what its objects name is there.
func TestTheExampleFitsTogether(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	var all []*unstructured.Unstructured
	for _, file := range []string{"sync.yaml", "operator/release.yaml"} {
		all = append(all, documents(t, file)...)
	}
	for _, o := range all {
		names[o.GetKind()+"/"+o.GetNamespace()+"/"+o.GetName()] = true
	}
	kinds := map[string]int{}
	for _, o := range all {
		kinds[o.GetKind()]++
		switch o.GetKind() {
		case "Kustomization":
			there(t, text(t, o, "spec", "path"))
			refers(t, names, "GitRepository/"+o.GetNamespace()+"/"+text(t, o, "spec", "sourceRef", "name"))
			dependencies, _, err := unstructured.NestedSlice(o.Object, "spec", "dependsOn")
			if err != nil {
				t.Error(err)
			}
			for _, d := range dependencies {
				refers(t, names, "Kustomization/"+o.GetNamespace()+"/"+d.(map[string]any)["name"].(string))
			}
		case "HelmRelease":
			there(t, filepath.Join(text(t, o, "spec", "chart", "spec", "chart"), "Chart.yaml"))
			source := []string{"spec", "chart", "spec", "sourceRef"}
			refers(t, names, "GitRepository/"+text(t, o, append(source, "namespace")...)+"/"+text(t, o, append(source, "name")...))
			values, _, err := unstructured.NestedMap(o.Object, "spec", "values")
			if err != nil {
				t.Error(err)
			}
			known(t, "values", values, read(t, checkout+"/charts/websocket-gateway-operator/values.yaml").Object)
		}
	}
	if want := map[string]int{"GitRepository": 1, "Kustomization": 3, "HelmRelease": 1}; !maps.Equal(kinds, want) {
		t.Errorf("the example has %v, want %v", kinds, want)
	}
}

func changed(o *unstructured.Unstructured) { o.SetGeneration(o.GetGeneration() + 1) }

func deleted(o *unstructured.Unstructured) {
	o.Object["metadata"].(map[string]any)["deletionTimestamp"] = "2026-11-01T10:00:00Z"
}

func compute(t *testing.T, o *unstructured.Unstructured) *status.Result {
	t.Helper()
	result, err := status.Compute(o)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func refers(t *testing.T, names map[string]bool, name string) {
	t.Helper()
	if !names[name] {
		t.Errorf("the example refers to %s, which is not in it: %v", name, names)
	}
}

func there(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(checkout, path)); err != nil {
		t.Errorf("the example refers to a path that is not there: %v", err)
	}
}

// known checks that the chart has each value that is set.
func known(t *testing.T, path string, values, chart map[string]any) {
	t.Helper()
	for name, value := range values {
		at := path + "." + name
		standard, exists := chart[name]
		if !exists {
			t.Errorf("the chart has no %s", at)
			continue
		}
		inner, isMap := value.(map[string]any)
		if of, alsoMap := standard.(map[string]any); isMap && alsoMap {
			known(t, at, inner, of)
		}
	}
}

func text(t *testing.T, o *unstructured.Unstructured, path ...string) string {
	t.Helper()
	value, found, err := unstructured.NestedString(o.Object, path...)
	if err != nil || !found {
		t.Fatalf("%s %s has no %s: %v", o.GetKind(), o.GetName(), strings.Join(path, "."), err)
	}
	return value
}

func documents(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []*unstructured.Unstructured
	for part := range bytes.SplitSeq(data, []byte("\n---\n")) {
		all = append(all, decode(t, file, part))
	}
	return all
}

func read(t *testing.T, path string) *unstructured.Unstructured {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, path, data)
}

func decode(t *testing.T, path string, data []byte) *unstructured.Unstructured {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(data)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	o := &unstructured.Unstructured{}
	// Numbers stay whole, as an API server hands them out.
	if err := json.Unmarshal(asJSON, &o.Object); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return o
}
