// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	gatewaystatus "github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// TestStoryOfAMissingIssuer walks one gateway from its creation without an
// issuer to the day on which it serves, and through one bad edit.
func TestStoryOfAMissingIssuer(t *testing.T) {
	t.Parallel()
	all := fixtures(t)
	missing := all["issuer-missing"].input.Facts
	issuing := all["first-pass"].input.Facts
	served := all["everything-is-served"].input.Facts
	invalid := all["invalid-spec-holds-the-last-good-one"].input.Facts

	first := all["first-pass"]
	gw := first.gateway.DeepCopy()
	start := time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)
	steps := []struct {
		what       string
		at         time.Duration
		generation int64
		facts      *gatewaystatus.Facts
		ready      string // reason
		work       string // type of the sixth condition
		workSince  time.Duration
	}{
		{"created", 0, 1, &missing, "IssuerNotFound", "Reconciling", 0},
		{"nobody acts", 4 * time.Minute, 1, &missing, "IssuerNotFound", "Reconciling", 0},
		{"five minutes are over", 5 * time.Minute, 1, &missing, "IssuerNotFound", "Stalled", 5 * time.Minute},
		{"still nobody acts", time.Hour, 1, &missing, "IssuerNotFound", "Stalled", 5 * time.Minute},
		{"the issuer is created", 2 * time.Hour, 1, &issuing, "Issuing", "Reconciling", 2 * time.Hour},
		{"everything is there", 2*time.Hour + time.Second, 1, &served, "Ready", "", 0},
		{"a bad edit", 3 * time.Hour, 2, &invalid, "Invalid", "Stalled", 3 * time.Hour},
		{"another bad edit", 4 * time.Hour, 3, &invalid, "Invalid", "Stalled", 3 * time.Hour},
		{"the edit is undone", 5 * time.Hour, 4, &served, "Ready", "", 0},
	}
	for _, step := range steps {
		gw.Generation = step.generation
		now := start.Add(step.at)
		facts := *step.facts
		facts.Running = answeredNow(facts.Running, now)
		gw.Status, _ = gatewaystatus.Compute(gw, &facts, now)

		if got := condition(gw.Status, wsv1alpha1.ConditionReady).Reason; got != step.ready {
			t.Errorf("%s: Ready says %s, want %s", step.what, got, step.ready)
		}
		var work metav1.Condition
		if len(gw.Status.Conditions) > 5 {
			work = gw.Status.Conditions[5]
		}
		if work.Type != step.work {
			t.Errorf("%s: %q is present, want %q", step.what, work.Type, step.work)
		}
		if want := start.Add(step.workSince); work.Type != "" && !work.LastTransitionTime.Time.Equal(want) {
			t.Errorf("%s: %s since %s, want %s", step.what, work.Type, work.LastTransitionTime, want)
		}
	}
}

// answeredNow copies what was seen, with pods that have just answered.
func answeredNow(running *gatewaystatus.Running, now time.Time) *gatewaystatus.Running {
	if running == nil {
		return nil
	}
	fresh := *running
	fresh.Pods = append([]gatewaystatus.Pod(nil), running.Pods...)
	for i := range fresh.Pods {
		fresh.Pods[i].ReportedAt = now
	}
	return &fresh
}
