// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestAcceptedManifestsAreAccepted(t *testing.T) {
	t.Parallel()
	for name, manifest := range manifests(t, "accepted", 15) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := admit(t, manifest); err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

// A manifest that is refused for two reasons would prove neither.
func TestRejectedManifestsAreRejectedForOneReason(t *testing.T) {
	t.Parallel()
	for name, manifest := range manifests(t, "rejected", 40) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message := want(t, name, manifest)
			err := admit(t, manifest)
			if err == nil {
				t.Fatal("accepted")
			}
			if !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
				t.Fatalf("failed for another reason: %v", err)
			}
			if !strings.Contains(err.Error(), message) {
				t.Errorf("want %q\n got %q", message, err)
			}
			if fields := refusedFields(err); len(fields) > 1 {
				t.Errorf("more than one field is refused: %q", fields)
			}
		})
	}
}

// refusedFields lists the fields that the server complains of, once each: a bad
// duration breaks its pattern and its bounds.
func refusedFields(err error) []string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var list []string
	for _, cause := range status.Status().Details.Causes {
		// The server says so when a schema error kept it from asking the rules.
		if !strings.Contains(cause.Message, "some validation rules were not checked") {
			list = append(list, cause.Field)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func TestEachRuleOfTheCRDHasARejectedManifest(t *testing.T) {
	t.Parallel()
	var wants []string
	for name, manifest := range manifests(t, "rejected", 40) {
		wants = append(wants, want(t, name, manifest))
	}
	rules := messages(t)
	if len(rules) < 20 {
		t.Fatalf("found %d rules in the CRD: the search is broken", len(rules))
	}
	for _, message := range rules {
		if message == "" {
			t.Error("a rule has no message: the user would be shown its CEL")
			continue
		}
		if !slices.Contains(wants, message) {
			t.Errorf("no manifest in testdata/rejected wants %q", message)
		}
	}
}

// A GitOps tool compares what it applied with what is there: a duration that
// comes back in another spelling would be a difference for ever.
func TestDurationsComeBackAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	object := &unstructured.Unstructured{}
	manifest := `
apiVersion: wsgateway.dev/v1alpha1
kind: WebSocketGateway
metadata: {name: durations}
spec:
  listeners:
  - name: public
    port: 443
    hostnames: [ws.example.com]
    tls: {certificate: {issuerRef: {name: ca}, duration: 2160h, renewBefore: 720h}}
  limits: {idleTimeout: 1h, pingInterval: 60s, pongTimeout: 1m30s}
  lifecycle: {drain: {window: 1h}}
`
	if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
		t.Fatal(err)
	}
	if _, err := gateways.Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	stored, err := gateways.Get(t.Context(), "durations", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		want string
		path []string
	}{
		{"1h", []string{"spec", "limits", "idleTimeout"}},
		{"60s", []string{"spec", "limits", "pingInterval"}},
		{"1m30s", []string{"spec", "limits", "pongTimeout"}},
		{"1h", []string{"spec", "lifecycle", "drain", "window"}},
	} {
		got, _, err := unstructured.NestedString(stored.Object, test.path...)
		if err != nil || got != test.want {
			t.Errorf("%s: got %q, want %q (%v)", strings.Join(test.path, "."), got, test.want, err)
		}
	}
	generation, found, err := unstructured.NestedInt64(stored.Object, "status", "observedGeneration")
	if err != nil || !found || generation != -1 {
		t.Errorf("status.observedGeneration is %d, want -1 from the first moment (%v)", generation, err)
	}
}
