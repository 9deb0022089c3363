// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package imports_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

const module = "github.com/wsgateway/websocket-gateway-operator/"

// graph holds what each package imports, for every package that the module's
// programs are built from. Tests are not in it: they may import what they like.
type graph struct {
	imports  map[string][]string
	standard map[string]bool
}

// load reads the real graph with the go command, which knows about build tags
// and vendored packages of the standard library.
func load(t *testing.T) graph {
	t.Helper()
	watchSources(t)
	command := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Imports,Standard", "./...")
	command.Dir = root
	command.Env = append(os.Environ(), "CGO_ENABLED=0") // as the programs are built
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}

	g := graph{imports: map[string][]string{}, standard: map[string]bool{}}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
			Standard   bool
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return g
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		g.imports[p.ImportPath] = p.Imports
		g.standard[p.ImportPath] = p.Standard
	}
}

// watchSources looks at every source folder for one reason: go test remembers a
// result until a file changes that the test itself looked at, and it does not
// know what the go command that we start looks at.
func watchSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), ".") {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// packages returns the module's packages that a pattern of a rule names, in
// order.
func (g graph) packages(r rule) []string {
	var found []string
	for p := range g.imports {
		name, ours := strings.CutPrefix(p, module)
		if ours && matches(r.packages, name) && !matchesAny(r.except, name) {
			found = append(found, p)
		}
	}
	slices.Sort(found)
	return found
}

// chain returns the shortest way from a package to one that the rule forbids,
// or nil. A direct rule looks at the first step only.
func (g graph) chain(from string, r rule) []string {
	cameFrom := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range g.imports[queue[0]] {
			if _, seen := cameFrom[next]; seen {
				continue
			}
			cameFrom[next] = queue[0]
			if g.forbidden(next, r) {
				way := []string{next}
				for p := queue[0]; p != ""; p = cameFrom[p] {
					way = append(way, p)
				}
				slices.Reverse(way)
				return way
			}
			if !r.direct {
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// forbidden tells whether a rule forbids reaching this package.
func (g graph) forbidden(p string, r rule) bool {
	name := strings.TrimPrefix(p, module)
	if matchesAny(r.allow, name) {
		return false
	}
	if r.onlyStandard {
		return !g.standard[p]
	}
	return matchesAny(r.forbid, name)
}

// check returns one complaint for each package that breaks the rule, with the
// reason and the chain of imports. A rule that looks at nothing is a complaint
// too: it would pass whatever happened.
func (g graph) check(r rule) []string {
	packages := g.packages(r)
	if len(packages) == 0 {
		return []string{fmt.Sprintf("no package matches %q: the rule checks nothing; correct or remove it", r.packages)}
	}
	var complaints []string
	for _, p := range packages {
		if way := g.chain(p, r); way != nil {
			complaints = append(complaints, fmt.Sprintf("%s\n  reason: %s", strings.Join(way, "\n  imports "), r.reason))
		}
	}
	return complaints
}

// matches tells whether a pattern of the go command's kind names a package:
// "a/b" is that package alone, "a/..." also everything below it, "..." all.
func matches(pattern, name string) bool {
	stem, tree := strings.CutSuffix(pattern, "...")
	stem = strings.TrimSuffix(stem, "/")
	return name == stem || tree && (stem == "" || strings.HasPrefix(name, stem+"/"))
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, name) })
}
