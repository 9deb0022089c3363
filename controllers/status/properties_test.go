// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	gatewaystatus "github.com/wsgateway/websocket-gateway-operator/controllers/status"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
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
	// changed is another configuration, that no pod has.
	changed := func(digest string) *gatewaystatus.Facts {
		facts := agree
		facts.ConfigDigest = digest
		return &facts
	}
	blind := gatewaystatus.Facts{}
	behind := func(after time.Duration) map[string]gatewaystatus.Behind {
		lags := map[string]gatewaystatus.Behind{}
		for _, pod := range agree.Running.Pods {
			lags[pod.Name] = gatewaystatus.Behind{InForce: agree.ConfigDigest, Since: start.Add(after)}
		}
		return lags
	}

	tests := map[string]struct {
		passes []*gatewaystatus.Facts // one second apart
		want   gatewaystatus.Since
	}{
		"nothing is tolerated where all agree": {
			passes: []*gatewaystatus.Facts{&agree, &agree},
		},
		"pods are behind from the first configuration on that they do not have": {
			passes: []*gatewaystatus.Facts{&agree, changed("sha256:one"), changed("sha256:one"), changed("sha256:two")},
			want:   gatewaystatus.Since{Behind: behind(time.Second)},
		},
		"pods that were current again begin anew": {
			passes: []*gatewaystatus.Facts{changed("sha256:one"), &agree, changed("sha256:one")},
			want:   gatewaystatus.Since{Behind: behind(2 * time.Second)},
		},
		"pods that have taken another configuration meanwhile begin anew": {
			passes: []*gatewaystatus.Facts{having(changed("sha256:two"), "sha256:one"), changed("sha256:two")},
			want:   gatewaystatus.Since{Behind: behind(time.Second)},
		},
		"a pass that knows of no configuration forgets no pod": {
			passes: []*gatewaystatus.Facts{changed("sha256:one"), changed(""), changed("sha256:one")},
			want:   gatewaystatus.Since{Behind: behind(0)},
		},
		"a difference keeps its beginning": {
			passes: []*gatewaystatus.Facts{&agree, &differ, &differ},
			want:   gatewaystatus.Since{Differ: map[string]time.Time{"public": start.Add(time.Second)}},
		},
		"a difference that ends is forgotten": {
			passes: []*gatewaystatus.Facts{&differ, &agree},
		},
		"a pass that saw nothing forgets nothing": {
			passes: []*gatewaystatus.Facts{&differ, &blind},
			want:   gatewaystatus.Since{Differ: map[string]time.Time{"public": start}},
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

// having are the facts with pods that have another configuration in force.
func having(facts *gatewaystatus.Facts, inForce string) *gatewaystatus.Facts {
	running := *facts.Running
	running.Pods = slices.Clone(running.Pods)
	for i := range running.Pods {
		report := *running.Pods[i].Report
		report.Files = map[string]contract.FileState{contract.ConfigFile: {Seen: inForce, InForce: inForce}}
		running.Pods[i].Report = &report
	}
	facts.Running = &running
	return facts
}

// TestChangesWithoutEndHideNoPodThatIsStuck changes the configuration again and again,
// faster than any tolerance ends.
func TestChangesWithoutEndHideNoPodThatIsStuck(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		inForce func(change int) string // in the pods
		want    metav1.ConditionStatus
	}{
		"pods that are one change behind follow": {
			inForce: func(change int) string { return fmt.Sprintf("sha256:%d", change-1) },
			want:    metav1.ConditionTrue,
		},
		"pods that keep what they have are stuck": {
			inForce: func(int) string { return "sha256:0" },
			want:    metav1.ConditionFalse,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fixtures(t)["everything-is-served"]
			gw := f.gateway.DeepCopy()
			var since gatewaystatus.Since
			for change := range 20 {
				now := f.input.Now.Add(time.Duration(change) * time.Second)
				facts := f.input.Facts
				if change > 0 {
					facts.ConfigDigest = fmt.Sprintf("sha256:%d", change)
					having(&facts, tt.inForce(change))
				}
				since = since.Next(&facts, now)
				facts.Since = since
				gw.Status, _ = gatewaystatus.Compute(gw, &facts, now)
			}
			got := condition(gw.Status, wsv1alpha1.ConditionProgrammed)
			if got.Status != tt.want {
				t.Errorf("after 20 s of changes, Programmed is %s (%s), want %s", got.Status, got.Message, tt.want)
			}
		})
	}
}
