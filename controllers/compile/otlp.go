// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// otlp is a collector. That its Service is missing is a problem, and no reason to
// forget it.
func (c *compiler) otlp(field string, spec *wsv1alpha1.OTLP) *contract.OTLP {
	field, server := otlpServer(field, spec)
	c.checkService(field+".backendRef", server.BackendRef.Name, server.BackendRef.Port)
	return &contract.OTLP{Backend: BackendName(server.BackendRef.Name, server.BackendRef.Port)}
}

// otlpServer is the one server of a collector, and the field that holds it.
func otlpServer(field string, spec *wsv1alpha1.OTLP) (string, *wsv1alpha1.OTLPServer) {
	return field + ".grpc", &spec.GRPC
}

// collectorsOf are the collectors of a gateway, by the field of their server.
func collectorsOf(gw *wsv1alpha1.WebSocketGateway) map[string]*wsv1alpha1.OTLPServer {
	servers := map[string]*wsv1alpha1.OTLPServer{}
	if gw.Spec.Tracing != nil {
		field, server := otlpServer(tracingField+".otlp", &gw.Spec.Tracing.OTLP)
		servers[field] = server
	}
	return servers
}

// collectors are the Services among them.
func collectors(gw *wsv1alpha1.WebSocketGateway) []ServiceReference {
	var list []ServiceReference
	for field, server := range collectorsOf(gw) {
		ref := &server.BackendRef
		list = append(list, ServiceReference{Field: field + ".backendRef", Name: ref.Name, Port: ref.Port})
	}
	return list
}
