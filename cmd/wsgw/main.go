// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Command wsgw looks into the WebSocketGateways of a cluster; and it checks
// manifests, runs a gateway from them, and explains its decisions without one. As
// kubectl-wsgw it is a plugin of kubectl.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	_ "golang.org/x/crypto/x509roots/fallback" // key servers are checked where the machine has no CAs
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/live"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/plugin"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(execute(ctx, os.Args, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}

// streams are standard input, output and error.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// env is the world of the commands that need a cluster.
func (s streams) env() *plugin.Env {
	env := &plugin.Env{In: s.in, Out: s.out, Err: s.err, Open: cluster.Open, Now: time.Now, Version: version}
	in, fromFile := s.in.(*os.File)
	if out, toFile := s.out.(*os.File); fromFile && toFile {
		env.Terminal, env.Interactive = live.NewTerminal(in, out), live.IsTerminal(in)
	}
	return env
}

func execute(ctx context.Context, args []string, s streams) int {
	name, args := called(args)
	// client-go's own words are for those who write programs.
	klog.SetLogger(logr.Discard())
	ctrllog.SetLogger(logr.Discard())
	root := newRoot(s, name)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && !exit.Silent(err) {
		fmt.Fprintf(s.err, "%s: %v\n", name, err)
	}
	return exit.Code(err)
}

func newRoot(s streams, name string) *cobra.Command {
	env := s.env()
	root := &cobra.Command{
		Use:   "wsgw",
		Short: "Look into WebSocketGateways and their connections; check and run manifests without a cluster",
		Long: `wsgw shows WebSocketGateways of a cluster with all that belongs to them, lists and
closes their connections, and collects what is needed when something is wrong. It
also checks manifests, runs a gateway from them, and explains its decisions, all
without a cluster.

Installed as kubectl-wsgw it is a plugin of kubectl.

Exit status: 0 all is well, 1 a problem was found, 2 the command line is wrong;
explain has more, which "wsgw explain --help" lists.`,
		Example: `  wsgw status -A
  wsgw top -n chat edge
  wsgw validate -f gateway.yaml`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          subcommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return exit.UsageError{Err: fmt.Errorf("%s; \"%s --help\" lists the flags", flagProblem(err), cmd.CommandPath())}
	})
	root.AddCommand(newValidate(s), newRun(s), newExplain(s, env), newAudit(s, env))
	root.AddCommand(plugin.Commands(env)...)
	root.InitDefaultCompletionCmd()
	rename(root, name)
	return root
}

// flagProblem leaves out what follows an unknown flag of one letter: where somebody
// took it for a header, as other programs do, it is the header.
func flagProblem(err error) string {
	text := err.Error()
	if strings.HasPrefix(text, "unknown shorthand flag") {
		text, _, _ = strings.Cut(text, " in -")
	}
	return text
}

func subcommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return exit.UsageError{Err: fmt.Errorf("unknown command %q; \"%s --help\" lists the commands", args[0], cmd.CommandPath())}
	}
	return nil
}

// noArguments is for commands that take flags only.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		// It is not repeated: it may be the value of a header without quotes around it.
		return exit.UsageError{Err: fmt.Errorf("unexpected argument: name files with -f, put quotes around values that have blanks; \"%s --help\" shows examples", cmd.CommandPath())}
	}
	return nil
}

// filesFlag adds -f, which every command needs.
func filesFlag(cmd *cobra.Command) *[]string {
	return cmd.Flags().StringSliceP("filename", "f", nil, "file or folder with manifests, or - for standard input; may be given several times")
}

func needFiles(cmd *cobra.Command, files []string) error {
	if len(files) == 0 {
		return exit.UsageError{Err: fmt.Errorf("no file: name one with -f; \"%s --help\" shows examples", cmd.CommandPath())}
	}
	return nil
}
