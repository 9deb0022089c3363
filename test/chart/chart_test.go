// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"github.com/wsgateway/websocket-gateway-operator/test/chart"
)

// renders are the ways to install: the chart with each file of values, and the
// kustomizations.
func renders(t *testing.T) map[string][]unstructured.Unstructured {
	t.Helper()
	found := map[string][]unstructured.Unstructured{}
	for name, file := range values(t) {
		found["chart, "+name] = template(t, "helm", "--values", file)
	}
	kustomize := tool(t, "kustomize")
	for _, folder := range []string{"default", "overlays/high-availability", "overlays/monitoring"} {
		rendered, err := chart.Objects(t.Context(), kustomize, "build", chart.Root+"/config/"+folder)
		if err != nil {
			t.Fatal(err)
		}
		found["config/"+folder] = rendered
	}
	return found
}

func TestHelm3AndHelm4RenderTheSame(t *testing.T) {
	for name, file := range values(t) {
		t.Run(name, func(t *testing.T) {
			newest := template(t, "helm", "--values", file)
			if diff := cmp.Diff(byName(t, newest), byName(t, template(t, "helm@v3", "--values", file))); diff != "" {
				t.Errorf("-helm 4 +helm 3:\n%s", diff)
			}
		})
	}
}

// What Argo CD and people with "helm template" get must not change by itself.
func TestTheChartKnowsNothingButItsValues(t *testing.T) {
	actions, texts := regexp.MustCompile(`(?s)\{\{.*?\}\}`), regexp.MustCompile(`"[^"]*"|/\*(?s:.*?)\*/`)
	unsteady := regexp.MustCompile(`\b(lookup|now|uuidv4|htpasswd|bcrypt|shuffle|rand\w+|gen\w+|getHostByName|Release\.(IsInstall|IsUpgrade|Revision))\b`)
	if unsteady.FindString(`{{ lookup "v1" "Secret" "a" "b" }}`) == "" {
		t.Fatal("nothing would be found")
	}
	err := filepath.WalkDir(chart.Path+"/templates", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, action := range actions.FindAllString(string(content), -1) {
			if found := unsteady.FindString(texts.ReplaceAllString(action, "")); found != "" {
				t.Errorf("%s uses %s", path, found)
			}
		}
		if strings.Contains(string(content), "helm.sh/hook") {
			t.Errorf("%s has a hook", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTheOperatorRunsRestricted asks the code that the API server asks at admission.
func TestTheOperatorRunsRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for name, rendered := range renders(t) {
		t.Run(name, func(t *testing.T) {
			deployment := &appsv1.Deployment{}
			decode(t, find(t, rendered, "Deployment", ""), deployment)
			pod := &deployment.Spec.Template
			verdict := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec))
			if !verdict.Allowed {
				t.Error(verdict.ForbiddenDetail())
			}
			if context := pod.Spec.Containers[0].SecurityContext; !*context.ReadOnlyRootFilesystem {
				t.Error("the root file system is writable")
			}
		})
	}
}

func TestEveryInstallationHasTheCRDs(t *testing.T) {
	files, err := filepath.Glob(chart.Root + "/config/crd/bases/wsgateway.dev_*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("found %d CRDs, %v", len(files), err)
	}
	for name, rendered := range renders(t) {
		t.Run(name, func(t *testing.T) {
			if name == "chart, nothing" {
				for i := range rendered {
					if rendered[i].GetKind() == "CustomResourceDefinition" {
						t.Errorf("installs %s although crds.install is false", rendered[i].GetName())
					}
				}
				return
			}
			for _, file := range files {
				var want unstructured.Unstructured
				read(t, file, &want.Object)
				got := find(t, rendered, "CustomResourceDefinition", want.GetName())
				if diff := cmp.Diff(want.Object["spec"], got.Object["spec"]); diff != "" {
					t.Errorf("CRD differs from config/crd/bases (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestTheChartRefusesWhatCannotWork(t *testing.T) {
	helm := tool(t, "helm")
	for name, row := range map[string]struct{ values, want string }{
		"a value that does not exist":     {"controler.replicas=2", "controler"},
		"two leaders":                     {"controller.replicas=2,controller.leaderElection=false", "two leaders"},
		"a digest that is none":           {"gateway.image.digest=latest", "digest"},
		"a repository with its registry":  {"gateway.image.repository=ghcr.io/wsgateway/gateway", "repository"},
		"a log level that does not exist": {"controller.logLevel=loud", "logLevel"},
		"a label that the chart sets":     {`commonLabels.app\.kubernetes\.io/name=mine`, "propertyName"},
		"a label that selects the pods":   {`controller.podLabels.app\.kubernetes\.io/instance=mine`, "propertyName"},
		"a peer that is nobody":           {"networkPolicy.metricsFrom={null}", "metricsFrom"},
		"to warn of what is denied":       {"admissionPolicy.actions={Deny,Warn}", "actions"},
		"an argument that is no flag":     {"controller.extraArgs={serve}", "extraArgs"},
		"a registry with its protocol":    {"global.imageRegistry=https://registry.example.com", "imageRegistry"},
		"an image's registry with one":    {"gateway.image.registry=https://registry.example.com", "registry"},
		"a name that no object may have":  {"fullnameOverride=Edge_1", "fullnameOverride"},
		"a part of a name of that sort":   {"nameOverride=Edge", "nameOverride"},
		"two names in place of one":       {`imagePullSecrets={one\,two}`, "imagePullSecrets"},
		"a pull Secret as pods write it":  {"imagePullSecrets[0].name=pull", "imagePullSecrets"},
		"a number of replicas in words":   {"controller.replicas=two", "replicas"},
		"a switch that is text":           {"admissionPolicy.enabled=off", "enabled"},
		"to be switched off as a whole":   {"enabled=false", "enabled"},
	} {
		t.Run(name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), helm, "template", "release", chart.Path, "--set", row.values)
			out, err := command.CombinedOutput()
			if err == nil || !strings.Contains(string(out), row.want) {
				t.Errorf("want a refusal that names %q, got %v:\n%.2000s", row.want, err, out)
			}
		})
	}
}

func values(t *testing.T) map[string]string {
	t.Helper()
	found, err := chart.Values()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func template(t *testing.T, helm string, args ...string) []unstructured.Unstructured {
	t.Helper()
	rendered, err := chart.Template(t.Context(), tool(t, helm), args...)
	if err != nil {
		t.Fatal(err)
	}
	return rendered
}

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := chart.Tool(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// byName maps objects by what identifies them, which no two may share.
func byName(t *testing.T, rendered []unstructured.Unstructured) map[string]map[string]any {
	t.Helper()
	found := make(map[string]map[string]any, len(rendered))
	for i := range rendered {
		name := strings.Join([]string{rendered[i].GetKind(), rendered[i].GetNamespace(), rendered[i].GetName()}, " ")
		if _, twice := found[name]; twice {
			t.Fatalf("two objects are %s", name)
		}
		found[name] = rendered[i].Object
	}
	return found
}

// find is the one object of a kind and, if it is not empty, a name.
func find(t *testing.T, rendered []unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	t.Helper()
	found := slices.DeleteFunc(slices.Clone(rendered), func(object unstructured.Unstructured) bool {
		return object.GetKind() != kind || name != "" && object.GetName() != name
	})
	if len(found) != 1 {
		t.Fatalf("%d objects are %s %s, want 1", len(found), kind, name)
	}
	return &found[0]
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
		t.Fatalf("%s: %v", file, err)
	}
}
