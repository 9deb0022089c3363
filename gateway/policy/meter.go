// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"regexp/syntax"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

const (
	// textPerStep is how many bytes of text are read in the time of one step.
	textPerStep = 10
	// patternPerStep is how many bytes, times instructions of a regular
	// expression, are.
	patternPerStep = 50
	// maxPattern is how many instructions a regular expression may have. The time
	// of a match grows with it, and repetitions such as (a?){500} have many more
	// than one can see.
	maxPattern = 512
)

// meter counts what a call costs. The counting of cel-go looks at the size of
// the outermost list or map only, so that comparing two tokens as a whole would
// cost nothing, and at the length of a pattern instead of its size.
type meter struct {
	// patterns of the rule and their instructions.
	patterns map[string]uint64
}

// CallCost implements interpreter.ActualCostEstimator. A call that is too dear
// has been made by then, but each of them is bounded by the size of a token.
func (m meter) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	cost := uint64(1)
	switch function {
	case operators.Equals, operators.NotEquals, operators.In, operators.OldIn:
		for i, arg := range args {
			if _, isMap := arg.(traits.Mapper); isMap && i == 1 && function != operators.Equals && function != operators.NotEquals {
				continue // looked up by its key
			}
			cost += weigh(arg)
		}
	case overloads.Matches:
		if len(args) == 2 {
			pattern, _ := args[1].(types.String)
			cost += (textOf(args[0]) + 1) * max(m.patterns[string(pattern)], 1) / patternPerStep
		}
	default:
		for _, arg := range args {
			cost += textOf(arg) / textPerStep
		}
	}
	return &cost
}

func textOf(value ref.Val) uint64 {
	switch text := value.(type) {
	case types.String:
		return uint64(len(text))
	case types.Bytes:
		return uint64(len(text))
	}
	return 0
}

// weigh counts a value with everything in it, up to the most that counts.
func weigh(value ref.Val) uint64 {
	weight := 1 + textOf(value)/textPerStep
	switch container := value.(type) {
	case traits.Lister:
		for items := container.Iterator(); items.HasNext() == types.True && weight <= MaxCost; {
			weight += weigh(items.Next())
		}
	case traits.Mapper:
		for keys := container.Iterator(); keys.HasNext() == types.True && weight <= MaxCost; {
			key := keys.Next()
			weight += weigh(key) + weigh(container.Get(key))
		}
	}
	return weight
}

// patternsOf finds the regular expressions of a rule and counts their
// instructions.
func patternsOf(tree *ast.AST) (map[string]uint64, error) {
	patterns := map[string]uint64{}
	for _, call := range ast.MatchDescendants(ast.NavigateAST(tree), ast.FunctionMatcher(overloads.Matches)) {
		arguments := call.AsCall().Args()
		pattern, ok := arguments[len(arguments)-1].AsLiteral().(types.String)
		if !ok {
			continue
		}
		parsed, err := syntax.Parse(string(pattern), syntax.Perl)
		if err != nil {
			return nil, fmt.Errorf("the pattern %q is no regular expression: %w", pattern, err)
		}
		program, err := syntax.Compile(parsed.Simplify())
		if err != nil {
			return nil, fmt.Errorf("the pattern %q is no regular expression: %w", pattern, err)
		}
		if len(program.Inst) > maxPattern {
			return nil, fmt.Errorf("the pattern %q is %d instructions long, more than the %d that are possible: shorten its repetitions", pattern, len(program.Inst), maxPattern)
		}
		patterns[string(pattern)] = uint64(len(program.Inst))
	}
	return patterns, nil
}
