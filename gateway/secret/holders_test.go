// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package secret_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sensitive are the types of fields that may hold credentials of a client: what
// it sent, and private keys.
var sensitive = []string{
	"http.Header", "*http.Header", "http.Request", "*http.Request",
	"crypto.Signer", "*tls.Certificate", "tls.Certificate", "ed25519.PrivateKey", "*ecdsa.PrivateKey", "*rsa.PrivateKey",
}

// secretNames are names of fields that are credentials whatever their type is.
var secretNames = []string{"password", "token", "credential", "secretkey", "apikey"}

// Whoever adds a type that holds what a client sent has to seal it.
func TestTypesThatHoldCredentialsAreSealed(t *testing.T) {
	t.Parallel()
	found := 0
	for _, root := range []string{"../../gateway", "../../cmd"} {
		each(t, root, func(where string, structure *ast.StructType) {
			why := holds(structure)
			switch {
			case why == "":
			case !sealed(structure):
				t.Errorf("%s has %s: embed secret.Sealed, or make the field a secret.Text", where, why)
			default:
				found++
			}
		})
	}
	if found < 5 {
		t.Errorf("only %d sealed types found: is the test looking at the right folders?", found)
	}
}

func holds(structure *ast.StructType) string {
	for _, field := range structure.Fields.List {
		written := text(field.Type)
		if slices.Contains(sensitive, written) {
			return "a field of type " + written
		}
		for _, name := range field.Names {
			if slices.Contains(secretNames, strings.ToLower(name.Name)) && (written == "string" || written == "[]byte") {
				return "a field named " + name.Name
			}
		}
	}
	return ""
}

func sealed(structure *ast.StructType) bool {
	return slices.ContainsFunc(structure.Fields.List, func(f *ast.Field) bool {
		return len(f.Names) == 0 && text(f.Type) == "secret.Sealed"
	})
}

// text writes the types that this test looks for.
func text(expression ast.Expr) string {
	switch e := expression.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return "*" + text(e.X)
	case *ast.SelectorExpr:
		return text(e.X) + "." + e.Sel.Name
	case *ast.ArrayType:
		return "[]" + text(e.Elt)
	}
	return ""
}

// each visits the struct types of the programs' sources.
func each(t *testing.T, root string, visit func(where string, structure *ast.StructType)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../../")
		ast.Inspect(file, func(node ast.Node) bool {
			if declared, ok := node.(*ast.TypeSpec); ok {
				if structure, ok := declared.Type.(*ast.StructType); ok {
					visit(folder+"."+declared.Name.Name, structure)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
