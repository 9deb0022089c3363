// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// A list that two field managers share is the union of what both want, so that an
// entry added by hand would stay in force whatever the first of them applies.
func TestEveryListOfASpecBelongsToOneFieldManager(t *testing.T) {
	t.Parallel()
	lists := 0
	for kind, schema := range specs(t) {
		walk(kind+".spec", schema, func(place string, s *apiextensionsv1.JSONSchemaProps) {
			if s.Type != "array" || strings.Contains(place, ".infrastructure.resources") {
				return // Kubernetes' own type
			}
			lists++
			if s.XListType == nil || *s.XListType != "atomic" {
				t.Errorf("%s is not atomic", place)
			}
		})
	}
	if lists < 30 {
		t.Fatalf("found %d lists in the CRDs: the search is broken", lists)
	}
}

const gatewayOfGit = `
apiVersion: wsgateway.dev/v1alpha1
kind: WebSocketGateway
metadata: {name: edge}
spec:
  listeners:
  - name: public
    port: 443
    hostnames: [ws.example.com]
    tls: {certificate: {issuerRef: {name: ca}}}
    clientAddress: {proxyProtocol: true, trustedCIDRs: [192.0.2.0/24]}
    allowedRoutes: {authPolicies: [users], backendTLSProfiles: [inside]}
  backendTLS:
  - {name: inside}
  authPolicies:
  - name: users
    origins: {allow: ["https://app.example.com"]}
    clientCIDRs: {allow: [198.51.100.0/24]}
    anyOf:
    - jwt:
        issuer: https://issuer.example.com
        audiences: [chat]
        algorithms: [RS256]
        jwks: {uri: "https://issuer.example.com/jwks"}
        requiredClaims: {role: [member]}
  routes:
  - name: chat
    hostnames: [ws.example.com]
    subprotocols: [chat]
    authPolicy: users
    backendRefs: [{name: echo, port: 8080}]
`

const routeOfGit = `
apiVersion: wsgateway.dev/v1alpha1
kind: WebSocketRoute
metadata: {name: support}
spec:
  parentRefs: [{name: edge}]
  hostnames: [help.example.com]
  rules:
  - {name: all, authPolicy: users, backendRefs: [{name: echo, port: 8080}]}
`

const revocationOfGit = `
apiVersion: wsgateway.dev/v1alpha1
kind: WebSocketRevocation
metadata: {name: incident}
spec:
  gatewayRefs: [{name: edge}]
  until: "2036-03-04T12:00:00Z"
  clientCIDRs: [203.0.113.7/32]
`

// What Git gives is what is in force: its owner is told of what was done by hand, and
// takes it back if it insists, as GitOps tools do.
func TestWhatSomebodyAddsToAListByHandIsTakenBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		manifest, path, value string
	}{
		"a hostname of a listener":    {gatewayOfGit, "/spec/listeners/0/hostnames/-", `"by-hand.example.com"`},
		"a proxy that is believed":    {gatewayOfGit, "/spec/listeners/0/clientAddress/trustedCIDRs/-", `"203.0.113.0/24"`},
		"a policy for routes":         {gatewayOfGit, "/spec/listeners/0/allowedRoutes/authPolicies/-", `"everybody"`},
		"a profile for routes":        {gatewayOfGit, "/spec/listeners/0/allowedRoutes/backendTLSProfiles/-", `"outside"`},
		"routes of other namespaces":  {gatewayOfGit, "/spec/listeners/0/allowedRoutes/namespaces", `{"from":"All"}`},
		"an origin":                   {gatewayOfGit, "/spec/authPolicies/0/origins/allow/-", `"https://evil.example.net"`},
		"a network":                   {gatewayOfGit, "/spec/authPolicies/0/clientCIDRs/allow/-", `"203.0.113.0/24"`},
		"an audience":                 {gatewayOfGit, "/spec/authPolicies/0/anyOf/0/jwt/audiences/-", `"other"`},
		"an algorithm":                {gatewayOfGit, "/spec/authPolicies/0/anyOf/0/jwt/algorithms/-", `"ES256"`},
		"a value of a claim":          {gatewayOfGit, "/spec/authPolicies/0/anyOf/0/jwt/requiredClaims/role/-", `"guest"`},
		"a policy that only pretends": {gatewayOfGit, "/spec/authPolicies/0/mode", `"DryRun"`},
		"a policy":                    {gatewayOfGit, "/spec/authPolicies/-", `{"name":"everybody","anyOf":[{"anonymous":{}}]}`},
		"a profile for backends":      {gatewayOfGit, "/spec/backendTLS/-", `{"name":"outside"}`},
		"a listener": {
			gatewayOfGit, "/spec/listeners/-",
			`{"name":"other","port":8443,"hostnames":["x.example.com"],"tls":{"certificate":{"issuerRef":{"name":"ca"}}}}`,
		},
		"a route": {
			gatewayOfGit, "/spec/routes/-",
			`{"name":"by-hand","path":{"value":"/by-hand"},"authPolicy":"users","backendRefs":[{"name":"admin","port":80}]}`,
		},
		"a subprotocol":         {gatewayOfGit, "/spec/routes/0/subprotocols/-", `"admin"`},
		"a hostname of a route": {gatewayOfGit, "/spec/routes/0/hostnames/-", `"by-hand.example.com"`},
		"a hostname of a team":  {routeOfGit, "/spec/hostnames/-", `"by-hand.example.com"`},
		"a rule of a team": {
			routeOfGit, "/spec/rules/-",
			`{"name":"by-hand","path":{"value":"/by-hand"},"authPolicy":"users","backendRefs":[{"name":"admin","port":80}]}`,
		},
		"a gateway of a revocation": {revocationOfGit, "/spec/gatewayRefs/-", `{"name":"other"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			object := parsed(t, []byte(test.manifest))
			object.SetName("owned-" + strings.ReplaceAll(name, " ", "-"))
			door := doorOf(object)
			ours := applied(t, door, object).Object["spec"]

			patch := `[{"op":"add","path":"` + test.path + `","value":` + test.value + `}]`
			byHand, err := door.Patch(t.Context(), object.GetName(), types.JSONPatchType, []byte(patch), metav1.PatchOptions{FieldManager: "kubectl-edit"})
			if err != nil {
				t.Fatal(err)
			}
			if cmp.Equal(ours, byHand.Object["spec"]) {
				t.Fatal("the patch has changed nothing")
			}
			if _, err := door.Apply(t.Context(), object.GetName(), object, metav1.ApplyOptions{FieldManager: "git"}); !apierrors.IsConflict(err) {
				t.Errorf("the owner is told of no conflict, but %v", err)
			}
			if diff := cmp.Diff(ours, applied(t, door, object).Object["spec"]); diff != "" {
				t.Errorf("what was done by hand is still there (-Git +cluster):\n%s", diff)
			}
		})
	}
}

// applied is what becomes of an object that Git's field manager applies as GitOps
// tools do.
func applied(t *testing.T, door dynamic.ResourceInterface, object *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	stored, err := door.Apply(t.Context(), object.GetName(), object, metav1.ApplyOptions{FieldManager: "git", Force: true})
	if err != nil {
		t.Fatal(err)
	}
	return stored
}
