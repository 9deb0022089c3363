// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTheRoleIsWhatWasThoughtAbout holds the generated role to a list. Whoever
// takes over the operator may do what is in this list, so a longer list wants a
// reason; and Secrets are never on it.
func TestTheRoleIsWhatWasThoughtAbout(t *testing.T) {
	const read = "get list watch"
	const own = "create delete get list patch watch"
	allowed := map[string]string{
		"configmaps": own, "services": own, "serviceaccounts": own,
		"apps/deployments": own, "networking.k8s.io/networkpolicies": own, "policy/poddisruptionbudgets": own,
		"cert-manager.io/certificates": own, "cert-manager.io/certificates/status": "patch",
		"cert-manager.io/certificaterequests": read, "cert-manager.io/issuers": read, "cert-manager.io/clusterissuers": read,
		"acme.cert-manager.io/orders": "list", "acme.cert-manager.io/challenges": "list",
		"discovery.k8s.io/endpointslices": read, "apps/replicasets": read,
		"gateway.networking.k8s.io/referencegrants": read, "namespaces": read,
		"pods":                            "get list patch watch",
		"wsgateway.dev/websocketgateways": read, "wsgateway.dev/websocketgateways/status": "patch",
		"wsgateway.dev/websocketgateways/finalizers": "update",
		"wsgateway.dev/websocketroutes":              read, "wsgateway.dev/websocketroutes/status": "patch",
		"wsgateway.dev/websocketrevocations": read, "wsgateway.dev/websocketrevocations/status": "patch",
		"events": "create patch", "events.k8s.io/events": "create patch",
		"authentication.k8s.io/tokenreviews": "create", "authorization.k8s.io/subjectaccessreviews": "create",
	}
	role, err := operatorRole()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, rule := range role.Rules {
		if len(rule.ResourceNames) > 0 || len(rule.NonResourceURLs) > 0 {
			t.Errorf("rule %v limits itself in a way that this test does not follow", rule)
		}
		slices.Sort(rule.Verbs)
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				name := strings.TrimPrefix(group+"/"+resource, "/")
				found[name] = strings.Join(rule.Verbs, " ")
			}
		}
	}
	if diff := cmp.Diff(allowed, found); diff != "" {
		t.Errorf("config/rbac/role.yaml differs from what was thought about (-allowed +found):\n%s", diff)
	}
	for name := range found {
		if strings.Contains(name, "secret") || strings.Contains(name, "*") {
			t.Errorf("the operator may do %s with %s", found[name], name)
		}
	}
}
