// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	wsgw "github.com/wsgateway/websocket-gateway-operator/cmd/wsgw"
)

func commands(t *testing.T, name string) []*cobra.Command {
	t.Helper()
	found := wsgw.Commands(name)
	if len(found) < 12 {
		t.Fatalf("only %d commands", len(found))
	}
	return found
}

func TestEachCommandHasAnExampleThatIsItsOwn(t *testing.T) {
	t.Parallel()
	for _, name := range []string{wsgw.OwnName, wsgw.PluginName} {
		for _, cmd := range commands(t, name) {
			path := strings.Replace(cmd.CommandPath(), wsgw.OwnName, name, 1)
			if name == wsgw.PluginName {
				path = cmd.CommandPath()
			}
			if cmd.Name() == "help" {
				continue // cobra's, which shows the help of others
			}
			if cmd.Short == "" || cmd.Long == "" || !strings.Contains(cmd.Example, path) {
				t.Errorf("%s: no description, or no example that begins with its name:\n%s", path, cmd.Example)
			}
			for line := range strings.Lines(cmd.Long) {
				if len([]rune(line)) > 120 {
					t.Errorf("%s: a line of the help is wider than a terminal: %s", path, line)
				}
			}
		}
	}
}

// Examples are copied: each flag in them exists.
func TestFlagsInExamplesExist(t *testing.T) {
	t.Parallel()
	for _, cmd := range commands(t, wsgw.OwnName) {
		for line := range strings.Lines(strings.ReplaceAll(cmd.Example, "\\\n", "")) {
			if _, err := meant(cmd.Root(), line); err != nil {
				t.Errorf("%s: %v", cmd.CommandPath(), err)
			}
		}
	}
}

// meant is the command of a line that somebody types, nil for none of ours. It is
// an error if there is no such command, or if it has no such flag.
func meant(root *cobra.Command, line string) (*cobra.Command, error) {
	mention := regexp.MustCompile(`(?:^|\s)(--[a-z-]+|-[a-zA-Z])\b`)
	begins := regexp.MustCompile(`(?:\s|\()wsgw (.*)`)
	quoted := regexp.MustCompile(`'[^']*'`)
	line, _, _ = strings.Cut(quoted.ReplaceAllString(line, ""), "|")
	call := begins.FindStringSubmatch(line)
	if call == nil {
		return nil, nil
	}
	cmd, _, err := root.Find(strings.Fields(call[1]))
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, line)
	}
	for _, match := range mention.FindAllStringSubmatch(call[1], -1) {
		flag := strings.TrimLeft(match[1], "-")
		known := func(f *pflag.Flag) bool { return f != nil }
		if len(flag) == 1 && !known(cmd.Flags().ShorthandLookup(flag)) || len(flag) > 1 && !known(cmd.Flags().Lookup(flag)) {
			return nil, fmt.Errorf("%s has no flag %s: %s", cmd.CommandPath(), match[1], line)
		}
	}
	return cmd, nil
}

// session is the recorded page: what somebody typed and saw.
const session = "../../docs/plugin-session.md"

// Whoever reads the recording can type it: its commands and flags exist, and what
// it is to show is in it.
func TestTheRecordedSessionCanStillBeTyped(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(session)
	if err != nil {
		t.Fatal(err)
	}
	root, typed := commands(t, wsgw.OwnName)[0].Root(), map[string]bool{}
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "$ ") {
			continue
		}
		cmd, err := meant(root, line)
		if err != nil {
			t.Error(err)
		}
		if cmd != nil {
			typed[strings.TrimPrefix(cmd.CommandPath(), "wsgw ")] = true
		}
	}
	for _, name := range []string{"status", "connections", "top", "explain", "close", "audit tail", "audit verify", "drain", "collect"} {
		if !typed[name] {
			t.Errorf("nobody types %q: make the page again, by \"make recording\"", name)
		}
	}
	// An answer of each kind that readers come for.
	for _, want := range []string{"[y/N] y\n", "\u2192 ", "told to end, claimed by ", "administered", "drain done, until ", "manifest.json", "[exit status 1]"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("%q is not in the page", want)
		}
	}
}

