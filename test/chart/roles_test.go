// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/wsgateway/websocket-gateway-operator/test/chart"
)

const (
	reads  = "get list watch"
	writes = reads + " create patch delete"
)

// allowed is everything that any role of an installation may ever grant, and why.
// What is not here needs a line here first, and whoever reviews it.
func allowed() map[string]string {
	return map[string]string{
		// What a gateway consists of.
		"/configmaps": writes, "/serviceaccounts": writes, "/services": writes,
		"apps/deployments": writes, "networking.k8s.io/networkpolicies": writes, "policy/poddisruptionbudgets": writes,
		"cert-manager.io/certificates": writes,
		// One annotation, to have the kubelet look at the files again.
		"/pods": reads + " patch",
		// To have a certificate issued anew.
		"cert-manager.io/certificates/status": "patch",
		// What the status tells about.
		"apps/replicasets": reads, "discovery.k8s.io/endpointslices": reads,
		"cert-manager.io/certificaterequests": reads, "cert-manager.io/issuers": reads, "cert-manager.io/clusterissuers": reads,
		"acme.cert-manager.io/orders": "list", "acme.cert-manager.io/challenges": "list",
		"/events": "create patch", "events.k8s.io/events": "create patch",
		// Who may attach routes from where.
		"/namespaces": reads, "gateway.networking.k8s.io/referencegrants": reads,
		// Who reads the operator's metrics.
		"authentication.k8s.io/tokenreviews": "create", "authorization.k8s.io/subjectaccessreviews": "create",
		"coordination.k8s.io/leases": "create get update patch",
		// Our kinds: the operator reads specs and writes status; people do the rest.
		"wsgateway.dev/websocketgateways": writes + " update deletecollection", "wsgateway.dev/websocketgateways/status": "patch",
		"wsgateway.dev/websocketgateways/finalizers": "update",
		"wsgateway.dev/websocketroutes":              writes + " update deletecollection", "wsgateway.dev/websocketroutes/status": "patch",
		"wsgateway.dev/websocketroutes/finalizers": "update",
		"wsgateway.dev/websocketrevocations":       writes + " update", "wsgateway.dev/websocketrevocations/status": "patch",
	}
}

func TestNoRoleGrantsMoreThanTheListAllows(t *testing.T) {
	list := allowed()
	for name, rendered := range renders(t) {
		t.Run(name, func(t *testing.T) {
			rules := 0
			for i := range rendered {
				object := &rendered[i]
				for _, rule := range rulesOf(t, object) {
					rules++
					for _, excess := range beyond(list, rule) {
						t.Errorf("%s %s grants %s", object.GetKind(), object.GetName(), excess)
					}
				}
			}
			if rules == 0 && name != "chart, nothing" {
				t.Error("no rule was found")
			}
		})
	}
	for _, excess := range []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}},
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"create"}},
		{APIGroups: []string{"*"}, Resources: []string{"pods"}, Verbs: []string{"get"}},
		{APIGroups: []string{""}, Resources: []string{"*"}, Verbs: []string{"get"}},
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"*"}},
		{NonResourceURLs: []string{"*"}, Verbs: []string{"get"}},
	} {
		if len(beyond(list, excess)) == 0 {
			t.Errorf("the list lets everything pass: %+v", excess)
		}
	}
}

// beyond is what a rule grants that the list does not allow. A star is no name of
// a resource or verb, so it is never allowed.
func beyond(list map[string]string, rule rbacv1.PolicyRule) []string {
	var found []string
	for _, url := range rule.NonResourceURLs {
		if url != "/metrics" {
			found = append(found, "URL "+url)
		}
	}
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			verbs := strings.Fields(list[group+"/"+resource])
			for _, verb := range rule.Verbs {
				if !slices.Contains(verbs, verb) {
					found = append(found, verb+" "+group+"/"+resource)
				}
			}
		}
	}
	return found
}

