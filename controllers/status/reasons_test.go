// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gatewaystatus "github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// TestReasonsAreDocumented: reasons are API. Each that a user may meet on a
// condition that is not True has its line in the documentation, and none is
// made up on the way.
func TestReasonsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	declared := reasons(t)
	if len(declared) < 30 {
		t.Fatalf("found only %d reasons", len(declared))
	}
	good := map[string]bool{} // what True conditions say needs no remedy
	for _, f := range fixtures(t) {
		computed, _ := gatewaystatus.Compute(&f.gateway, &f.input.Facts, f.input.Now)
		for _, c := range computed.Conditions {
			if !declared[c.Reason] {
				t.Errorf("%s: reason %s of %s is not declared in api/v1alpha1", f.folder, c.Reason, c.Type)
			}
			if c.Status == metav1.ConditionTrue && c.Reason == c.Type {
				good[c.Reason] = true
			}
		}
	}
	for reason := range declared {
		if !good[reason] && !strings.Contains(string(page), "`"+reason+"`") {
			t.Errorf("docs/api.md does not say what to do about %s", reason)
		}
	}
}

// reasons reads the constants that begin with Reason.
func reasons(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../api/v1alpha1/conditions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			t.Fatalf("%s is not a literal", spec.Names[0].Name)
		}
		value, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		found[value] = true
		return true
	})
	return found
}
