// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"fmt"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/policy"
)

// authorization compiles the rules of a policy to see whether the pods can. A
// mistake in one blocks the whole spec, as if the API server had found it: to
// leave out the rule would open what it closes, and to close the policy would
// turn a slip into an outage.
func (c *compiler) authorization(spec *wsv1alpha1.AuthPolicy) *contract.Authorization {
	if spec.Authorization == nil {
		return nil
	}
	field := policyField(spec.Name) + ".authorization.rules"
	wanted := &contract.Authorization{}
	var rules []policy.Rule
	for _, rule := range spec.Authorization.Rules {
		wanted.Rules = append(wanted.Rules, contract.Rule{Name: rule.Name, Action: contract.Action(rule.Action), When: rule.When})
		rules = append(rules, policy.Rule{Name: rule.Name, Allow: rule.Action == wsv1alpha1.RuleActionAllow, When: rule.When})
	}
	environment, err := c.ruleEnvironment()
	if err != nil {
		c.invalid(field, "the rules cannot be checked: %v", err)
		return wanted
	}
	compiled, problems := environment.Compile(rules)
	if compiled != nil && compiled.ReadsCertificate() {
		c.readCertificate = append(c.readCertificate, spec.Name)
	}
	for _, problem := range problems {
		if problem.Rule == "" {
			c.invalid(field, "%s", problem)
			continue
		}
		c.invalid(fmt.Sprintf("%s[%d].when", field, problem.Index),
			"the expression of rule %q cannot be used: %s", problem.Rule, problem)
	}
	return wanted
}

// ruleEnvironment is made for the first policy that has rules.
func (c *compiler) ruleEnvironment() (*policy.Environment, error) {
	if c.environment != nil {
		return c.environment, nil
	}
	environment, err := policy.NewEnvironment()
	c.environment = environment
	return environment, err
}

func (c *compiler) clientCIDRs(spec *wsv1alpha1.AuthPolicy) *contract.ClientCIDRs {
	if spec.ClientCIDRs == nil {
		return nil
	}
	field := policyField(spec.Name) + ".clientCIDRs"
	return &contract.ClientCIDRs{
		Allow: c.networks(field+".allow", spec.ClientCIDRs.Allow),
		Deny:  c.networks(field+".deny", spec.ClientCIDRs.Deny),
	}
}
