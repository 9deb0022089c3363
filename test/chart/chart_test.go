// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package chart_test renders the Helm chart and the kustomization with the real
// tools and checks what an installation would hold.
package chart_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const (
	root  = "../.."
	chart = root + "/charts/websocket-gateway-operator"
	crds  = root + "/config/crd/bases/wsgateway.dev_*.yaml"
)

// renders are the ways to install, each with other values.
func renders(t *testing.T) map[string][]unstructured.Unstructured {
	t.Helper()
	helm, kustomize := tool(t, "helm"), tool(t, "kustomize")
	template := []string{"template", "release", chart, "--namespace", "wsgateway-system"}
	return map[string][]unstructured.Unstructured{
		"chart":     objects(t, helm, template...),
		"kustomize": objects(t, kustomize, "build", root+"/config/default"),
		"chart with everything set": objects(t, helm, append(template,
			"--set", "controller.replicas=2,controller.watchNamespaces={a,b},imagePullSecrets={pull},metrics.enabled=false",
			"--set", "controller.nodeSelector.a=b,controller.podLabels.c=d,controller.podAnnotations.e=f,commonLabels.g=h",
			"--set-json", `networkPolicy.metricsFrom=[{"namespaceSelector":{"matchLabels":{"team":"o'brien"}}}]`,
			"--set", "gateway.image.digest=sha256:"+strings.Repeat("0", 64))...),
	}
}

func TestNoInstallationMayReadSecrets(t *testing.T) {
	for name, rendered := range renders(t) {
		t.Run(name, func(t *testing.T) {
			rules := 0
			for i := range rendered {
				for _, rule := range rulesOf(t, &rendered[i]) {
					rules++
					if slices.Contains(rule.Resources, "secrets") || slices.Contains(rule.Resources, "*") ||
						slices.Contains(rule.APIGroups, "*") || slices.Contains(rule.Verbs, "*") {
						t.Errorf("%s %s grants too much: %+v", rendered[i].GetKind(), rendered[i].GetName(), rule)
					}
				}
			}
			if rules == 0 {
				t.Error("no rule was found")
			}
		})
	}
}

func TestTheOperatorRunsRestricted(t *testing.T) {
	for name, rendered := range renders(t) {
		t.Run(name, func(t *testing.T) {
			deployment := &appsv1.Deployment{}
			decode(t, only(t, rendered, "Deployment"), deployment)
			pod := deployment.Spec.Template.Spec
			if pod.SecurityContext == nil || pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot ||
				pod.SecurityContext.SeccompProfile == nil || pod.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
				t.Errorf("pod security context is %+v", pod.SecurityContext)
			}
			for _, container := range pod.Containers {
				context := container.SecurityContext
				if context == nil || *context.AllowPrivilegeEscalation || !*context.ReadOnlyRootFilesystem ||
					!slices.Equal(context.Capabilities.Drop, []corev1.Capability{"ALL"}) {
					t.Errorf("security context of container %s is %+v", container.Name, context)
				}
			}
		})
	}
}

func TestEveryInstallationHasTheCRDsAndTheRoles(t *testing.T) {
	files, err := filepath.Glob(crds)
	if err != nil || len(files) < 2 {
		t.Fatalf("found %d CRDs, %v", len(files), err)
	}
	for name, rendered := range renders(t) {
		t.Run(name, func(t *testing.T) {
			for _, file := range files {
				var want unstructured.Unstructured
				read(t, file, &want.Object)
				got := one(t, rendered, "CustomResourceDefinition", func(name string) bool { return name == want.GetName() })
				if diff := cmp.Diff(want.Object["spec"], got.Object["spec"]); diff != "" {
					t.Errorf("CRD differs from config/crd/bases (-want +got):\n%s", diff)
				}
			}
			for file, which := range map[string]func(name string) bool{
				"role.yaml": func(name string) bool { return !revokes(name) }, "revoker_role.yaml": revokes,
			} {
				want, got := &rbacv1.ClusterRole{}, &rbacv1.ClusterRole{}
				read(t, root+"/config/rbac/"+file, want)
				decode(t, one(t, rendered, "ClusterRole", which), got)
				if diff := cmp.Diff(want.Rules, got.Rules); diff != "" {
					t.Errorf("rules differ from config/rbac/%s (-want +got):\n%s", file, diff)
				}
			}
		})
	}
}

