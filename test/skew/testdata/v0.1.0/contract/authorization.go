// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"
	"fmt"
	"net/netip"
)

// ClientCIDRs restricts the networks that callers may come from. At least one of
// the lists has an entry.
type ClientCIDRs struct {
	// Allow empty: all networks.
	Allow []netip.Prefix `json:"allow,omitempty"`
	// Deny wins over Allow.
	Deny []netip.Prefix `json:"deny,omitempty"`
}

// Authorization lets authenticated callers in by rules.
type Authorization struct {
	// Rules in order: the first one that matches decides, and if none does, the
	// caller is refused.
	Rules []Rule `json:"rules"`
}

// Rule says who may connect, or who may not.
type Rule struct {
	Name string `json:"name"`
	// Action is one of the Action constants.
	Action Action `json:"action"`
	// When is an expression for the package policy.
	When string `json:"when"`
}

// Action is what happens to the callers whom a rule matches.
type Action string

// The actions of a rule.
const (
	ActionAllow Action = "Allow"
	ActionDeny  Action = "Deny"
)

func (c *ClientCIDRs) validate() error {
	if c == nil {
		return nil
	}
	if len(c.Allow) == 0 && len(c.Deny) == 0 {
		return errors.New("client CIDRs without a network")
	}
	for _, list := range [][]netip.Prefix{c.Allow, c.Deny} {
		for _, network := range list {
			if !network.IsValid() || network.Addr().Is4In6() || network != network.Masked() {
				return fmt.Errorf("client CIDR %q is not a network", network)
			}
		}
	}
	return nil
}

func (a *Authorization) validate() error {
	if a == nil {
		return nil
	}
	if len(a.Rules) == 0 {
		return errors.New("authorization without a rule")
	}
	names := map[string]bool{}
	for i := range a.Rules {
		rule := &a.Rules[i]
		if err := unique(names, "rule", rule.Name); err != nil {
			return err
		}
		switch {
		case rule.Action != ActionAllow && rule.Action != ActionDeny:
			return fmt.Errorf("rule %q: unknown action %q", rule.Name, rule.Action)
		case rule.When == "":
			return fmt.Errorf("rule %q: no expression", rule.Name)
		}
	}
	return nil
}
