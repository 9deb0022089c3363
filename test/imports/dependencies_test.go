// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package imports_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

const dependenciesPage = root + "/docs/decisions/0001-dependencies.md"

// TestEachDependencyHasAReason holds go.mod and the page of dependencies
// together: who adds a dependency says why, and who drops one cleans up.
func TestEachDependencyHasAReason(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(dependenciesPage)
	if err != nil {
		t.Fatal(err)
	}
	explained := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ..+ \\|$").FindAllStringSubmatch(string(page), -1) {
		explained[row[1]] = true
	}
	direct, all := requirements(t)
	for module := range direct {
		if !explained[module] {
			t.Errorf("go.mod requires %s; %s does not say why", module, dependenciesPage)
		}
	}
	for module := range explained {
		if !all[module] {
			t.Errorf("%s explains %s, which go.mod does not require", dependenciesPage, module)
		}
	}
}

// requirements returns the modules that go.mod requires: those that our own code
// imports, and all.
func requirements(t *testing.T) (direct, all map[string]bool) {
	t.Helper()
	gomod, err := os.ReadFile(root + "/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	direct, all = map[string]bool{}, map[string]bool{}
	required := regexp.MustCompile(`^(?:require )?\t?(\S+\.\S+) v\S+( // indirect)?$`)
	for line := range strings.Lines(string(gomod)) {
		if match := required.FindStringSubmatch(strings.TrimRight(line, "\n")); match != nil {
			all[match[1]] = true
			if match[2] == "" {
				direct[match[1]] = true
			}
		}
	}
	if len(all) == 0 {
		t.Fatal("no requirement found in go.mod: this test cannot read it")
	}
	return direct, all
}
