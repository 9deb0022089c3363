// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/test/docs/session"
)

func run(t *testing.T, text string) error {
	t.Helper()
	s := session.Session{Dir: t.TempDir(), Env: []string{"WHO=reader"}, Patience: time.Minute}
	return s.Run(t.Context(), session.Commands(text))
}

func block(language, text string) string { return "\n```" + language + "\n" + text + "\n```\n" }

func TestAPageThatTellsTheTruthPasses(t *testing.T) {
	t.Parallel()
	text := block("sh", "name=$WHO; greet() { echo \"hello, $1\"; }\ncat > letter <<EOF\ndear $name\nEOF") +
		"and then" + block("sh", "greet $name\necho more\ncat letter") + block("text", "hello, reader\n  dear reader") +
		"<!-- not run: it would fail -->" + block("sh", "exit 1") + block("text", "nothing of the block above") +
		block("yaml", "exit: 1") +
		"<!-- repeat: it takes two attempts -->" + block("sh", "echo x >> tries; wc -l < tries") + block("text", "2") +
		block("sh", "sleep 600 &\nuntil jobs | grep -q Running; do :; done") + block("sh", "kill %1")
	if err := run(t, text); err != nil {
		t.Error(err)
	}
}

func TestAPageThatDoesNotIsFound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, says string }{
		"another output":                {block("sh", "echo a") + block("text", "b"), `line 3: it does not print "b"`},
		"another order":                 {block("sh", "echo a; echo b") + block("text", "b\na"), `it does not print "a"`},
		"a command that fails":          {block("sh", "echo before\nfalse"), "status 1, after\nbefore"},
		"one that fails before another": {block("sh", "false\necho more"), "status 1, after\nmore"},
		"an unknown command":            {block("sh", "surely-there-is-no-such-command"), "status 127"},
		"an end of the shell":           {block("sh", "exit 0"), "the shell has ended"},
	} {
		if err := run(t, test.text); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q in it", name, err, test.says)
		}
	}
}

func TestABlockThatDoesNotEndIsGivenUp(t *testing.T) {
	t.Parallel()
	s := session.Session{Dir: t.TempDir(), Patience: 200 * time.Millisecond}
	err := s.Run(t.Context(), session.Commands(block("sh", "echo waiting; sleep 600")))
	if err == nil || !strings.Contains(err.Error(), "does not end") {
		t.Errorf("%v", err)
	}
}

// The page that is run on a real node is no use if nothing of it is run.
func TestGettingStartedHasCommands(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "getting-started.md"))
	if err != nil {
		t.Fatal(err)
	}
	prints := 0
	commands := session.Commands(string(text))
	for _, command := range commands {
		prints += len(command.Prints)
	}
	if len(commands) < 6 || prints < 6 {
		t.Errorf("only %d blocks with %d lines of output", len(commands), prints)
	}
}