// What docs/plugin.md quotes was seen.
func TestWhatIsQuotedIsInTheRecording(t *testing.T) {
	t.Parallel()
	recorded, err := os.ReadFile(session)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/plugin.md")
	if err != nil {
		t.Fatal(err)
	}
	quotes := 0
	for i, part := range strings.Split(string(page), "```") {
		if i%2 == 0 || !strings.HasPrefix(part, "console\n") {
			continue
		}
		quotes++
		for piece := range strings.SplitSeq(strings.TrimPrefix(part, "console\n"), "...\n") {
			if !strings.Contains(string(recorded), piece) {
				t.Errorf("nobody has seen this; quote %s as it is now:\n%s", session, piece)
			}
		}
	}
	if quotes == 0 {
		t.Error("docs/plugin.md quotes nothing")
	}
}

func TestWrongUsageIsOneSentenceAndStatus2(t *testing.T) {
	t.Parallel()
	var cases [][]string
	for _, cmd := range commands(t, wsgw.OwnName) {
		path := strings.Fields(cmd.CommandPath())[1:]
		if cmd.Name() == "help" {
			continue
		}
		cases = append(cases, append(slices.Clip(path), "--no-such-flag"))
		if cmd.Name() != "verify" { // which takes any number of files
			cases = append(cases, append(slices.Clip(path), "one", "two", "three"))
		}
	}
	cases = append(cases,
		[]string{"status", "-o", "xml"}, []string{"status", "-A", "edge"}, []string{"status", "--interval", "1ms"},
		[]string{"connections", "--sort", "colour"}, []string{"connections", "--limit", "-1"}, []string{"connections", "--client", "x"},
		[]string{"top", "--limit", "0"}, []string{"close", "edge"}, []string{"close", "--subject", "ann"}, []string{"drain"},
		[]string{"drain", "pod", "--undo", "--wait"}, []string{"collect", "--log-lines", "-1"},
		[]string{"explain", "--live", "-f", "x.yaml", "--url", "wss://ws.example.com/"}, []string{"explain", "--live", "--url", "http://ws.example.com/"},
		[]string{"completion", "tcsh"}, []string{"nothing"},
	)
	for _, args := range cases {
		out, log, exit := finished(t, "", args...)
		if exit != 2 || out != "" || strings.Count(log, "\n") != 1 || !strings.HasPrefix(log, "wsgw: ") {
			t.Errorf("%q: exit status %d, standard output %q, standard error %q", args, exit, out, log)
		}
	}
}

func TestWithoutAKubeconfigTheNextStepIsTold(t *testing.T) {
	t.Parallel()
	_, log, exit := finished(t, "", "status", "--kubeconfig", filepath.Join(t.TempDir(), "none"))
	if exit != 1 || strings.Count(log, "\n") != 1 || !strings.Contains(log, "kubeconfig") {
		t.Errorf("exit status %d: %s", exit, log)
	}
}

// kubectl starts a plugin by the name of its file, and asks another file what may
// follow a word.
func TestTheProgramKnowsItsNames(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, name := range []string{wsgw.PluginFile, wsgw.CompletionFile} {
		if err := os.Symlink(plainProgram, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	out, _, exit := finishedAs(t, filepath.Join(folder, wsgw.PluginFile), "top", "--help")
	if exit != 0 || !strings.Contains(out, "kubectl wsgw top -n chat edge") || !strings.Contains(out, "Usage:\n  kubectl wsgw top") {
		t.Errorf("exit status %d:\n%s", exit, out)
	}
	if _, log, exit := finishedAs(t, filepath.Join(folder, wsgw.PluginFile), "drain"); exit != 2 || !strings.Contains(log, `"kubectl wsgw drain --help"`) {
		t.Errorf("exit status %d: %s", exit, log)
	}
	if out, _, exit := finishedAs(t, filepath.Join(folder, wsgw.CompletionFile), "conn"); exit != 0 || !strings.Contains(out, "connections\t") {
		t.Errorf("exit status %d: %s", exit, out)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out, _, exit := finished(t, "", "completion", shell); exit != 0 || !strings.Contains(out, "wsgw") {
			t.Errorf("completion %s: exit status %d", shell, exit)
		}
	}
}
