// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"os"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/wsgateway/websocket-gateway-operator/test/chart"
)

// TestTheAPIServerTakesEveryObject sends what each file of values and each
// kustomization renders, without having it stored: as Helm 3 creates it, with fields
// that are unknown or there twice refused, and by server-side apply, as Helm 4 and
// Argo CD do.
func TestTheAPIServerTakesEveryObject(t *testing.T) {
	values, err := chart.Values()
	if err != nil {
		t.Fatal(err)
	}
	helm, kustomize := tool(t, "helm"), tool(t, "kustomize")
	for name, file := range values {
		t.Run("chart, "+name, func(t *testing.T) {
			accepted(t, manifests(t, helm, "template", chart.Release, chart.Path, "-n", chart.Namespace, "-f", file))
		})
	}
	for _, folder := range []string{"default", "overlays/high-availability", "overlays/monitoring"} {
		t.Run("config/"+folder, func(t *testing.T) {
			accepted(t, manifests(t, kustomize, "build", chart.Root+"/config/"+folder))
		})
	}
	t.Run("an object with a field that does not exist is refused", func(t *testing.T) {
		wrong := manifests(t, helm, "template", chart.Release, chart.Path, "-n", chart.Namespace, "-s", "templates/deployment.yaml")[0]
		if err := unstructured.SetNestedField(wrong.Object, "x", "spec", "template", "spec", "serviceAcountName"); err != nil {
			t.Fatal(err)
		}
		if shared.admin.Create(t.Context(), &wrong, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict)) == nil {
			t.Error("Create takes it")
		}
	})
}

// Catalogues show the examples of Chart.yaml, and people copy them from there.
func TestTheAPIServerTakesTheExamplesOfTheChart(t *testing.T) {
	content, err := os.ReadFile(chart.Path + "/Chart.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var meta struct {
		Annotations map[string]string `json:"annotations"`
	}
	if err := yaml.Unmarshal(content, &meta); err != nil {
		t.Fatal(err)
	}
	var examples []map[string]any
	if err := yaml.Unmarshal([]byte(meta.Annotations["artifacthub.io/crdsExamples"]), &examples); err != nil || len(examples) == 0 {
		t.Fatalf("%d examples, %v", len(examples), err)
	}
	objects := make([]unstructured.Unstructured, len(examples))
	for i := range examples {
		objects[i].Object = examples[i]
		objects[i].SetNamespace("chat")
	}
	accepted(t, objects)
}

func accepted(t *testing.T, objects []unstructured.Unstructured) {
	t.Helper()
	shared.warnings.take()
	for i := range objects {
		object := &objects[i]
		name := object.GetKind() + " " + object.GetName()
		applied := client.ApplyConfigurationFromUnstructured(object.DeepCopy())
		if err := shared.admin.Apply(t.Context(), applied, client.FieldOwner("helm"), client.ForceOwnership, client.DryRunAll); err != nil {
			t.Errorf("apply %s: %v", name, err)
		}
		if kind := object.GetKind(); kind == "CustomResourceDefinition" || kind == "Namespace" {
			continue // it is there, so it cannot be created
		}
		err := shared.admin.Create(t.Context(), object.DeepCopy(), client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict))
		if err != nil {
			t.Errorf("create %s: %v", name, err)
		}
	}
	for _, warning := range shared.warnings.take() {
		t.Errorf("the API server warns: %s", warning)
	}
}

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := chart.Tool(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func manifests(t *testing.T, program string, args ...string) []unstructured.Unstructured {
	t.Helper()
	objects, err := chart.Objects(t.Context(), program, args...)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}
