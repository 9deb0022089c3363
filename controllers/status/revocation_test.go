// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	gatewaystatus "github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

func moment() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

func revocationOf(gateways ...string) *wsv1alpha1.WebSocketRevocation {
	r := &wsv1alpha1.WebSocketRevocation{
		TypeMeta:   metav1.TypeMeta{APIVersion: wsv1alpha1.SchemeGroupVersion.String(), Kind: wsv1alpha1.KindWebSocketRevocation},
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "incident", Generation: 2},
	}
	for _, name := range gateways {
		r.Spec.GatewayRefs = append(r.Spec.GatewayRefs, wsv1alpha1.GatewayReference{Name: name})
	}
	return r
}

// verdict is what Flux and Helm make of it.
func verdict(t *testing.T, r *wsv1alpha1.WebSocketRevocation) status.Status {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(r)
	if err != nil {
		t.Fatal(err)
	}
	result, err := status.Compute(&unstructured.Unstructured{Object: content})
	if err != nil {
		t.Fatal(err)
	}
	return result.Status
}

func TestWhatARevocationSays(t *testing.T) {
	t.Parallel()
	done := gatewaystatus.RevocationAtGateway{Written: true, Pods: 3, Acknowledged: 3, Closed: 7}
	under := gatewaystatus.RevocationAtGateway{Written: true, Pods: 3, Acknowledged: 2, Waiting: "pod edge-2 has not acknowledged it yet", Closed: 5}
	for name, tt := range map[string]struct {
		change  func(*gatewaystatus.RevocationFacts)
		want    map[string]string // condition: status/reason
		kstatus status.Status
		pods    string
		closed  int64
	}{
		"every pod has acknowledged": {nil, map[string]string{
			"Accepted": "True/Accepted", "ResolvedRefs": "True/ResolvedRefs", "Programmed": "True/Programmed", "Ready": "True/Ready",
		}, status.CurrentStatus, "6/6", 14},
		"a pod has not": {func(f *gatewaystatus.RevocationFacts) { f.Gateways["inner"] = under }, map[string]string{
			"Accepted": "True/Accepted", "ResolvedRefs": "True/ResolvedRefs", "Programmed": "False/StaleConfig", "Ready": "False/StaleConfig",
			"Reconciling": "True/Progressing",
		}, status.InProgressStatus, "5/6", 12},
		"a gateway has not been written": {func(f *gatewaystatus.RevocationFacts) {
			f.Gateways["inner"] = gatewaystatus.RevocationAtGateway{}
		}, map[string]string{
			"Accepted": "True/Accepted", "ResolvedRefs": "True/ResolvedRefs", "Programmed": "False/StaleConfig", "Ready": "False/StaleConfig",
			"Reconciling": "True/Progressing",
		}, status.InProgressStatus, "3/3", 7},
		"a gateway has no pods": {func(f *gatewaystatus.RevocationFacts) {
			f.Gateways["inner"] = gatewaystatus.RevocationAtGateway{Written: true}
		}, map[string]string{
			"Accepted": "True/Accepted", "ResolvedRefs": "True/ResolvedRefs", "Programmed": "False/NoReadyPods", "Ready": "False/NoReadyPods",
			"Reconciling": "True/Progressing",
		}, status.InProgressStatus, "3/3", 7},
		"a gateway is missing": {func(f *gatewaystatus.RevocationFacts) { delete(f.Gateways, "inner") }, map[string]string{
			"Accepted": "True/Accepted", "ResolvedRefs": "False/GatewayNotFound", "Programmed": "True/Programmed", "Ready": "False/GatewayNotFound",
			"Reconciling": "True/Progressing",
		}, status.InProgressStatus, "3/3", 7},
		"all gateways are missing": {func(f *gatewaystatus.RevocationFacts) { clear(f.Gateways) }, map[string]string{
			"Accepted": "True/Accepted", "ResolvedRefs": "False/GatewayNotFound", "Programmed": "False/GatewayNotFound", "Ready": "False/GatewayNotFound",
			"Reconciling": "True/Progressing",
		}, status.InProgressStatus, "0/0", 0},
		"a gateway has no room": {func(f *gatewaystatus.RevocationFacts) {
			f.Gateways["inner"] = gatewaystatus.RevocationAtGateway{LeftOut: "older ones have left none"}
		}, map[string]string{
			"Accepted": "False/TooManyRevocations", "ResolvedRefs": "True/ResolvedRefs", "Programmed": "False/TooManyRevocations",
			"Ready": "False/TooManyRevocations", "Stalled": "True/TooManyRevocations",
		}, status.FailedStatus, "3/3", 7},
		"pods would refuse it": {func(f *gatewaystatus.RevocationFacts) {
			f.Gateways["inner"] = gatewaystatus.RevocationAtGateway{LeftOut: "too wide", Invalid: true}
		}, map[string]string{
			"Accepted": "False/Invalid", "ResolvedRefs": "True/ResolvedRefs", "Programmed": "False/Invalid",
			"Ready": "False/Invalid", "Stalled": "True/Invalid",
		}, status.FailedStatus, "3/3", 7},
		"its end is too far": {func(f *gatewaystatus.RevocationFacts) { f.TooFar = true }, map[string]string{
			"Accepted": "False/Invalid", "ResolvedRefs": "True/ResolvedRefs", "Programmed": "True/Programmed", "Ready": "False/Invalid",
			"Stalled": "True/Invalid",
		}, status.FailedStatus, "6/6", 14},
		"it has ended": {func(f *gatewaystatus.RevocationFacts) { f.End, f.TooFar = moment(), true; clear(f.Gateways) }, map[string]string{
			"Accepted": "True/Accepted", "ResolvedRefs": "True/ResolvedRefs", "Programmed": "False/Expired", "Ready": "True/Expired", "Expired": "True/Expired",
		}, status.CurrentStatus, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := revocationOf("edge", "inner")
			facts := gatewaystatus.RevocationFacts{End: moment().Add(time.Hour), Gateways: map[string]gatewaystatus.RevocationAtGateway{"edge": done, "inner": done}}
			if tt.change != nil {
				tt.change(&facts)
			}
			computed, after := gatewaystatus.Revocation(r, &facts, moment())
			got := map[string]string{}
			for _, c := range computed.Conditions {
				got[c.Type] = string(c.Status) + "/" + c.Reason
				if c.Message == "" || c.ObservedGeneration != 2 {
					t.Errorf("%s says %q of generation %d", c.Type, c.Message, c.ObservedGeneration)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			if computed.Pods != tt.pods || computed.ConnectionsClosed != tt.closed {
				t.Errorf("%s pods, %d closed, want %s and %d", computed.Pods, computed.ConnectionsClosed, tt.pods, tt.closed)
			}
			if _, ended := tt.want["Expired"]; ended != (after == 0) {
				t.Errorf("comes again after %v", after)
			}
			r.Status = computed
			if got := verdict(t, r); got != tt.kstatus {
				t.Errorf("kstatus is %s, want %s", got, tt.kstatus)
			}
			again, _ := gatewaystatus.Revocation(r, &facts, moment().Add(time.Second))
			if diff := cmp.Diff(computed, again); diff != "" {
				t.Errorf("it moves on its own:\n%s", diff)
			}
		})
	}
}

func TestARevocationThatMakesNoProgressStallsAndStaysSo(t *testing.T) {
	t.Parallel()
	r := revocationOf("edge")
	facts := gatewaystatus.RevocationFacts{End: moment().Add(time.Hour), Gateways: map[string]gatewaystatus.RevocationAtGateway{}}
	var after time.Duration
	r.Status, after = gatewaystatus.Revocation(r, &facts, moment())
	if after != 5*time.Minute {
		t.Errorf("comes again after %v", after)
	}
	for _, at := range []time.Duration{5 * time.Minute, 6 * time.Minute, 30 * time.Minute} {
		r.Status, _ = gatewaystatus.Revocation(r, &facts, moment().Add(at))
		stalled := meta.FindStatusCondition(r.Status.Conditions, wsv1alpha1.ConditionStalled)
		if stalled == nil || stalled.Reason != wsv1alpha1.ReasonProgressDeadlineExceeded ||
			meta.FindStatusCondition(r.Status.Conditions, wsv1alpha1.ConditionReconciling) != nil {
			t.Errorf("after %v: %+v", at, r.Status.Conditions)
		}
	}
}

func TestWhatWasClosedStaysCounted(t *testing.T) {
	t.Parallel()
	r := revocationOf("edge")
	at := gatewaystatus.RevocationAtGateway{Written: true, Pods: 1, Acknowledged: 1}
	for _, tt := range []struct{ said, want int64 }{{0, 0}, {9, 9}, {0, 9}, {3, 9}, {12, 12}} {
		at.Closed = tt.said
		r.Status, _ = gatewaystatus.Revocation(r, &gatewaystatus.RevocationFacts{
			End: moment().Add(time.Hour), Gateways: map[string]gatewaystatus.RevocationAtGateway{"edge": at},
		}, moment())
		if r.Status.ConnectionsClosed != tt.want || r.Status.Gateways[0].ConnectionsClosed != tt.want {
			t.Errorf("pods say %d: status says %d, want %d", tt.said, r.Status.ConnectionsClosed, tt.want)
		}
	}
	ended, _ := gatewaystatus.Revocation(r, &gatewaystatus.RevocationFacts{End: moment()}, moment())
	if ended.ConnectionsClosed != 12 || ended.Pods != "1/1" {
		t.Errorf("after its end: %s pods, %d closed", ended.Pods, ended.ConnectionsClosed)
	}
}
