// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/wsgateway/websocket-gateway-operator/test/chart"
)

// policiesJudgeTheOperator returns how many policies there are. One that names
// another account than the operator's refuses nothing, and nobody is told.
func policiesJudgeTheOperator(t *testing.T, rendered []unstructured.Unstructured) int {
	t.Helper()
	manager := &appsv1.Deployment{}
	decode(t, find(t, rendered, "Deployment", ""), manager)
	account := "system:serviceaccount:" + manager.Namespace + ":" + manager.Spec.Template.Spec.ServiceAccountName
	seen := 0
	for i := range rendered {
		if rendered[i].GetKind() != "ValidatingAdmissionPolicy" {
			continue
		}
		seen++
		policy := &admissionregistrationv1.ValidatingAdmissionPolicy{}
		decode(t, &rendered[i], policy)
		want := `request.userInfo.username == "` + account + `"`
		if conditions := policy.Spec.MatchConditions; len(conditions) != 1 || conditions[0].Expression != want {
			t.Errorf("policy %s judges %+v, the operator is %s", policy.Name, conditions, account)
		}
	}
	return seen
}

// The namespace is one line of the kustomization that somebody builds, and everything
// that follows from it follows.
func TestEveryKustomizationCanBeOfAnotherNamespace(t *testing.T) {
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(chart.Root+"/config")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"overlays/high-availability", "overlays/monitoring", "default"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(folder, name, "kustomization.yaml")
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			changed := strings.Replace(string(content), "\nnamespace: wsgateway-system\n", "\nnamespace: elsewhere\n", 1)
			if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			rendered, err := chart.Objects(t.Context(), tool(t, "kustomize"), "build", filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			find(t, rendered, "Namespace", "elsewhere")
			if found := policiesJudgeTheOperator(t, rendered); found == 0 {
				t.Error("there is no policy")
			}
			for i := range rendered {
				text, err := rendered[i].MarshalJSON()
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(text), chart.Namespace) {
					t.Errorf("%s %s is of the old namespace still", rendered[i].GetKind(), rendered[i].GetName())
				}
			}
		})
	}
}

// Platforms put charts together as dependencies of one of theirs, each with the
// condition that Helm's own documentation shows.
func TestTheChartIsAPartOfAnother(t *testing.T) {
	parent := t.TempDir()
	for name, content := range map[string]string{
		"Chart.yaml": "{apiVersion: v2, name: platform, version: 1.0.0, dependencies: [{name: websocket-gateway-operator, " +
			"version: '>=0.0.0-0', alias: websockets, condition: websockets.enabled}]}",
		"values.yaml": "{global: {imageRegistry: mirror.example.com, more: {of: others}}, websockets: {enabled: true, controller: {logLevel: debug}}}",
	} {
		if err := os.WriteFile(filepath.Join(parent, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(parent, "charts", "websocket-gateway-operator"), os.DirFS(chart.Path)); err != nil {
		t.Fatal(err)
	}
	render := func(args ...string) []unstructured.Unstructured {
		all := append([]string{"template", "release", parent, "--kube-version", chart.Kubernetes}, args...)
		rendered, err := chart.Objects(t.Context(), tool(t, "helm"), all...)
		if err != nil {
			t.Fatal(err)
		}
		return rendered
	}
	rendered := render()
	manager := &appsv1.Deployment{}
	decode(t, find(t, rendered, "Deployment", ""), manager)
	if image := manager.Spec.Template.Spec.Containers[0].Image; !strings.HasPrefix(image, "mirror.example.com/wsgateway/manager:") {
		t.Errorf("the image is %s", image)
	}
	policiesJudgeTheOperator(t, rendered)
	if rest := render("--set", "websockets.enabled=false"); len(rest) > 0 {
		t.Errorf("%d objects are left where the parent does without", len(rest))
	}
}
