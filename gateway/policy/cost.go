// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
)

const (
	// MaxCost is what all rules of an authorization may cost in one decision, in
	// the units of cel-go, of which an ordinary rule takes five to fifty. It keeps
	// a decision in the range of a few milliseconds whatever a caller sends.
	MaxCost = 25_000
	// maxEstimate is what one rule may cost by the worst estimate, which cannot
	// know that the parts of a token share its size. It is there to tell the author
	// of a nonsensical rule early, and not what the gateway relies on.
	maxEstimate = 10_000_000
)

// The sizes that the estimate reckons with.
const (
	// A token has at most 8 KiB in base64url, which leaves this for its claims.
	largestClaim = 6 << 10
	largestPath  = 8 << 10
	largestName  = 512
	// Distinguished names and URIs of certificates are at most this long, and there
	// are fewer names.
	largestCertificateName = 1 << 10
	largestIPText          = 45
)

// affordable refuses what would be refused again and again while it runs.
func (e *Environment) affordable(tree *cel.Ast) error {
	estimate, err := e.env.EstimateCost(tree, sizes{})
	if err != nil {
		return fmt.Errorf("the cost of the expression cannot be told: %w", err)
	}
	if estimate.Max > maxEstimate {
		return fmt.Errorf("the expression could take %d steps, more than the %d that are possible: compare with fixed values, and do not search one list for the items of another", estimate.Max, uint64(maxEstimate))
	}
	return nil
}

// sizes tells the estimate how large variables can be.
type sizes struct{}

// EstimateSize implements checker.CostEstimator.
func (sizes) EstimateSize(node checker.AstNode) *checker.SizeEstimate {
	path := node.Path()
	limit := uint64(largestClaim)
	switch {
	case slices.Equal(path, []string{"request", "path"}):
		limit = largestPath
	case slices.Equal(path, []string{"request", "clientIP"}):
		limit = largestIPText
	case len(path) > 0 && path[0] == certificateVariable:
		limit = largestCertificateName
	case len(path) == 2 && !slices.Contains(path, "claims"):
		limit = largestName
	}
	return &checker.SizeEstimate{Min: 0, Max: limit}
}

// EstimateCallCost implements checker.CostEstimator: cel-go knows the costs of
// its functions.
func (sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

// literalPatterns wants regular expressions to be written in the rule. A pattern
// from a token or an address would be compiled for each caller, and could say
// other things than the author of the rule meant.
type literalPatterns struct{}

// Name implements cel.ASTValidator.
func (literalPatterns) Name() string { return "wsgateway.dev/literal-patterns" }

// Validate implements cel.ASTValidator.
func (literalPatterns) Validate(_ *cel.Env, _ cel.ValidatorConfig, tree *ast.AST, issues *cel.Issues) {
	root := ast.NavigateAST(tree)
	for _, call := range ast.MatchDescendants(root, ast.FunctionMatcher(overloads.Matches)) {
		arguments := call.AsCall().Args()
		if len(arguments) == 0 {
			continue
		}
		pattern := arguments[len(arguments)-1]
		if pattern.Kind() != ast.LiteralKind || pattern.AsLiteral().Type() != types.StringType {
			issues.ReportErrorAtID(pattern.ID(), "the pattern of matches() must be a fixed text")
		}
	}
}

// fieldsOnly wants the variables to be read field by field: as a whole they
// can be compared with nothing.
type fieldsOnly struct{}

// Name implements cel.ASTValidator.
func (fieldsOnly) Name() string { return "wsgateway.dev/fields-only" }

// Validate implements cel.ASTValidator.
func (fieldsOnly) Validate(_ *cel.Env, _ cel.ValidatorConfig, tree *ast.AST, issues *cel.Issues) {
	for _, variable := range ast.MatchDescendants(ast.NavigateAST(tree), isVariable) {
		if parent, ok := variable.Parent(); !ok || parent.Kind() != ast.SelectKind {
			issues.ReportErrorAtID(variable.ID(), "%s must be read by field; known are %s", nameOf(variable), vocabulary())
		}
	}
}

func isVariable(e ast.NavigableExpr) bool {
	return e.Kind() == ast.IdentKind && variables()[nameOf(e)] != ""
}

// nameOf returns the name of an identifier without the dot that tells a variable
// of ours from one of the same name in a comprehension.
func nameOf(e ast.Expr) string { return strings.TrimPrefix(e.AsIdent(), ".") }

// readsCertificate tells whether an expression looks at the certificate, if only
// to see whether there is one.
func readsCertificate(tree *cel.Ast) bool {
	identifiers := ast.MatchDescendants(ast.NavigateAST(tree.NativeRep()), ast.KindMatcher(ast.IdentKind))
	return slices.ContainsFunc(identifiers, func(e ast.NavigableExpr) bool { return nameOf(e) == certificateVariable })
}

// readsClaims tells whether an expression looks at claims.
func readsClaims(tree *cel.Ast) bool {
	fields := ast.MatchDescendants(ast.NavigateAST(tree.NativeRep()), ast.KindMatcher(ast.SelectKind))
	return slices.ContainsFunc(fields, func(e ast.NavigableExpr) bool {
		operand := e.AsSelect().Operand()
		return operand.Kind() == ast.IdentKind && nameOf(operand) == "identity" && e.AsSelect().FieldName() == "claims"
	})
}