func revokes(name string) bool { return strings.HasSuffix(name, "-revoker") }

// Whoever may edit a namespace may not therefore lock people out: the permission
// is in a role of its own, which nothing aggregates and nothing binds.
func TestTheRightToRevokeComesWithNoOtherRole(t *testing.T) {
	for name, rendered := range renders(t) {
		t.Run(name, func(t *testing.T) {
			holders := 0
			for i := range rendered {
				object := &rendered[i]
				if strings.HasSuffix(object.GetKind(), "RoleBinding") {
					role, _, err := unstructured.NestedString(object.Object, "roleRef", "name")
					if err != nil || revokes(role) {
						t.Errorf("%s binds %s (%v)", object.GetName(), role, err)
					}
				}
				if !slices.ContainsFunc(rulesOf(t, object), mayRevoke) {
					continue
				}
				holders++
				if !revokes(object.GetName()) {
					t.Errorf("%s %s may revoke", object.GetKind(), object.GetName())
				}
				for label := range object.GetLabels() {
					if strings.Contains(label, "aggregate-to") {
						t.Errorf("%s is aggregated: %s", object.GetName(), label)
					}
				}
			}
			if holders != 1 {
				t.Errorf("%d roles may revoke, want 1", holders)
			}
		})
	}
}

func mayRevoke(rule rbacv1.PolicyRule) bool {
	return slices.Contains(rule.Resources, "websocketrevocations") &&
		slices.ContainsFunc(rule.Verbs, func(verb string) bool { return verb != "get" && verb != "list" && verb != "watch" })
}

func TestTheChartRefusesWhatCannotWork(t *testing.T) {
	helm := tool(t, "helm")
	for name, values := range map[string]string{
		"a value that does not exist":     "controler.replicas=2",
		"two leaders":                     "controller.replicas=2,controller.leaderElection=false",
		"a digest that is none":           "gateway.image.digest=latest",
		"a log level that does not exist": "controller.logLevel=loud",
		"a label that the chart sets":     `commonLabels.app\.kubernetes\.io/name=mine`,
		"a label that selects the pods":   `controller.podLabels.app\.kubernetes\.io/instance=mine`,
	} {
		t.Run(name, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), helm, "template", "release", chart, "--set", values).CombinedOutput()
			if err == nil {
				t.Errorf("rendered all the same:\n%s", out)
			}
		})
	}
}

// tool builds a pinned tool where that has not been done.
func tool(t *testing.T, name string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), root+"/hack/tool.sh", name)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("hack/tool.sh %s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// objects runs a program and reads the manifests that it prints.
func objects(t *testing.T, program string, args ...string) []unstructured.Unstructured {
	t.Helper()
	var problems bytes.Buffer
	command := exec.CommandContext(t.Context(), program, args...)
	command.Stderr = &problems
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, problems.String())
	}
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(out), 4096)
	var found []unstructured.Unstructured
	for {
		var object map[string]any
		if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
		if len(object) > 0 {
			found = append(found, unstructured.Unstructured{Object: object})
		}
	}
}

func only(t *testing.T, rendered []unstructured.Unstructured, kind string) *unstructured.Unstructured {
	t.Helper()
	return one(t, rendered, kind, func(string) bool { return true })
}

// one finds the object of a kind whose name fits.
func one(t *testing.T, rendered []unstructured.Unstructured, kind string, fits func(name string) bool) *unstructured.Unstructured {
	t.Helper()
	var found []*unstructured.Unstructured
	for i := range rendered {
		if rendered[i].GetKind() == kind && fits(rendered[i].GetName()) {
			found = append(found, &rendered[i])
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d objects of kind %s, want 1", len(found), kind)
	}
	return found[0]
}

func rulesOf(t *testing.T, object *unstructured.Unstructured) []rbacv1.PolicyRule {
	t.Helper()
	if kind := object.GetKind(); kind != "Role" && kind != "ClusterRole" {
		return nil
	}
	role := &rbacv1.ClusterRole{}
	decode(t, object, role)
	return role.Rules
}

func decode(t *testing.T, object *unstructured.Unstructured, into any) {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, into); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}
