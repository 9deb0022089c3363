// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package docs_test holds the documentation to what it talks about: links lead
// somewhere, pages can be found, manifests are accepted, and commands, files and
// tests that are named exist.
package docs_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/test/docs/page"
)

const root = "../.."

// pages returns the text of all pages by their paths in the repository.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (name == "bin" || name == "dist" || name != "." && strings.HasPrefix(path.Base(name), ".") || path.Base(name) == "testdata") {
			return fs.SkipDir
		}
		if entry.IsDir() || path.Ext(name) != ".md" {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		found[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("only %d pages found: this test looks in the wrong place", len(found))
	}
	return found
}

// local returns the path in the repository and the anchor that a link of a page
// leads to; ok is false where it leads elsewhere.
func local(from, target string) (to, anchor string, ok bool) {
	if regexp.MustCompile(`^[a-z][a-z0-9+.-]*:`).MatchString(target) {
		return "", "", false
	}
	to, anchor, _ = strings.Cut(target, "#")
	if to == "" {
		return from, anchor, true
	}
	return path.Join(path.Dir(from), to), anchor, true
}

func TestEachLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for name, text := range all {
		for _, link := range page.Links(text) {
			if complaint := follow(all, name, link.Target); complaint != "" {
				t.Errorf("%s:%d: %s %s", name, link.Line, link.Target, complaint)
			}
		}
	}
}

// follow says what is wrong with a link of a page, if anything is. Nothing is asked
// of the network.
func follow(all map[string]string, name, target string) (complaint string) {
	to, anchor, ok := local(name, target)
	if !ok {
		if !strings.HasPrefix(target, "https://") && !strings.HasPrefix(target, "mailto:") {
			return "is neither a path nor https"
		}
		return ""
	}
	if _, err := os.Stat(filepath.Join(root, to)); err != nil || strings.HasPrefix(to, "..") {
		return "leads nowhere"
	}
	if anchor != "" && !page.Anchors(all[to])[anchor] {
		return "leads to a heading that is not there"
	}
	return ""
}

// A page that no other leads to is read by nobody.
func TestEachPageIsReachedFromTheIndex(t *testing.T) {
	t.Parallel()
	const index = "docs/README.md"
	all := pages(t)
	seen := map[string]bool{index: true}
	for next := []string{index}; len(next) > 0; next = next[1:] {
		for _, link := range page.Links(all[next[0]]) {
			to, _, ok := local(next[0], link.Target)
			if ok && all[to] != "" && !seen[to] {
				seen[to] = true
				next = append(next, to)
			}
		}
	}
	for name := range all {
		// The pages beside the charts and samples are for those who are there already.
		if strings.HasPrefix(name, "docs/") && !seen[name] {
			t.Errorf("no page that is reached from %s leads to %s", index, name)
		}
	}
	if !slices.ContainsFunc(page.Links(all["README.md"]), func(l page.Link) bool { return l.Target == index }) {
		t.Errorf("the README does not lead to %s", index)
	}
}

func TestMakeTargetsThatPagesNameExist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(root + "/Makefile")
	if err != nil {
		t.Fatal(err)
	}
	exists := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^([a-z0-9-]+(?: [a-z0-9-]+)*):`).FindAllStringSubmatch(string(makefile), -1) {
		for target := range strings.FieldsSeq(match[1]) {
			exists[target] = true
		}
	}
	named := regexp.MustCompile(`^make ((?:[a-z0-9-]+ ?)+)`)
	for name, text := range pages(t) {
		for _, command := range commands(text) {
			match := append(named.FindStringSubmatch(command.Target), "", "")
			for target := range strings.FieldsSeq(match[1]) {
				if !exists[target] {
					t.Errorf("%s:%d: there is no target %q", name, command.Line, target)
				}
			}
		}
	}
}

// commands are the pieces of code within the text of a page, and the lines of its
// blocks.
func commands(text string) []page.Link {
	found := page.Code(text)
	for _, block := range page.Blocks(text) {
		for offset, line := range strings.Split(block.Text, "\n") {
			found = append(found, page.Link{Target: strings.TrimSpace(line), Line: block.Line + offset})
		}
	}
	return found
}

// Whoever looks up a file that a page names finds it. A star stands for any name,
// and foo for one that does not exist yet.
func TestFilesThatPagesNameExist(t *testing.T) {
	t.Parallel()
	file := regexp.MustCompile(`^(?:api|charts|cmd|config|controllers|docs|gateway|hack|test)/[\w./*-]+$`)
	for name, text := range pages(t) {
		for _, code := range page.Code(text) {
			if !file.MatchString(code.Target) || strings.Contains(code.Target, "/foo") {
				continue
			}
			found, err := filepath.Glob(filepath.Join(root, code.Target))
			if err != nil || len(found) == 0 {
				t.Errorf("%s:%d: there is no %s", name, code.Line, code.Target)
			}
		}
	}
}

// The checklist says which test shows each of its points; a point whose test was
// renamed or removed is a claim that nobody checks.
func TestTestsThatPagesNameExist(t *testing.T) {
	t.Parallel()
	exists := tests(t)
	name := regexp.MustCompile(`^(?:Test|Fuzz|Benchmark)[A-Z]\w*$`)
	count := 0
	for file, text := range pages(t) {
		for _, code := range page.Code(text) {
			if !name.MatchString(code.Target) {
				continue
			}
			count++
			if !exists[code.Target] {
				t.Errorf("%s:%d: there is no test %s", file, code.Line, code.Target)
			}
		}
	}
	if count == 0 {
		t.Error("no page names a test: this test cannot fail")
	}
}

// tests returns the names of all tests in the repository.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		for _, match := range declared.FindAllStringSubmatch(string(text), -1) {
			found[match[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
