// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// limits returns nil when every limit has its default: a default that is written
// out means the same as one that is not, so it gives the same bytes.
func limits(spec *wsv1alpha1.Limits) *contract.Limits {
	if spec == nil {
		return nil
	}
	l := contract.Limits{
		MaxConnections: spec.MaxConnections,

		MaxConnectionsPerIdentity: spec.MaxConnectionsPerIdentity,
		MaxConnectionsPerAddress:  spec.MaxConnectionsPerAddress,

		HandshakesPerSecond:           spec.HandshakesPerSecond,
		HandshakesPerSecondPerAddress: spec.HandshakesPerSecondPerAddress,

		MaxFrameBytes: spec.MaxFrameBytes,
		MaxFragments:  spec.MaxFragments,
		MessageTypes:  messageTypes(spec.MessageTypes),

		MessagesPerSecond:      spec.MessagesPerSecond,
		ControlFramesPerSecond: unlessDefault(spec.ControlFramesPerSecond, contract.DefaultControlFramesPerSecond),
		BytesPerSecond:         spec.BytesPerSecond,
		FrameTimeout:           duration(spec.FrameTimeout, contract.DefaultFrameTimeout),

		MaxMessageBytes:    unlessDefault(spec.MaxMessageBytes, contract.DefaultMaxMessageBytes),
		RequestHeaderBytes: unlessDefault(spec.RequestHeaderBytes, contract.DefaultRequestHeaderBytes),
		HandshakeTimeout:   duration(spec.HandshakeTimeout, contract.DefaultHandshakeTimeout),
		IdleTimeout:        duration(spec.IdleTimeout, contract.DefaultIdleTimeout),
		PingInterval:       duration(spec.PingInterval, contract.DefaultPingInterval),
		PongTimeout:        duration(spec.PongTimeout, contract.DefaultPongTimeout),
		BackendPongTimeout: duration(spec.BackendPongTimeout, contract.DefaultBackendPongTimeout),
		WriteTimeout:       duration(spec.WriteTimeout, contract.DefaultWriteTimeout),
		MaxConnectionAge:   duration(spec.MaxConnectionAge, 0),
	}
	if l == (contract.Limits{}) {
		return nil
	}
	return &l
}

// routeLimits returns nil for none. They are written as they are, also where those of
// the gateway are tighter: pods take the tighter one of each.
func routeLimits(spec *wsv1alpha1.RouteLimits) *contract.RouteLimits {
	if spec == nil {
		return nil
	}
	l := contract.RouteLimits{
		MaxMessageBytes: spec.MaxMessageBytes, MaxFrameBytes: spec.MaxFrameBytes, MessageTypes: messageTypes(spec.MessageTypes),
		MessagesPerSecond: spec.MessagesPerSecond, BytesPerSecond: spec.BytesPerSecond,
		IdleTimeout: duration(spec.IdleTimeout, 0), MaxConnectionAge: duration(spec.MaxConnectionAge, 0),
	}
	if l == (contract.RouteLimits{}) {
		return nil
	}
	return &l
}

// limitRoute gives a route its limits, and a fault where no message could pass.
func (c *compiler) limitRoute(route *contract.Route, spec *wsv1alpha1.Route) {
	route.Limits = routeLimits(spec.Limits)
	gateway := limits(c.gw.Spec.Limits).WithDefaults()
	if overruled := route.Limits.Overruled(gateway); len(overruled) > 0 {
		c.result.Overruled = append(c.result.Overruled, fmt.Sprintf("%s.limits (in force: %s)", c.from.field(spec.Name), strings.Join(overruled, ", ")))
	}
	if route.Limits.Within(gateway).MessageTypes != contract.NoMessages {
		return
	}
	field := c.from.field(spec.Name) + ".limits.messageTypes"
	if c.from.attached() {
		c.refused(field, wsv1alpha1.ReasonMessageTypesConflict,
			"the gateway lets messages of type %s pass only, and rule %q none of those, so that it answers 503: take messageTypes out of the rule, or ask whoever runs the gateway",
			gateway.MessageTypes, spec.Name)
	} else {
		c.invalid(field, "spec.limits lets messages of type %s pass only, and route %q none of those: take messageTypes out of one of them",
			gateway.MessageTypes, spec.Name)
	}
	if route.Fault == "" {
		route.Fault, route.Backends = contract.FaultMessageTypes, nil
	}
}

func messageTypes(types wsv1alpha1.MessageTypes) contract.MessageTypes {
	switch types {
	case wsv1alpha1.MessageTypesText:
		return contract.OnlyText
	case wsv1alpha1.MessageTypesBinary:
		return contract.OnlyBinary
	case wsv1alpha1.MessageTypesAll:
	}
	return ""
}

func unlessDefault[T comparable](value *T, standard T) *T {
	if value == nil || *value == standard {
		return nil
	}
	return new(*value)
}

func duration(value *metav1.Duration, standard time.Duration) *contract.Duration {
	if value == nil || value.Duration == standard {
		return nil
	}
	return new(contract.Duration(value.Duration))
}
