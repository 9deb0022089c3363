// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
)

// Names that the program may have. kubectl finds its plugins by theirs, and asks
// the second one what may follow a word.
const (
	ownName        = "wsgw"
	pluginFile     = "kubectl-wsgw"
	completionFile = "kubectl_complete-wsgw"
	pluginName     = "kubectl wsgw"
)

// called tells what the program is called by whoever started it, and with which
// arguments.
func called(args []string) (name string, rest []string) {
	if len(args) == 0 {
		return ownName, nil
	}
	switch strings.TrimSuffix(filepath.Base(args[0]), ".exe") {
	case pluginFile:
		return pluginName, args[1:]
	case completionFile:
		return pluginName, append([]string{cobra.ShellCompRequestCmd}, args[1:]...)
	default:
		return ownName, args[1:]
	}
}

// rename makes all texts say what people have to write.
func rename(root *cobra.Command, name string) {
	root.InitDefaultHelpCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		describeCompletion(completion)
	}
	if name == ownName {
		return
	}
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: name}
	var words []string
	for _, cmd := range root.Commands() {
		words = append(words, regexp.QuoteMeta(cmd.Name()))
	}
	mention := regexp.MustCompile(`\b` + ownName + ` (` + strings.Join(words, "|") + `)\b`)
	say := func(text string) string { return mention.ReplaceAllString(text, name+" $1") }
	for _, cmd := range all(root) {
		cmd.Long, cmd.Example = say(cmd.Long), say(cmd.Example)
	}
}

// all are a command and those below it.
func all(cmd *cobra.Command) []*cobra.Command {
	found := []*cobra.Command{cmd}
	for _, below := range cmd.Commands() {
		found = append(found, all(below)...)
	}
	return found
}

// describeCompletion adds the examples that cobra's commands lack. The scripts
// are for the program under its own name; kubectl completes its plugins by a
// program of a certain name, which this one is too.
func describeCompletion(completion *cobra.Command) {
	completion.Long = `completion writes a script that completes commands, flags, and the names of gateways
and pods for a shell.

kubectl completes "kubectl wsgw" by itself where this program is found a second time
under the name ` + completionFile + `.`
	completion.Example = `  source <(wsgw completion bash)
  ln -s kubectl-wsgw /usr/local/bin/` + completionFile
	completion.Args = subcommand
	completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for shell, example := range map[string]string{
		"bash":       "  source <(wsgw completion bash)",
		"zsh":        "  wsgw completion zsh > \"${fpath[1]}/_wsgw\"",
		"fish":       "  wsgw completion fish > ~/.config/fish/completions/wsgw.fish",
		"powershell": "  wsgw completion powershell | Out-String | Invoke-Expression",
	} {
		if cmd, _, err := completion.Find([]string{shell}); err == nil && cmd != completion {
			cmd.Example = example
			cmd.Args = func(cmd *cobra.Command, args []string) error {
				if len(args) > 0 {
					return exit.Usagef("unexpected %q; %q shows examples", args[0], cmd.CommandPath()+" --help")
				}
				return nil
			}
		}
	}
}
