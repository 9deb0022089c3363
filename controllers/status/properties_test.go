// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	gatewaystatus "github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// TestNothingMovesOnItsOwn feeds each answer back: with the same facts there is
// nothing more to write, neither at once nor at any time before the one that
// Compute itself names.
func TestNothingMovesOnItsOwn(t *testing.T) {
	t.Parallel()
	for name, f := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gw := f.gateway.DeepCopy()
			first, after := gatewaystatus.Compute(gw, &f.input.Facts, f.input.Now)
			gw.Status = throughAPI(t, first)
			instants := []time.Duration{0, time.Millisecond}
			if after > 0 {
				instants = append(instants, after/2, after-time.Millisecond)
			} else {
				instants = append(instants, 1000*time.Hour)
			}
			for _, later := range instants {
				second, _ := gatewaystatus.Compute(gw, &f.input.Facts, f.input.Now.Add(later))
				if diff := cmp.Diff(gw.Status, throughAPI(t, second)); diff != "" {
					t.Errorf("%s later, with nothing changed:\n%s", later, diff)
				}
			}
		})
	}
}

// throughAPI is what is read back of what was written.
func throughAPI(t *testing.T, status wsv1alpha1.WebSocketGatewayStatus) wsv1alpha1.WebSocketGatewayStatus {
	t.Helper()
	data, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	var read wsv1alpha1.WebSocketGatewayStatus
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

func TestShapeOfEveryStatus(t *testing.T) {
	t.Parallel()
	always := []string{
		wsv1alpha1.ConditionAccepted, wsv1alpha1.ConditionResolvedRefs, wsv1alpha1.ConditionCertificatesReady,
		wsv1alpha1.ConditionProgrammed, wsv1alpha1.ConditionReady,
	}
	for name, f := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, after := gatewaystatus.Compute(&f.gateway, &f.input.Facts, f.input.Now)
			if len(got.Conditions) < len(always) || len(got.Conditions) > len(always)+1 {
				t.Fatalf("%d conditions", len(got.Conditions))
			}
			for i, want := range always {
				if got.Conditions[i].Type != want {
					t.Errorf("condition %d is %s, want %s: the order is that of the stages", i, got.Conditions[i].Type, want)
				}
			}
			for _, c := range got.Conditions {
				checkCondition(t, &f.gateway, c)
			}
			checkWork(t, got, after)
			if got.ObservedGeneration != f.gateway.Generation {
				t.Errorf("observedGeneration is %d, want %d", got.ObservedGeneration, f.gateway.Generation)
			}
			if len(got.Hostnames) > 1024 || len(got.Warnings) > 16 || len(got.Addresses) > 16 {
				t.Error("a list or string exceeds what the CRD admits")
			}
		})
	}
}

func checkCondition(t *testing.T, gw *wsv1alpha1.WebSocketGateway, c metav1.Condition) {
	t.Helper()
	if c.Reason == "" || c.Message == "" || c.LastTransitionTime.IsZero() {
		t.Errorf("%s lacks reason, message or time: %+v", c.Type, c)
	}
	if len(c.Message) > 1024 {
		t.Errorf("the message of %s has %d bytes", c.Type, len(c.Message))
	}
	if c.ObservedGeneration > gw.Generation {
		t.Errorf("%s was observed for a generation to come: %d", c.Type, c.ObservedGeneration)
	}
	if c.Status != metav1.ConditionTrue && strings.HasSuffix(c.Message, "-n "+gw.Namespace+" ") {
		t.Errorf("the command in the message of %s lacks a name: %s", c.Type, c.Message)
	}
	if c.LastTransitionTime.Nanosecond() != 0 {
		t.Errorf("the API drops fractions of a second: %s", c.LastTransitionTime)
	}
}

// checkWork: Ready is True, or somebody is at work, or nobody can be.
func checkWork(t *testing.T, got wsv1alpha1.WebSocketGatewayStatus, after time.Duration) {
	t.Helper()
	reconciling := condition(got, wsv1alpha1.ConditionReconciling)
	stalled := condition(got, wsv1alpha1.ConditionStalled)
	if reconciling.Type != "" && stalled.Type != "" {
		t.Error("Reconciling and Stalled are both present")
	}
	if reconciling.Type != "" && after == 0 {
		t.Error("nothing wakes the operator to turn Reconciling into Stalled")
	}
	if reconciling.Type == "" && stalled.Type == "" && condition(got, wsv1alpha1.ConditionReady).Status != metav1.ConditionTrue {
		t.Error("Ready is not True, and neither Reconciling nor Stalled says why")
	}
}

func TestSinceRemembersWhenToleranceBegan(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)
	all := fixtures(t)
	differ := all["own-secret-differs-for-a-minute"].input.Facts
	agree := all["everything-is-served"].input.Facts
	other := agree
	other.ConfigDigest = "sha256:other"
	blind := gatewaystatus.Facts{}

	tests := map[string]struct {
		passes []*gatewaystatus.Facts // one second apart
		want   gatewaystatus.Since
	}{
		"the first pass begins the tolerance": {
			passes: []*gatewaystatus.Facts{&agree},
			want:   gatewaystatus.Since{Digest: agree.ConfigDigest, Config: start},
		},
		"the same digest keeps its beginning": {
			passes: []*gatewaystatus.Facts{&agree, &agree, &agree},
			want:   gatewaystatus.Since{Digest: agree.ConfigDigest, Config: start},
		},
		"another digest begins anew": {
			passes: []*gatewaystatus.Facts{&agree, &other},
			want:   gatewaystatus.Since{Digest: "sha256:other", Config: start.Add(time.Second)},
		},
		"a difference keeps its beginning": {
			passes: []*gatewaystatus.Facts{&agree, &differ, &differ},
			want: gatewaystatus.Since{
				Digest: agree.ConfigDigest, Config: start,
				Differ: map[string]time.Time{"public": start.Add(time.Second)},
			},
		},
		"a difference that ends is forgotten": {
			passes: []*gatewaystatus.Facts{&differ, &agree},
			want:   gatewaystatus.Since{Digest: agree.ConfigDigest, Config: start},
		},
		"a pass that saw nothing forgets nothing": {
			passes: []*gatewaystatus.Facts{&differ, &blind},
			want: gatewaystatus.Since{
				Digest: agree.ConfigDigest, Config: start, Differ: map[string]time.Time{"public": start},
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var since gatewaystatus.Since
			for i, facts := range tt.passes {
				since = since.Next(facts, start.Add(time.Duration(i)*time.Second))
			}
			if diff := cmp.Diff(tt.want, since); diff != "" {
				t.Errorf("Next (-want +got):\n%s", diff)
			}
		})
	}
}
