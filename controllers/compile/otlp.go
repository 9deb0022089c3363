// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"cmp"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// otlp is a collector, nil where it must not be spoken to because its CA is not
// known. That its Service is missing is a problem, and no reason to forget it.
func (c *compiler) otlp(field string, spec *wsv1alpha1.OTLP, last *contract.OTLP) *contract.OTLP {
	field, server := otlpServer(field, spec)
	if server == nil {
		c.invalid(field, "neither grpc nor http says where the collector is: set one of them")
		return nil
	}
	collector := &contract.OTLP{HTTP: spec.HTTP != nil, URI: server.URI}
	if ref := server.BackendRef; ref != nil {
		c.checkService(field+".backendRef", ref.Name, ref.Port)
		collector.Backend = BackendName(ref.Name, ref.Port)
	}
	if server.HeadersSecretRef != nil {
		collector.HeadersSecret = server.HeadersSecretRef.Name
	}
	if server.CARef == nil {
		return collector
	}
	if server.BackendRef != nil {
		collector.ServerName = server.BackendRef.Name + "." + c.gw.Namespace + ".svc"
	}
	bundle := ""
	if last != nil && last.Backend == collector.Backend && last.URI == collector.URI {
		// Trust in a CA was given for one server and goes to no other.
		bundle = last.CABundle
	}
	bundle, ok := c.content(content{
		field: field + ".caRef", ref: server.CARef, standard: contract.DefaultCAKey,
		purpose: "CA bundle", check: checkCABundle,
		lastGood: bundle, otherwise: "nothing is sent to the collector",
	})
	if !ok {
		return nil
	}
	collector.CABundle = bundle
	return collector
}

// otlpServer is the one server of a collector, and the field that holds it.
func otlpServer(field string, spec *wsv1alpha1.OTLP) (string, *wsv1alpha1.OTLPServer) {
	if spec.HTTP != nil {
		return field + ".http", spec.HTTP
	}
	return field + ".grpc", spec.GRPC
}

// collectorsOf are the collectors of a gateway, by the field of their server.
func collectorsOf(gw *wsv1alpha1.WebSocketGateway) map[string]*wsv1alpha1.OTLPServer {
	places := map[string]*wsv1alpha1.OTLP{}
	if audit := gw.Spec.Audit; audit != nil && audit.Sinks != nil && audit.Sinks.OTLP != nil {
		places[sinkField] = audit.Sinks.OTLP
	}
	if gw.Spec.Tracing != nil {
		places[tracingField+".otlp"] = &gw.Spec.Tracing.OTLP
	}
	servers := map[string]*wsv1alpha1.OTLPServer{}
	for field, place := range places {
		if place.GRPC != nil {
			servers[field+".grpc"] = place.GRPC
		}
		if place.HTTP != nil {
			servers[field+".http"] = place.HTTP
		}
	}
	return servers
}

// collectors are the Services among them.
func collectors(gw *wsv1alpha1.WebSocketGateway) []ServiceReference {
	var list []ServiceReference
	for field, server := range collectorsOf(gw) {
		if ref := server.BackendRef; ref != nil {
			list = append(list, ServiceReference{Field: field + ".backendRef", Name: ref.Name, Port: ref.Port})
		}
	}
	return list
}

// collectorReferences are their ConfigMaps and Secrets.
func collectorReferences(gw *wsv1alpha1.WebSocketGateway) []Reference {
	var list []Reference
	for field, server := range collectorsOf(gw) {
		if ref := server.CARef; ref != nil {
			list = append(list, Reference{
				Field: field + ".caRef.name", Kind: KindConfigMap, Name: ref.Name, Keys: []string{cmp.Or(ref.Key, contract.DefaultCAKey)},
			})
		}
		if ref := server.HeadersSecretRef; ref != nil {
			list = append(list, Reference{Field: field + ".headersSecretRef.name", Kind: KindSecret, Name: ref.Name})
		}
	}
	return list
}

// auditReferences are the Secrets of the audit records.
func auditReferences(gw *wsv1alpha1.WebSocketGateway) []Reference {
	audit := gw.Spec.Audit
	if audit == nil || audit.Privacy == nil || audit.Privacy.Identities == nil {
		return nil
	}
	ref := &audit.Privacy.Identities.HashKeyRef
	return []Reference{{
		Field: auditField + ".privacy.identities.hashKeyRef.name", Kind: KindSecret, Name: ref.Name,
		Keys: []string{keyOr(ref, contract.DefaultHashKeyKey)},
	}}
}