// The chart's roles and those of the kustomization are the same rules.
func TestEveryInstallationHasTheSameRules(t *testing.T) {
	files, err := filepath.Glob(chart.Root + "/config/rbac/*role.yaml")
	if err != nil || len(files) < 6 {
		t.Fatalf("found %d roles, %v", len(files), err)
	}
	rendered := byName(t, template(t, "helm"))
	for _, file := range files {
		var want unstructured.Unstructured
		read(t, file, &want.Object)
		namespace := ""
		if want.GetKind() == "Role" {
			namespace = chart.Namespace
		}
		got := rendered[strings.Join([]string{want.GetKind(), namespace, want.GetName()}, " ")]
		if diff := cmp.Diff(want.Object["rules"], got["rules"]); diff != "" {
			t.Errorf("rules differ from config/rbac/%s (-want +got):\n%s", path.Base(file), diff)
		}
	}
}

// An operator of some namespaces has the same rights as one of all, each only where
// it can be granted; but it does not read the labels of all namespaces.
func TestNamespacedRolesAddUpToTheWholeRole(t *testing.T) {
	everywhere := granted(t, template(t, "helm"), chart.Release)
	for verb := range strings.FieldsSeq(reads) {
		if !everywhere[verb+" /namespaces"] {
			t.Errorf("an operator of all namespaces may not %s them", verb)
		}
		delete(everywhere, verb+" /namespaces")
	}
	inside := template(t, "helm", "--values", values(t)["namespaced"])
	if diff := cmp.Diff(everywhere, granted(t, inside, chart.Release)); diff != "" {
		t.Errorf("-cluster +namespaced:\n%s", diff)
	}
	cluster := &rbacv1.ClusterRole{}
	decode(t, find(t, inside, "ClusterRole", chart.Release), cluster)
	for _, rule := range cluster.Rules {
		for _, resource := range rule.Resources {
			if !slices.Contains([]string{"clusterissuers", "tokenreviews", "subjectaccessreviews"}, resource) {
				t.Errorf("the ClusterRole grants %s", resource)
			}
		}
	}
}

// granted is what the roles of a name allow together.
func granted(t *testing.T, rendered []unstructured.Unstructured, name string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for i := range rendered {
		if rendered[i].GetName() != name {
			continue
		}
		for _, rule := range rulesOf(t, &rendered[i]) {
			for _, excess := range beyond(nil, rule) {
				found[excess] = true
			}
		}
	}
	return found
}

// Whoever may edit a namespace may not therefore lock people out: the permission
// is in a role of its own, which nothing aggregates and nothing binds.
func TestTheRightToRevokeComesWithNoOtherRole(t *testing.T) {
	revokes := func(name string) bool { return strings.HasSuffix(name, "-revoker") }
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
			if holders != 1 && name != "chart, nothing" {
				t.Errorf("%d roles may revoke, want 1", holders)
			}
		})
	}
}

func mayRevoke(rule rbacv1.PolicyRule) bool {
	return slices.Contains(rule.Resources, "websocketrevocations") &&
		slices.ContainsFunc(rule.Verbs, func(verb string) bool { return verb != "get" && verb != "list" && verb != "watch" })
}

// A new kind must not be forgotten: who may view a namespace sees all of ours.
func TestViewersSeeAllKinds(t *testing.T) {
	definitions, err := filepath.Glob(chart.Root + "/config/crd/bases/wsgateway.dev_*.yaml")
	if err != nil || len(definitions) < 2 {
		t.Fatalf("found %d CRDs, %v", len(definitions), err)
	}
	role := &rbacv1.ClusterRole{}
	read(t, chart.Root+"/config/rbac/viewer_role.yaml", role)
	for _, definition := range definitions {
		_, plural, _ := strings.Cut(strings.TrimSuffix(path.Base(definition), ".yaml"), "_")
		if !slices.Contains(role.Rules[0].Resources, plural) {
			t.Errorf("config/rbac/viewer_role.yaml lacks %s", plural)
		}
	}
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
