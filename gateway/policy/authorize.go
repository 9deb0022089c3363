// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
)

// Authorization is a compiled list of rules. It does not change and is safe for
// concurrent use.
type Authorization struct {
	rules            []compiledRule
	readsClaims      bool
	readsCertificate bool
}

type compiledRule struct {
	name             string
	allow            bool
	program          cel.Program
	readsClaims      bool
	readsCertificate bool
}

// ReadsClaims tells whether a decision may depend on Identity.Claims.
func (a *Authorization) ReadsClaims() bool { return a.readsClaims }

// ReadsCertificate tells whether a decision may depend on Input.Certificate.
func (a *Authorization) ReadsCertificate() bool { return a.readsCertificate }

// Decide asks the rules in order: the first one that is about the caller decides,
// and who is in none is turned away. It returns nil for who is let in, else
// why not, with the name of a rule and none of the values.
//
// A rule that cannot be evaluated, for example because a claim that it reads is
// missing, lets nobody in and turns everybody away: an Allow rule does not match,
// a Deny rule does. So do rules that cost more than MaxCost together.
func (a *Authorization) Decide(in *Input) error {
	spent := uint64(0)
	for i := range a.rules {
		rule := &a.rules[i]
		result, details, err := rule.program.Eval(in)
		if details != nil && details.ActualCost() != nil {
			spent += *details.ActualCost()
		}
		if spent > MaxCost {
			return fmt.Errorf("the rules up to %q cost too much for this caller", rule.name)
		}
		switch {
		case err != nil && !rule.allow:
			return fmt.Errorf("rule %q could not be evaluated and denies", rule.name)
		case err != nil, result != types.True:
			continue
		case rule.allow:
			return nil
		}
		return fmt.Errorf("rule %q denies", rule.name)
	}
	return errors.New("no rule allows it")
}
