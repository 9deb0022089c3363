// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package argocd_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "k8s.io/apimachinery/pkg/util/json"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	gatewaystatus "github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// revocations are those of a stolen key, at each stage of their life.
func revocations(t *testing.T) map[string]map[string]any {
	t.Helper()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	end := now.Add(time.Hour)
	all := map[string]map[string]any{}
	for file, facts := range map[string]gatewaystatus.RevocationFacts{
		"healthy.yaml": {End: end, Gateways: map[string]gatewaystatus.RevocationAtGateway{
			"edge": {Written: true, Pods: 2, Acknowledged: 2, Closed: 3},
		}},
		"healthy-expired.yaml": {End: now},
		"progressing-acknowledging.yaml": {End: end, Gateways: map[string]gatewaystatus.RevocationAtGateway{
			"edge": {Written: true, Pods: 2, Acknowledged: 1, Waiting: "pod edge-2 has not acknowledged it yet", Closed: 1},
		}},
		"progressing-gateway-missing.yaml": {End: end},
		"degraded-no-room.yaml": {End: end, Gateways: map[string]gatewaystatus.RevocationAtGateway{
			"edge": {LeftOut: "older revocations leave no room for it"},
		}},
	} {
		r := wsv1alpha1.WebSocketRevocation{
			TypeMeta:   metav1.TypeMeta{APIVersion: wsv1alpha1.SchemeGroupVersion.String(), Kind: wsv1alpha1.KindWebSocketRevocation},
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "incident", Generation: 1},
			Spec: wsv1alpha1.WebSocketRevocationSpec{
				GatewayRefs: []wsv1alpha1.GatewayReference{{Name: "edge"}},
				Until:       metav1.NewTime(end),
				APIKeyIDs:   []wsv1alpha1.RevokedAPIKeyID{{ID: "robot-7", Policy: "robots"}},
			},
		}
		r.Status, _ = gatewaystatus.Revocation(&r, &facts, now)
		all[file] = manifest(t, &r)
	}
	return all
}

// manifest is the object as the API server would show it.
func manifest(t *testing.T, object any) map[string]any {
	t.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

// whole is the object with numbers as kstatus expects them: Lua has fractions only.
func whole(t *testing.T, object map[string]any) *unstructured.Unstructured {
	t.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	o := &unstructured.Unstructured{}
	if err := kjson.Unmarshal(data, &o.Object); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestHealthOfOtherKindsAgreesWithKStatus: as for gateways.
func TestHealthOfOtherKindsAgreesWithKStatus(t *testing.T) {
	t.Parallel()
	verdicts := map[status.Status]string{
		status.CurrentStatus: "Healthy", status.InProgressStatus: "Progressing", status.FailedStatus: "Degraded",
	}
	for kind, objects := range map[string]map[string]map[string]any{"WebSocketRevocation": revocations(t), "WebSocketRoute": routes()} {
		seen := map[string]bool{}
		for name, object := range objects {
			result, err := status.Compute(whole(t, object))
			if err != nil {
				t.Fatal(err)
			}
			for mode, open := range modes() {
				got := ask(t, open, kind, object)
				if want := verdicts[result.Status]; got.Status != want || got.Message == "" {
					t.Errorf("%s %s with %s: health is %+v, want %s", kind, name, mode, got, want)
				}
				seen[got.Status] = true
			}
		}
		if len(seen) != len(verdicts) {
			t.Errorf("the samples of %s show only %v", kind, seen)
		}
	}
}
