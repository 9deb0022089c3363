// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package inspect_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/inspect"
)

// Each reason for which a condition of a gateway is not True comes with a next
// step.
func TestEachReasonHasARemedy(t *testing.T) {
	t.Parallel()
	declared := reasons(t)
	if len(declared) < 30 {
		t.Fatalf("found only %d reasons", len(declared))
	}
	for _, reason := range declared {
		if isFine(reason) {
			continue
		}
		gw := &wsv1alpha1.WebSocketGateway{}
		gw.Namespace, gw.Name = "chat", "edge"
		gw.Status.Conditions = []metav1.Condition{{Type: "Programmed", Status: metav1.ConditionFalse, Reason: reason, Message: "It is so."}}
		problems := inspect.New(&inspect.Facts{Gateway: gw}).Problems
		if len(problems) != 1 || problems[0].Reason != reason || problems[0].Remedy == "" {
			t.Errorf("%s: %+v", reason, problems)
			continue
		}
		if remedy := problems[0].Remedy; strings.Contains(remedy, "NAME") || strings.Contains(remedy, "POD") {
			t.Errorf("%s: a name is missing in %q", reason, remedy)
		}
	}
}

// isFine leaves out what True conditions say, what only repeats another
// condition, and what only other kinds have.
func isFine(reason string) bool {
	switch reason {
	case "Accepted", "ResolvedRefs", "CertificatesReady", "Programmed", "Ready", "Pending", "TooManyRevocations", "GatewayNotFound",
		"ListenerNotFound", "NotAllowedByListeners", "HostnameConflict", "TooManyRoutes", "MessageTypesConflict",
		"AuthPolicyNotAllowed", "BackendTLSNotAllowed",
		"ProgressDeadlineExceeded":
		return true
	default:
		return false
	}
}

func reasons(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../../api/v1alpha1/conditions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(file, func(node ast.Node) bool {
		spec, isValue := node.(*ast.ValueSpec)
		if !isValue || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		literal, isLiteral := spec.Values[0].(*ast.BasicLit)
		if !isLiteral {
			t.Fatalf("%s is not a literal", spec.Names[0].Name)
		}
		value, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, value)
		return true
	})
	return found
}
