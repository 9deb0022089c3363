// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/wsgateway/websocket-gateway-operator/test/chart"
)

// Platforms number their projects, and so the namespaces, releases and accounts in
// them. What is a number or a truth value to YAML must stay a name all the same: the
// API server refuses an object with anything but text there.
func TestNamesThatLookLikeNumbersStayNames(t *testing.T) {
	rendered, err := chart.Objects(t.Context(), tool(t, "helm"), "template", "123", chart.Path, "-n", "456", "--kube-version", chart.Kubernetes,
		"--set-string", "fullnameOverride=true,serviceAccount.name=1.5,imagePullSecrets={789},controller.watchNamespaces={111}",
		"--set-string", "controller.priorityClassName=1e3",
		"--set", "rbac.namespaced=true,controller.replicas=2,monitoring.monitors.enabled=true,monitoring.alerts.enabled=true",
		"--set", "monitoring.dashboards.enabled=true")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for i := range rendered {
		object := &rendered[i]
		what := object.GetKind() + " " + object.GetName()
		if name, ok, err := unstructured.NestedString(object.Object, "metadata", "name"); !ok || err != nil {
			t.Errorf("the name of a %s is %q, %v", object.GetKind(), name, err)
		}
		if _, _, err := unstructured.NestedString(object.Object, "metadata", "namespace"); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if _, _, err := unstructured.NestedStringMap(object.Object, "metadata", "labels"); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		typed, err := scheme.Scheme.New(object.GroupVersionKind())
		if err != nil {
			continue // a kind of somebody else, whose metadata is all that names something
		}
		seen++
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if seen < 20 {
		t.Errorf("%d objects of known kinds were looked at", seen)
	}
}

// A Service is the one object whose name may not be that of every release.
func TestAReleaseThatCanNameNoServiceIsToldSo(t *testing.T) {
	for release, more := range map[string][]string{
		"my.release": nil, "1st": {"--set", "nameOverride=operator"},
	} {
		render := func(args ...string) error {
			all := append([]string{"template", release, chart.Path, "--kube-version", chart.Kubernetes}, args...)
			_, err := chart.Objects(t.Context(), tool(t, "helm"), append(all, more...)...)
			return err
		}
		if err := render(); err == nil || !strings.Contains(err.Error(), "set fullnameOverride") {
			t.Errorf("release %s: %v", release, err)
		}
		if err := render("--set", "fullnameOverride=fine"); err != nil {
			t.Errorf("release %s with another name: %v", release, err)
		}
	}
}
