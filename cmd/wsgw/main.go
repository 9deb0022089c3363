// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Command wsgw checks WebSocketGateway manifests, runs a gateway from them, and
// explains its decisions, all without a cluster. As kubectl-wsgw it is a plugin of kubectl.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	_ "golang.org/x/crypto/x509roots/fallback" // key servers are checked where the machine has no CAs
)

// version is set by the linker.
var version = "dev"

// Exit codes, as --help says.
const (
	exitProblem = 1
	exitUsage   = 2
	exitUnknown = 3
)

// errProblems ends a command whose problems have been printed already.
var errProblems = errors.New("there are problems")

// errUnknown ends an explanation that depends on what is not in the files.
var errUnknown = errors.New("it cannot be told")

// usageError is a mistake on the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(execute(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}

// streams are standard input, output and error.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func execute(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errProblems):
		return exitProblem
	case errors.Is(err, errUnknown):
		return exitUnknown
	}
	fmt.Fprintf(s.err, "wsgw: %v\n", err)
	if _, wrong := errors.AsType[usageError](err); wrong {
		return exitUsage
	}
	return exitProblem
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "wsgw",
		Short: "Check WebSocketGateway manifests, run a gateway from them, explain its decisions",
		Long: `wsgw checks WebSocketGateway manifests, runs a gateway from them, and explains its
decisions, without a cluster.

Exit status: 0 all is well, 1 a problem was found, 2 the command line is wrong;
explain has more, which "wsgw explain --help" lists.`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          subcommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; \"%s --help\" lists the flags", err, cmd.CommandPath())}
	})
	root.AddCommand(newValidate(s), newRun(s), newExplain(s), newAudit(s))
	return root
}

func subcommand(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unknown command %q; \"wsgw --help\" lists the commands", args[0])}
	}
	return nil
}

// noArguments is for commands that take flags only.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unexpected %q: name files with -f; \"%s --help\" shows examples", args[0], cmd.CommandPath())}
	}
	return nil
}

// filesFlag adds -f, which every command needs.
func filesFlag(cmd *cobra.Command) *[]string {
	return cmd.Flags().StringSliceP("filename", "f", nil, "file or folder with manifests, or - for standard input; may be given several times")
}

func needFiles(cmd *cobra.Command, files []string) error {
	if len(files) == 0 {
		return usageError{fmt.Errorf("no file: name one with -f; \"%s --help\" shows examples", cmd.CommandPath())}
	}
	return nil
}
