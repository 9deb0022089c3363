// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"
)

// Bounds of an authorization.
const (
	// MaxRules of one authorization.
	MaxRules = 32
	// MaxExpression is the length of an expression in characters.
	MaxExpression = 1024
)

// Bounds of what the parser and the checker do with an expression. Hand-written
// rules stay far below them.
const (
	maxNesting    = 32
	maxNodes      = 2048
	maxRecoveries = 8
	// maxLoops is how deep all, exists, map and the like may stand in each other.
	maxLoops = 2
)

// Rule is one rule of an authorization.
type Rule struct {
	// Name of the rule, for people.
	Name string
	// Allow is true for a rule that lets in, false for one that turns away.
	Allow bool
	// When is the expression that says whom the rule is about.
	When string
}

// Environment knows the variables and functions of rules. It does not change and
// is safe for concurrent use. Making one takes about as long as compiling a rule,
// so nobody has to keep one for long.
type Environment struct {
	env *cel.Env
}

// NewEnvironment returns the environment. An error is a mistake of ours.
func NewEnvironment() (*Environment, error) {
	env, err := cel.NewEnv(
		ext.Network(),
		cel.Variable("identity", cel.ObjectType(identityType)),
		cel.Variable("request", cel.ObjectType(requestType)),
		cel.Variable(certificateVariable, cel.ObjectType(certificateType)),
		cel.ParserExpressionSizeLimit(MaxExpression),
		cel.ParserRecursionLimit(maxNesting),
		cel.ParserErrorRecoveryLimit(maxRecoveries),
		cel.ExpressionNodeLimit(maxNodes),
		cel.ASTValidators(
			cel.ValidateRegexLiterals(), literalPatterns{}, fieldsOnly{}, cel.ValidateComprehensionNestingLimit(maxLoops),
		),
	)
	if err != nil {
		return nil, fmt.Errorf("policy environment: %w", err)
	}
	env, err = env.Extend(
		cel.CustomTypeProvider(schema{env.CELTypeProvider()}),
		cel.CustomTypeAdapter(adapter{env.CELTypeAdapter()}),
	)
	if err != nil {
		return nil, fmt.Errorf("policy environment: %w", err)
	}
	return &Environment{env: env}, nil
}

// Problem is what is wrong with one rule.
type Problem struct {
	// Index and Rule say which one.
	Index int
	Rule  string
	// Line and Column of the expression, from 1; 0 where the whole rule is meant.
	Line, Column int
	// Message for the author of the rule. It quotes nothing but the expression.
	Message string
}

// String is the message with its position.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.Message
	}
	return fmt.Sprintf("line %d, column %d: %s", p.Line, p.Column, p.Message)
}

// Compile makes an Authorization of rules, or says what is wrong with them, the
// first problem of each rule. An Authorization of no rules lets nobody in.
func (e *Environment) Compile(rules []Rule) (*Authorization, []Problem) {
	if len(rules) > MaxRules {
		return nil, []Problem{{Message: fmt.Sprintf("%d rules are more than the %d that are possible", len(rules), MaxRules)}}
	}
	authorization := &Authorization{}
	var problems []Problem
	for i, rule := range rules {
		compiled, problem := e.compile(rule)
		if problem != nil {
			problem.Index, problem.Rule = i, rule.Name
			problems = append(problems, *problem)
			continue
		}
		authorization.rules = append(authorization.rules, *compiled)
		authorization.readsClaims = authorization.readsClaims || compiled.readsClaims
		authorization.readsCertificate = authorization.readsCertificate || compiled.readsCertificate
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return authorization, nil
}

func (e *Environment) compile(rule Rule) (*compiledRule, *Problem) {
	if strings.TrimSpace(rule.When) == "" {
		return nil, &Problem{Message: "the expression is empty"}
	}
	tree, issues := e.env.Compile(rule.When)
	if problem := firstOf(issues); problem != nil {
		return nil, problem
	}
	if kind := tree.OutputType(); !kind.IsExactType(types.BoolType) {
		return nil, &Problem{Message: fmt.Sprintf("the expression is of type %s and must be bool: compare it with something, as in %q", kind, "identity.claims.admin == true")}
	}
	if err := e.affordable(tree); err != nil {
		return nil, &Problem{Message: err.Error()}
	}
	patterns, err := patternsOf(tree.NativeRep())
	if err != nil {
		return nil, &Problem{Message: err.Error()}
	}
	program, err := e.env.Program(tree,
		cel.EvalOptions(cel.OptOptimize), cel.CostTracking(meter{patterns: patterns}), cel.CostLimit(MaxCost))
	if err != nil {
		return nil, &Problem{Message: fmt.Sprintf("the expression cannot be planned: %v", err)}
	}
	return &compiledRule{
		name: rule.Name, allow: rule.Allow, program: program,
		readsClaims: readsClaims(tree), readsCertificate: readsCertificate(tree),
	}, nil
}

// firstOf is the first issue: those behind it are in general its consequences.
func firstOf(issues *cel.Issues) *Problem {
	if issues.Err() == nil {
		return nil
	}
	found := issues.Errors()
	if len(found) == 0 {
		return &Problem{Message: issues.Err().Error()}
	}
	first := found[0]
	problem := &Problem{Message: strings.ReplaceAll(first.Message, " (in container '')", "")}
	if first.Location != nil && first.Location.Line() > 0 {
		problem.Line, problem.Column = first.Location.Line(), first.Location.Column()+1
	}
	if strings.HasPrefix(problem.Message, "undeclared reference") || strings.HasPrefix(problem.Message, "undefined field") {
		problem.Message += "; known are " + vocabulary()
	}
	return problem
}
