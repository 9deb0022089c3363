// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package text

import (
	"fmt"
	"strings"
)

// Tree is a line and what belongs to it.
type Tree struct {
	// Bad marks the line, so that the eye finds it.
	Bad      bool
	line     string
	branches []*Tree
}

// NewTree begins with its first line.
func NewTree(format string, args ...any) *Tree {
	return &Tree{line: Printable(fmt.Sprintf(format, args...))}
}

// Add adds a line below. Parts that are empty leave no space behind.
func (t *Tree) Add(parts ...string) *Tree {
	var kept []string
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	branch := &Tree{line: Printable(strings.Join(kept, "  "))}
	t.branches = append(t.branches, branch)
	return branch
}

// Mark marks the line if bad, and answers it.
func (t *Tree) Mark(bad bool) *Tree {
	t.Bad = t.Bad || bad
	return t
}

// String draws it.
func (t *Tree) String() string {
	var out strings.Builder
	t.write(&out, "", "")
	return out.String()
}

func (t *Tree) write(out *strings.Builder, first, rest string) {
	mark := ""
	if t.Bad {
		mark = "✗ "
	}
	out.WriteString(first + mark + t.line + "\n")
	for i, branch := range t.branches {
		if i == len(t.branches)-1 {
			branch.write(out, rest+"└─ ", rest+"   ")
		} else {
			branch.write(out, rest+"├─ ", rest+"│  ")
		}
	}
}
