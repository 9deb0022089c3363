// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package inspect_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/ask"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/inspect"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

func TestAttachedRoutesAreShownWithTheirConnections(t *testing.T) {
	t.Parallel()
	gw := &wsv1alpha1.WebSocketGateway{ObjectMeta: metav1.ObjectMeta{Namespace: "wss", Name: "edge"}}
	route := func(namespace, state, reason string) wsv1alpha1.WebSocketRoute {
		return wsv1alpha1.WebSocketRoute{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "chat"},
			Spec:       wsv1alpha1.WebSocketRouteSpec{Hostnames: []wsv1alpha1.Hostname{"chat.example.com", wsv1alpha1.Hostname(namespace + ".example.com")}},
			Status: wsv1alpha1.WebSocketRouteStatus{Conditions: []metav1.Condition{{
				Type: "Ready", Status: metav1.ConditionStatus(state), Reason: reason,
			}}},
		}
	}
	facts := &inspect.Facts{
		Gateway:  gw,
		Attached: []wsv1alpha1.WebSocketRoute{route("team-a", "True", "Ready"), route("team-b", "False", "HostnameConflict")},
		Pods:     []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "p"}}},
		States: map[string]ask.Answer[*control.State]{"p": {Value: &control.State{Routes: []control.Route{
			{Name: "chat", Connections: 100},
			{Name: "team-a/chat/v1", Connections: 3},
			{Name: "team-a/chat/v2", Connections: 4, Limits: &control.RouteLimits{MessagesPerSecond: 20}},
			{Name: "team-a/chatter/v1", Connections: 50},
		}}}},
	}
	drawn := inspect.New(facts).Text(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC), false)
	for _, want := range []string{
		"WebSocketRoute team-a/chat  Ready=True  chat.example.com, team-a.example.com  7 connections",
		"rule v2  tighter than the gateway: messagesPerSecond 20",
		"WebSocketRoute team-b/chat  Ready=False  HostnameConflict  chat.example.com, team-b.example.com  0 connections",
	} {
		if !strings.Contains(drawn, want) {
			t.Errorf("the status does not have %q:\n%s", want, drawn)
		}
	}
}

func TestLimitsThatAreTighterThanTheGatewayAreShown(t *testing.T) {
	t.Parallel()
	gw := &wsv1alpha1.WebSocketGateway{ObjectMeta: metav1.ObjectMeta{Namespace: "wss", Name: "edge"}}
	gw.Spec.Routes = []wsv1alpha1.Route{{Name: "chat"}, {Name: "feed"}}
	facts := &inspect.Facts{
		Gateway: gw,
		Pods:    []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "p"}}},
		States: map[string]ask.Answer[*control.State]{"p": {Value: &control.State{Routes: []control.Route{
			{Name: "chat", Limits: &control.RouteLimits{
				MaxMessageBytes: 1, MaxFrameBytes: 2, MessageTypes: "Text", MessagesPerSecond: 3, BytesPerSecond: 4,
				IdleTimeout: contract.Duration(time.Minute), MaxConnectionAge: contract.Duration(time.Hour),
			}},
			{Name: "feed"},
		}}}},
	}
	drawn := inspect.New(facts).Text(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC), false)
	want := "tighter than the gateway: maxMessageBytes 1, maxFrameBytes 2, messageTypes Text, messagesPerSecond 3, bytesPerSecond 4, idleTimeout 1m0s, maxConnectionAge 1h0m0s"
	if !strings.Contains(drawn, want) || strings.Count(drawn, "tighter") != 1 {
		t.Errorf("want %q, once, in\n%s", want, drawn)
	}
}
