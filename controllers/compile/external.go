// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// external takes an authorization server for what it is to the cluster: one more
// backend.
func (c *compiler) external(field string, spec *wsv1alpha1.ExternalMethod) (contract.Method, bool) {
	ref := &spec.GRPC.BackendRef
	fault := c.checkService(field+".grpc.backendRef", ref.Name, ref.Port)
	method := &contract.External{
		Backend: BackendName(ref.Name, ref.Port), Service: ref.Name,
		Timeout: duration(spec.Timeout, contract.DefaultExternalTimeout),
	}
	if spec.RevalidateEvery != nil {
		method.RevalidateEvery = contract.Duration(spec.RevalidateEvery.Duration)
	}
	return contract.Method{External: method}, fault == ""
}

// checkExternal looks again at the CRD's rules about external.
func (c *compiler) checkExternal(spec *wsv1alpha1.AuthPolicy) {
	for i := range spec.AnyOf {
		if spec.AnyOf[i].External == nil {
			continue
		}
		if i != len(spec.AnyOf)-1 {
			c.invalid(methodField(spec.Name, i),
				"policy %q has methods after external, which has an answer to every request: move external to the end and remove anonymous", spec.Name)
		}
		if spec.Origins == nil {
			c.invalid(methodField(spec.Name, i),
				"policy %q has external, whose server gets to see cookies, and lists no origins, so that any page could connect with the cookies of whoever looks at it: add origins", spec.Name)
		}
	}
}

// authorizers are the Services of a gateway's authorization servers.
func authorizers(gw *wsv1alpha1.WebSocketGateway) []ServiceReference {
	var list []ServiceReference
	for i := range gw.Spec.AuthPolicies {
		policy := &gw.Spec.AuthPolicies[i]
		for j := range policy.AnyOf {
			if method := policy.AnyOf[j].External; method != nil {
				ref := &method.GRPC.BackendRef
				list = append(list, ServiceReference{
					Field: methodField(policy.Name, j) + ".external.grpc.backendRef", Name: ref.Name, Port: ref.Port,
				})
			}
		}
	}
	return list
}
