// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/bundle"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/text"
)

type collectFlags struct {
	cluster    *cluster.Flags
	file       string
	identities bool
	logLines   int64
}

// maxLogLines bounds what is asked of one log.
const maxLogLines = 1_000_000

func newCollect(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "collect [GATEWAY]",
		Short: "Collect what somebody needs to help with a gateway into one archive",
		Long: `collect writes a tar.gz with the status, the objects that a gateway consists of, its
events, what each pod knows of itself, metrics, the last lines of the logs of pods
and operator, and versions. manifest.json in it lists each file, and what could not
be collected.

No Secret is read. Of the objects it leaves out what others may have put there: the
variables and command lines of sidecars, annotations of unknown owners, the content
of ConfigMaps of users, solvers of issuers. What looks like a key, token or password
is taken out of every file.

Audit records and revocations, which name callers and their addresses, are left out
unless --with-identities is given. Names of hosts, routes and backends, and addresses
of pods and nodes are in it: look through it before you give it away.

Exit status: 0 the archive is written, also if a part could not be collected; 1 it
could not be written; 2 the command line is wrong.`,
		Example: `  wsgw collect -n chat edge
  wsgw collect -n chat edge --file - | tar tz
  wsgw collect -n chat edge --log-lines 100000 --with-identities --file incident-4711.tar.gz`,
		Args: atMostOneGateway,
	}
	flags := &collectFlags{cluster: cluster.Bind(cmd)}
	f := cmd.Flags()
	f.StringVar(&flags.file, "file", "", "archive to write, which must not exist yet; - for standard output (default wsgw-NAMESPACE-GATEWAY-TIME.tar.gz)")
	f.BoolVar(&flags.identities, "with-identities", false, "with audit records and revocations")
	f.Int64Var(&flags.logLines, "log-lines", 10_000, "last lines of each log")
	cmd.ValidArgsFunction = env.gatewayNames(flags.cluster)
	cmd.RunE = env.work(flags.cluster,
		func([]string) error {
			if flags.logLines < 0 || flags.logLines > maxLogLines {
				return exit.Usagef("--log-lines %d: from 0 to %d", flags.logLines, maxLogLines)
			}
			if flags.file == "-" && env.Terminal != nil {
				return exit.Usagef("--file -: the output is a terminal; name a file, or pipe it somewhere")
			}
			return nil
		},
		func(ctx context.Context, s *session, args []string) error { return s.collect(ctx, flags, args) })
	return cmd
}

func (s *session) collect(ctx context.Context, flags *collectFlags, args []string) error {
	gw, err := s.gateway(ctx, args)
	if err != nil {
		return err
	}
	now := s.Now().UTC()
	folder := fmt.Sprintf("wsgw-%s-%s-%s", gw.Namespace, gw.Name, now.Format("20060102-150405"))
	if flags.file == "" {
		flags.file = folder + ".tar.gz"
	}
	to := s.Out
	if flags.file != "-" {
		// What is in it is for its owner to pass on.
		file, err := os.OpenFile(flags.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			return exit.Usagef("--file %s exists already: choose another name", flags.file)
		}
		if err != nil {
			return fmt.Errorf("write the archive: %w", err)
		}
		defer file.Close()
		to = file
	}
	a := bundle.NewArchive(to, folder, bundle.Manifest{
		CreatedAt: now, Gateway: gw.Namespace + "/" + gw.Name, Program: s.Version, Identities: flags.identities,
	})
	c := &bundle.Collector{Cluster: s.cluster, Pods: s.pods, Identities: flags.identities, LogLines: flags.logLines, Now: s.Now}
	c.Collect(ctx, a, gw)
	if err := errors.Join(a.Close(), ctx.Err(), synced(to)); err != nil {
		return err
	}
	s.collected(flags.file, &a.Manifest)
	return nil
}

func synced(to io.Writer) error {
	file, isFile := to.(*os.File)
	if !isFile || file == os.Stdout {
		return nil
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	return nil
}

// collected tells what there is, on standard error: the archive may be on the
// other.
func (s *session) collected(file string, m *bundle.Manifest) {
	redactions := 0
	for _, entry := range m.Files {
		redactions += entry.Redactions
	}
	for _, missing := range m.Missing {
		fmt.Fprintf(s.Err, "! not collected: %s\n", text.Printable(missing))
	}
	words := []string{text.Count(len(m.Files), "file")}
	if redactions > 0 {
		words = append(words, text.Count(redactions, "credential")+" found in them and taken out")
	}
	if !m.Identities {
		words = append(words, "no audit records and revocations")
	}
	fmt.Fprintf(s.Err, "%s: %s\n", file, strings.Join(words, ", "))
}
