// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/wsgateway/websocket-gateway-operator/test/chart"
)

// TestFluxTakesTheExample sends config/flux to an API server with the kinds of Flux,
// also by the command of docs/gitops.md.
func TestFluxTakesTheExample(t *testing.T) {
	kindsOfFlux(t)
	if err := shared.namespaces("flux-system"); err != nil {
		t.Fatal(err)
	}
	objects := manifests(t, tool(t, "kustomize"), "build", chart.Root+"/config/flux/operator")
	sync, err := os.ReadFile(chart.Root + "/config/flux/sync.yaml")
	if err != nil {
		t.Fatal(err)
	}
	more, err := chart.Read(sync)
	if err != nil {
		t.Fatal(err)
	}
	objects = append(objects, more...)
	accepted(t, objects)
	typed(t, "config/flux", "config/argocd", "managedFields")

	kinds := map[string]*unstructured.Unstructured{}
	for i := range objects {
		kinds[objects[i].GetKind()] = &objects[i]
	}
	for name, wrong := range map[string]struct {
		kind  string
		value any
		path  []string
	}{
		"a field that does not exist":        {"HelmRelease", "2", []string{"spec", "values-from"}},
		"a strategy that does not exist":     {"HelmRelease", "Again", []string{"spec", "upgrade", "strategy", "name"}},
		"an interval that is no duration":    {"Kustomization", "often", []string{"spec", "interval"}},
		"a source of another kind":           {"Kustomization", "Secret", []string{"spec", "sourceRef", "kind"}},
		"a repository that is not an URL":    {"GitRepository", "websockets", []string{"spec", "url"}},
		"a name where a list of them stands": {"Kustomization", "websocket-operator", []string{"spec", "dependsOn"}},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			if kinds[wrong.kind] == nil {
				t.Fatalf("the example has no %s", wrong.kind)
			}
			object := kinds[wrong.kind].DeepCopy()
			if err := unstructured.SetNestedField(object.Object, wrong.value, wrong.path...); err != nil {
				t.Fatal(err)
			}
			err := shared.admin.Create(t.Context(), object, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict))
			if !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
				t.Errorf("Create answers %v", err)
			}
		})
	}
}

// kindsOfFlux makes CRDs of Flux's own Go types, as Flux does, and has the API server
// know them until the test ends.
func kindsOfFlux(t *testing.T) {
	t.Helper()
	folder := t.TempDir()
	generate := exec.CommandContext(t.Context(), tool(t, "controller-gen"), "crd",
		"paths=github.com/fluxcd/helm-controller/api/v2",
		"paths=github.com/fluxcd/kustomize-controller/api/v1",
		"paths=github.com/fluxcd/source-controller/api/v1",
		"output:crd:dir="+folder)
	generate.Dir = chart.Root + "/hack/tools/flux"
	if out, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("make CRDs of the types that hack/tools/flux requires: %v\n%s", err, out)
	}
	// A busy machine is slow and not wrong.
	options := envtest.CRDInstallOptions{Paths: []string{folder}, ErrorIfPathMissing: true, MaxTime: 2 * time.Minute}
	crds, err := envtest.InstallCRDs(shared.environment.Config, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := envtest.UninstallCRDs(shared.environment.Config, envtest.CRDInstallOptions{CRDs: crds}); err != nil {
			t.Error(err)
		}
	})
}
