// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"fmt"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// invalid reports what no configuration can be made of: what is in force stays
// in force everywhere.
func (c *compiler) invalid(field, format string, args ...any) {
	c.result.Problems = append(c.result.Problems, status.Problem{
		Field:     field,
		Condition: wsv1alpha1.ConditionAccepted,
		Reason:    wsv1alpha1.ReasonInvalid,
		Message:   fmt.Sprintf(format, args...),
		Blocking:  true,
	})
}

// unresolved reports a reference that leads nowhere or to something unusable:
// it concerns one route, policy or listener.
func (c *compiler) unresolved(field, reason, format string, args ...any) {
	c.result.Problems = append(c.result.Problems, status.Problem{
		Field:     field,
		Condition: wsv1alpha1.ConditionResolvedRefs,
		Reason:    reason,
		Message:   fmt.Sprintf(format, args...),
	})
}

// checkName looks again at what the CRD's root rule says: an object from before
// that rule may still be there, and its name becomes part of DNS names.
func (c *compiler) checkName() {
	if len(c.gw.Name) > maxGatewayName {
		c.invalid("metadata.name",
			"the name %q has %d characters, more than the %d that leave room in the names of the objects made for it: create the gateway under a shorter name",
			c.gw.Name, len(c.gw.Name), maxGatewayName)
	}
}

// maxGatewayName leaves room for "wsgw-" and a listener's name in a DNS label.
const maxGatewayName = 40

func listenerField(name string) string { return "spec.listeners[" + name + "]" }

func policyField(name string) string { return "spec.authPolicies[" + name + "]" }

func routeField(name string) string { return "spec.routes[" + name + "]" }
