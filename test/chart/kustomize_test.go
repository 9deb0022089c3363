// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/wsgateway/websocket-gateway-operator/test/chart"
)

// TestChartAndKustomizeInstallTheSame compares all objects of both ways. They may
// differ in labels, of which each tool has its own, in the annotation by which Helm
// keeps CRDs, and in the namespace: Helm makes that itself when it is told to.
func TestChartAndKustomizeInstallTheSame(t *testing.T) {
	all := values(t)
	for folder, args := range map[string][]string{
		"default":                    nil,
		"overlays/high-availability": {"--set", "controller.replicas=2"},
		"overlays/monitoring": {
			"--set", "monitoring.monitors.enabled=true", "--set-json",
			`networkPolicy.metricsFrom=[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"monitoring"}}}]`,
		},
	} {
		t.Run(folder, func(t *testing.T) {
			kustomized, err := chart.Objects(t.Context(), tool(t, "kustomize"), "build", chart.Root+"/config/"+folder)
			if err != nil {
				t.Fatal(err)
			}
			theirs := neutral(t, kustomized)
			namespace := "Namespace  " + chart.Namespace
			if _, there := theirs[namespace]; !there {
				t.Errorf("config/%s makes no namespace", folder)
			}
			delete(theirs, namespace)
			ours := neutral(t, template(t, "helm", append([]string{"--values", all["defaults"]}, args...)...))
			if diff := cmp.Diff(slices.Sorted(maps.Keys(ours)), slices.Sorted(maps.Keys(theirs))); diff != "" {
				t.Fatalf("not the same objects (-chart +kustomize):\n%s", diff)
			}
			if diff := cmp.Diff(ours, theirs); diff != "" {
				t.Errorf("-chart +kustomize:\n%s", diff)
			}
		})
	}
}

// neutral takes from objects what only one of the tools adds.
func neutral(t *testing.T, rendered []unstructured.Unstructured) map[string]map[string]any {
	t.Helper()
	for i := range rendered {
		object := &rendered[i]
		labels := object.GetLabels()
		maps.DeleteFunc(labels, func(name, _ string) bool {
			return strings.HasPrefix(name, "app.kubernetes.io/") || name == "helm.sh/chart"
		})
		if object.SetLabels(labels); len(labels) == 0 {
			object.SetLabels(nil)
		}
		annotations := object.GetAnnotations()
		delete(annotations, "helm.sh/resource-policy")
		object.SetAnnotations(annotations)
		for _, field := range [][]string{
			{"spec", "selector"},
			{"spec", "selector", "matchLabels"},
			{"spec", "podSelector", "matchLabels"},
			{"spec", "template", "metadata", "labels"},
		} {
			selector, found, err := unstructured.NestedMap(object.Object, field...)
			if err != nil || !found {
				continue
			}
			maps.DeleteFunc(selector, func(name string, _ any) bool {
				return name == "app.kubernetes.io/instance" || name == "app.kubernetes.io/version" || name == "helm.sh/chart" ||
					name == "app.kubernetes.io/managed-by" && field[1] == "template"
			})
			if err := unstructured.SetNestedMap(object.Object, selector, field...); err != nil {
				t.Fatal(err)
			}
		}
	}
	return byName(t, rendered)
}

// Whoever builds the kustomization for another namespace gets all of it there: the
// bindings' accounts and the account that the policies judge, too.
func TestTheKustomizationMovesAsAWhole(t *testing.T) {
	folder := t.TempDir()
	here, err := filepath.Abs(chart.Root + "/config")
	if err != nil {
		t.Fatal(err)
	}
	up, err := filepath.Rel(folder, here)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(chart.Root + "/config/default/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	moved := strings.NewReplacer("- ../", "- "+up+"/", "namespace: "+chart.Namespace, "namespace: other").Replace(string(content))
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(moved), 0o600); err != nil {
		t.Fatal(err)
	}
	rendered, err := chart.Objects(t.Context(), tool(t, "kustomize"), "build", folder)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rendered {
		text, err := rendered[i].MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), chart.Namespace) {
			t.Errorf("%s %s still names %s", rendered[i].GetKind(), rendered[i].GetName(), chart.Namespace)
		}
	}
	if len(rendered) < 15 {
		t.Errorf("%d objects only", len(rendered))
	}
}
