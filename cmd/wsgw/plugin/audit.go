// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/trail"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
)

type tailFlags struct {
	cluster *cluster.Flags
	filter  trail.Filter
	client  string
	pod     string
	form    *string
	tail    int64
	since   time.Duration
	follow  bool
}

// NewTail is the command that follows audit records; its parent is that of all
// commands about the audit log.
func NewTail(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tail [GATEWAY]",
		Short: "Follow the audit records of a gateway's pods",
		Long: `tail follows the logs of all pods of a gateway, pods that come later included, and
prints their audit records: one line each for people, or with -o json the records
as they are. Other lines of the logs are left out. Filters that are given must all
fit.

It shows what is in the logs now. For an investigation take the whole log from
where it is kept, and let "wsgw audit verify" say whether nothing is missing.

Exit status: 0, 1 a log could not be read, 2 the command line is wrong.`,
		Example: `  wsgw audit tail -n chat edge
  wsgw audit tail -n chat edge --event denied --client 203.0.113.0/24
  wsgw audit tail -n chat edge --subject alice --since 1h --follow=false -o json`,
		Args: atMostOneGateway,
	}
	flags := &tailFlags{cluster: cluster.Bind(cmd)}
	flags.bind(cmd)
	complete(cmd, "event", events()...)
	for flag, offer := range map[string]completer{
		"route": env.partsOf(flags.cluster, routeNames), "policy": env.partsOf(flags.cluster, policyNames),
		"listener": env.partsOf(flags.cluster, listenerNames), "pod": env.podNames(flags.cluster, true),
	} {
		_ = cmd.RegisterFlagCompletionFunc(flag, offer)
	}
	flags.form = outputFlag(cmd, formText, formJSON)
	cmd.ValidArgsFunction = env.gatewayNames(flags.cluster)
	cmd.RunE = env.work(flags.cluster,
		func([]string) error { return flags.check() },
		func(ctx context.Context, s *session, args []string) error { return s.tail(ctx, flags, args) })
	return cmd
}

func (flags *tailFlags) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&flags.filter.Events, "event", nil, "only these events: "+strings.Join(events(), ", "))
	f.StringSliceVar(&flags.filter.Reasons, "reason", nil, "only refusals and ends for these reasons")
	f.StringVar(&flags.filter.Route, "route", "", "only of this route")
	f.StringVar(&flags.filter.Policy, "policy", "", "only of this policy")
	f.StringVar(&flags.filter.Listener, "listener", "", "only of this listener")
	f.StringVar(&flags.filter.Issuer, "issuer", "", "only of callers of this issuer")
	f.StringVar(&flags.filter.Subject, "subject", "", "only of this caller")
	f.StringVar(&flags.filter.ConnectionID, "id", "", "only of this connection")
	f.StringVar(&flags.client, "client", "", "only of clients in this network, or with this address")
	f.StringVar(&flags.pod, "pod", "", "only of this pod")
	f.Int64Var(&flags.tail, "tail", 20, "begin with so many of the last lines of each log")
	f.DurationVar(&flags.since, "since", 0, "begin with what was written so long ago, instead of --tail")
	f.BoolVarP(&flags.follow, "follow", "f", true, "go on until interrupted")
}

func events() []string {
	names := make([]string, 0, len(audit.Events()))
	for _, event := range audit.Events() {
		names = append(names, string(event))
	}
	return names
}

// check: a filter that is misspelt would show nothing, which looks like peace.
func (flags *tailFlags) check() error {
	known := events()
	for _, event := range flags.filter.Events {
		if !slices.Contains(known, event) {
			return exit.Usagef("--event %s: it is one of %s", event, strings.Join(known, ", "))
		}
	}
	if flags.tail < 0 || flags.since < 0 {
		return exit.Usagef("--tail and --since cannot be negative")
	}
	if flags.client == "" {
		return nil
	}
	var err error
	if flags.filter.Client, err = trail.ParseClient(flags.client); err != nil {
		return exit.Usagef("--client %w", err)
	}
	return nil
}

func (s *session) tail(ctx context.Context, flags *tailFlags, args []string) error {
	gw, err := s.gateway(ctx, args)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	troubled := false
	f := &trail.Follower{
		Cluster: s.cluster, Gateway: client.ObjectKeyFromObject(gw), Only: flags.pod, Tail: flags.tail,
		Emit: func(r *audit.Record, line []byte) error {
			if !flags.filter.Fits(r) {
				return nil
			}
			if *flags.form == formText {
				line = []byte(trail.Line(r) + "\n")
			}
			_, err := s.Out.Write(line)
			return err
		},
		Trouble: func(err error) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(s.Err, "! %v\n", err)
			troubled = true
		},
	}
	if flags.since > 0 {
		f.Since = s.Now().Add(-flags.since)
	}
	if flags.follow {
		return f.Follow(ctx)
	}
	if err := f.Once(ctx); err != nil {
		return err
	}
	if troubled {
		return exit.ErrProblems
	}
	return nil
}
