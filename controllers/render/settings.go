// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"slices"
	"time"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// DefaultReplicas is the number of pods where the spec names none: the least
// that lets one go without ending every connection.
const DefaultReplicas int32 = 2

// graceMargin is what a pod gets beyond its drain window: five seconds in which
// it still accepts, because the removal of an endpoint takes time to spread,
// and the rest to end what did not end by itself.
const graceMargin = 20 * time.Second

// Replicas is the number of pods that the gateway asks for.
func Replicas(gw *wsv1alpha1.WebSocketGateway) int32 {
	if infra := gw.Spec.Infrastructure; infra != nil && infra.Replicas != nil {
		return *infra.Replicas
	}
	return DefaultReplicas
}

// ServiceType is the type of the gateway's Service.
func ServiceType(gw *wsv1alpha1.WebSocketGateway) wsv1alpha1.ServiceType {
	if s := serviceSpec(gw); s.Type != "" {
		return s.Type
	}
	return wsv1alpha1.ServiceTypeLoadBalancer
}

func serviceSpec(gw *wsv1alpha1.WebSocketGateway) wsv1alpha1.Service {
	if infra := gw.Spec.Infrastructure; infra != nil && infra.Service != nil {
		return *infra.Service
	}
	return wsv1alpha1.Service{}
}

func schedulingSpec(gw *wsv1alpha1.WebSocketGateway) wsv1alpha1.Scheduling {
	if infra := gw.Spec.Infrastructure; infra != nil && infra.Scheduling != nil {
		return *infra.Scheduling
	}
	return wsv1alpha1.Scheduling{}
}

func podMetadataSpec(gw *wsv1alpha1.WebSocketGateway) wsv1alpha1.PodMetadata {
	if infra := gw.Spec.Infrastructure; infra != nil && infra.PodMetadata != nil {
		return *infra.PodMetadata
	}
	return wsv1alpha1.PodMetadata{}
}

func drainWindow(gw *wsv1alpha1.WebSocketGateway) time.Duration {
	lifecycle := gw.Spec.Lifecycle
	if lifecycle == nil || lifecycle.Drain == nil || lifecycle.Drain.Window == nil {
		return contract.DefaultDrainWindow
	}
	return lifecycle.Drain.Window.Duration
}

// gracePeriod is in whole seconds, rounded up: the kubelet must not kill a pod
// that is still inside its window.
func gracePeriod(gw *wsv1alpha1.WebSocketGateway) int64 {
	total := drainWindow(gw) + graceMargin
	return int64((total + time.Second - 1) / time.Second)
}

// ports are the distinct ports of the listeners, ascending.
func ports(gw *wsv1alpha1.WebSocketGateway) []int32 {
	found := make([]int32, 0, len(gw.Spec.Listeners))
	for i := range gw.Spec.Listeners {
		found = append(found, gw.Spec.Listeners[i].Port)
	}
	slices.Sort(found)
	return slices.Compact(found)
}
