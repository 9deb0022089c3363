// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/ask"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/live"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// selectorFlags choose connections; all that are given must fit.
type selectorFlags struct {
	control.Selector
	olderThan, idleFor time.Duration
	pod                string
}

func (e *Env) bindSelector(cmd *cobra.Command, flags *cluster.Flags) *selectorFlags {
	s := &selectorFlags{}
	f := cmd.Flags()
	f.StringSliceVar(&s.IDs, "id", nil, "connections by their IDs, which audit records have too; may be given several times")
	f.StringVar(&s.Route, "route", "", "only of this route")
	f.StringVar(&s.Policy, "policy", "", "only of callers whom this policy has let in")
	f.StringVar(&s.Listener, "listener", "", "only of this listener")
	f.StringVar(&s.Issuer, "issuer", "", "only of callers of this issuer")
	f.StringVar(&s.Subject, "subject", "", "only of this caller: the subject that audit records show")
	f.StringVar(&s.Client, "client", "", "only from this address or network, such as 203.0.113.0/24")
	f.DurationVar(&s.olderThan, "older-than", 0, "only opened at least so long ago")
	f.DurationVar(&s.idleFor, "idle-for", 0, "only without a message for at least so long")
	f.StringVar(&s.pod, "pod", "", "only of this pod")
	for flag, offer := range map[string]completer{
		"route": e.partsOf(flags, routeNames), "policy": e.partsOf(flags, policyNames), "listener": e.partsOf(flags, listenerNames),
		"pod": e.podNames(flags, true),
	} {
		_ = cmd.RegisterFlagCompletionFunc(flag, offer)
	}
	return s
}

// check says what is wrong with the flags; if nothing is, Selector is what they say.
func (s *selectorFlags) check() error {
	s.OlderThan, s.IdleFor = contract.Duration(s.olderThan), contract.Duration(s.idleFor)
	if err := s.Validate(); err != nil {
		return exit.Usagef("%w", err)
	}
	return nil
}

// listingFlags are an order of connections, and how many of them are shown.
type listingFlags struct {
	*selectorFlags
	sort  string
	limit int
}

func (e *Env) bindListing(cmd *cobra.Command, flags *cluster.Flags, sort control.Sort, limit int, limits string) *listingFlags {
	l := &listingFlags{selectorFlags: e.bindSelector(cmd, flags)}
	cmd.Flags().StringVar(&l.sort, "sort", string(sort), "order: "+strings.Join(sorts(), ", "))
	cmd.Flags().IntVar(&l.limit, "limit", limit, limits)
	complete(cmd, "sort", sorts()...)
	return l
}

func (l *listingFlags) check() error {
	if err := l.selectorFlags.check(); err != nil {
		return err
	}
	if !slices.Contains(sorts(), l.sort) {
		return exit.Usagef("--sort %s: it is one of %s", l.sort, strings.Join(sorts(), ", "))
	}
	if l.limit < 0 {
		return exit.Usagef("--limit %d: it is 0 for all, or more", l.limit)
	}
	return nil
}

type connectionsFlags struct {
	cluster *cluster.Flags
	listing *listingFlags
	form    *string
}

func sorts() []string {
	return []string{
		string(control.SortOpened), string(control.SortNewest), string(control.SortBytes),
		string(control.SortMessages), string(control.SortRate), string(control.SortIdle),
	}
}

func newConnections(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "connections [GATEWAY]",
		Aliases: []string{"connection", "conn"},
		Short:   "List the open connections of a gateway",
		Long: `connections asks all pods of a gateway, through the API server (port-forward), for
what is open, and prints one list. Filters that are given must all fit. The ID
together with the pod's boot is what audit records call a connection by.

A pod that does not answer is named on standard error, and the exit status is 1;
the connections of the others are shown. Without a name the only gateway of the
namespace is meant.

Exit status: 0 all pods have answered, 1 not all, 2 the command line is wrong.`,
		Example: `  wsgw connections -n chat edge
  wsgw connections -n chat edge --route rooms --older-than 1h --sort bytes
  wsgw connections -n chat edge --issuer https://id.example.com --subject alice -o wide
  wsgw connections -n chat edge --client 203.0.113.0/24 --limit 0 -o json`,
		Args: atMostOneGateway,
	}
	flags := &connectionsFlags{cluster: cluster.Bind(cmd)}
	flags.listing = env.bindListing(cmd, flags.cluster, control.SortOpened, control.DefaultLimit, "show at most so many; 0 for all")
	flags.form = outputFlag(cmd, formText, formWide, formJSON, formYAML)
	cmd.ValidArgsFunction = env.gatewayNames(flags.cluster)
	cmd.RunE = env.work(flags.cluster,
		func([]string) error { return flags.listing.check() },
		func(ctx context.Context, s *session, args []string) error { return s.connections(ctx, flags, args) })
	return cmd
}

func (s *session) connections(ctx context.Context, flags *connectionsFlags, args []string) error {
	gw, pods, err := s.choose(ctx, args, flags.listing.pod)
	if err != nil {
		return err
	}
	list := s.list(ctx, gw, pods, flags.listing, control.Sort(flags.listing.sort))
	switch *flags.form {
	case formJSON, formYAML:
		err = write(s.Out, *flags.form, list)
	default:
		_, err = fmt.Fprint(s.Out, list.Table(*flags.form == formWide))
		if hidden := list.Matched - len(list.Connections); hidden > 0 && err == nil {
			fmt.Fprintf(s.Err, "%d of %d connections are not shown: raise --limit, or filter\n", hidden, list.Matched)
		}
	}
	if err != nil {
		return err
	}
	return s.failures(list.Errors())
}

// list asks pods for connections. Pages can be turned in the order of opening
// only; a list of all of them is put into another order here.
func (s *session) list(
	ctx context.Context, gw *wsv1alpha1.WebSocketGateway, pods []types.NamespacedName, flags *listingFlags, sort control.Sort,
) *live.List {
	listing, limit := control.Listing{Selector: flags.Selector, Sort: sort}, flags.limit
	if limit == 0 || limit > control.MaxLimit {
		listing.Sort = control.SortOpened
		limit = 0
	}
	answers := ask.Each(ctx, pods, func(ctx context.Context, pod types.NamespacedName) (*control.Connections, error) {
		return s.pods.ConnectionsAll(ctx, pod, listing, limit)
	})
	return live.Merge(gw.Namespace+"/"+gw.Name, answers, sort, flags.limit)
}
