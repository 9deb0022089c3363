// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// source is what routes were written in, a gateway or a WebSocketRoute: it decides
// whose Services they may name, and which policies.
type source struct {
	// kind and namespace of the object.
	kind, namespace string
	// field is the path of the route of a name.
	field func(name string) string
	// doors are the listeners that lead to the routes of a WebSocketRoute; nil for
	// those of the gateway, which may name every policy.
	doors []*wsv1alpha1.Listener
}

// attached tells whether the routes are those of a WebSocketRoute.
func (s *source) attached() bool { return s.kind == wsv1alpha1.KindWebSocketRoute }

func inline(gw *wsv1alpha1.WebSocketGateway) source {
	return source{kind: wsv1alpha1.KindWebSocketGateway, namespace: gw.Namespace, field: routeField}
}

func ruleField(name string) string { return "spec.rules[" + name + "]" }
