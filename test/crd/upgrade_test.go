// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/test/apiserver"
)

// mergedBefore are lists that the CRD of gateways once let field managers share, by
// how they were merged.
var mergedBefore = map[string]string{
	"WebSocketGateway.spec.listeners":                        "map",
	"WebSocketGateway.spec.listeners[].hostnames":            "set",
	"WebSocketGateway.spec.authPolicies":                     "map",
	"WebSocketGateway.spec.authPolicies[].origins.allow":     "set",
	"WebSocketGateway.spec.routes":                           "map",
	"WebSocketGateway.spec.routes[].hostnames":               "set",
	"WebSocketGateway.spec.authPolicies[].clientCIDRs.allow": "set",
}

const gatewayOfTwo = `
apiVersion: wsgateway.dev/v1alpha1
kind: WebSocketGateway
metadata: {name: edge}
spec:
  listeners:
  - {name: public, hostnames: [second.example.com]}
  authPolicies:
  - name: users
    origins: {allow: ["https://second.example.com"]}
    clientCIDRs: {allow: [203.0.113.0/24]}
  routes:
  - {name: chat, hostnames: [second.example.com]}
  - {name: second, path: {value: /second}, authPolicy: users, backendRefs: [{name: echo, port: 8080}]}
`

// An object that two field managers share in the CRD of an older release is left as it
// is when the CRD is replaced; whoever applies it next has its lists.
func TestListsThatManagersHaveSharedBelongToTheNextThatApplies(t *testing.T) {
	t.Parallel()
	// The other tests go on with the CRD of our group.
	resource := wsv1alpha1.SchemeGroupVersion.WithResource("websocketgateways")
	resource.Group = "before.example.com"
	changed := 0
	serve(t, resource.Group, func(place string, s *apiextensionsv1.JSONSchemaProps) {
		if merged, ok := mergedBefore[place]; ok {
			changed++
			s.XListType = &merged
			if merged == "map" {
				s.XListMapKeys = []string{"name"}
			}
		}
	})
	if changed != len(mergedBefore) {
		t.Fatalf("found %d of %d lists", changed, len(mergedBefore))
	}

	client, err := dynamic.NewForConfig(server)
	if err != nil {
		t.Fatal(err)
	}
	door := client.Resource(resource).Namespace("default")
	first, second := parsed(t, []byte(gatewayOfGit)), parsed(t, []byte(gatewayOfTwo))
	first.SetAPIVersion(resource.GroupVersion().String())
	second.SetAPIVersion(resource.GroupVersion().String())
	ours := applied(t, door, first).Object["spec"]
	other := metav1.ApplyOptions{FieldManager: "second"}
	both, err := door.Apply(t.Context(), "edge", second, other)
	if err != nil {
		t.Fatal(err)
	}
	if again := applied(t, door, first); !cmp.Equal(both.Object["spec"], again.Object["spec"]) {
		t.Fatal("the managers do not share the lists: this test has the wrong CRD")
	}

	serve(t, resource.Group, func(string, *apiextensionsv1.JSONSchemaProps) {})
	stored, err := door.Get(t.Context(), "edge", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(both.Object["spec"], stored.Object["spec"]); diff != "" {
		t.Errorf("the new CRD alone has changed the object (-before +after):\n%s", diff)
	}
	eventually(t, func() string { return cmp.Diff(ours, applied(t, door, first).Object["spec"]) })
	if _, err := door.Apply(t.Context(), "edge", second, other); !apierrors.IsConflict(err) {
		t.Errorf("the second manager is told of no conflict, but %v", err)
	}
}

// serve stores the CRD of gateways for another group, with a change.
func serve(t *testing.T, group string, change func(place string, s *apiextensionsv1.JSONSchemaProps)) {
	t.Helper()
	for _, definition := range definitions(t) {
		if definition.Spec.Names.Kind != wsv1alpha1.KindWebSocketGateway {
			continue
		}
		definition.Spec.Group = group
		definition.Name = definition.Spec.Names.Plural + "." + group
		definition.Spec.Names.ShortNames, definition.Spec.Names.Categories = nil, nil
		walk(definition.Spec.Names.Kind, definition.Spec.Versions[0].Schema.OpenAPIV3Schema, change)
		_, err := envtest.InstallCRDs(server, envtest.CRDInstallOptions{
			CRDs: []*apiextensionsv1.CustomResourceDefinition{&definition}, MaxTime: apiserver.Patience,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// eventually tries until there is no difference: a CRD is served some time after it
// was stored.
func eventually(t *testing.T, try func() (diff string)) {
	t.Helper()
	deadline := time.After(apiserver.Patience)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		diff := try()
		if diff == "" {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("the lists are not those of who has applied last (-applied +stored):\n%s", diff)
		}
	}
}
