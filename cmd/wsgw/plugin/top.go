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
	"k8s.io/apimachinery/pkg/types"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/ask"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/live"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/text"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

type topFlags struct {
	cluster  *cluster.Flags
	listing  *listingFlags
	interval time.Duration
}

func newTop(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "top [GATEWAY]",
		Short: "Watch the pods and connections of a gateway that have most to do",
		Long: `top shows the pods of a gateway with what they have to do, and the connections with
the highest rates, drawn anew every few seconds. s chooses the next order, q ends
it. Where the output is no terminal it is printed once.

Rates are those of the pods: payload bytes of both directions over the last few
seconds. Each look asks each pod twice, through the API server (port-forward).

Exit status: 0, 1 a pod did not answer a single print, 2 the command line is wrong.`,
		Example: `  wsgw top -n chat edge
  wsgw top -n chat edge --route rooms --sort idle --interval 5s
  wsgw top -n chat edge | head -20`,
		Args: atMostOneGateway,
	}
	flags := &topFlags{cluster: cluster.Bind(cmd)}
	flags.listing = env.bindListing(cmd, flags.cluster, control.SortRate, 50, "ask for at most so many connections")
	cmd.Flags().DurationVar(&flags.interval, "interval", 2*time.Second, "time between two looks")
	cmd.ValidArgsFunction = env.gatewayNames(flags.cluster)
	cmd.RunE = env.work(flags.cluster,
		func([]string) error {
			if err := flags.listing.check(); err != nil {
				return err
			}
			if flags.interval < 500*time.Millisecond || flags.listing.limit < 1 || flags.listing.limit > control.MaxLimit {
				return exit.Usagef("--interval is at least 500ms, and --limit from 1 to %d", control.MaxLimit)
			}
			return nil
		},
		func(ctx context.Context, s *session, args []string) error { return s.top(ctx, flags, args) })
	return cmd
}

func (s *session) top(ctx context.Context, flags *topFlags, args []string) error {
	gw, err := s.gateway(ctx, args)
	if err != nil {
		return err
	}
	t := &topView{session: s, gateway: gw, flags: flags, order: control.Sort(flags.listing.sort)}
	if s.Terminal == nil {
		lines, err := t.frame(ctx, 0, 0)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(s.Out, strings.Join(lines, "\n")); err != nil {
			return err
		}
		return s.failures(t.errs)
	}
	return live.Show(ctx, live.Options{
		Out: s.Out, Terminal: s.Terminal, Keys: s.In, Key: t.key, Interval: flags.interval, Frame: t.frame,
	})
}

// topView is what top shows.
type topView struct {
	*session
	gateway *wsv1alpha1.WebSocketGateway
	flags   *topFlags
	errs    []error

	mu    sync.Mutex
	order control.Sort
}

// key chooses the next order.
func (t *topView) key(key byte) {
	if key != 's' {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	names := sorts()
	t.order = control.Sort(names[(slices.Index(names, string(t.order))+1)%len(names)])
}

func (t *topView) sorted() control.Sort {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.order
}

// frame asks the pods that there are now: they come and go while one looks.
func (t *topView) frame(ctx context.Context, width, height int) ([]string, error) {
	pods, err := t.running(ctx, t.gateway, t.flags.listing.pod)
	if err != nil {
		return nil, err
	}
	order := t.sorted()
	var states live.States
	var list *live.List
	var group sync.WaitGroup
	group.Go(func() { states = ask.Each(ctx, pods, t.pods.State) })
	group.Go(func() { list = t.list(ctx, t.gateway, pods, t.flags.listing, order) })
	group.Wait()
	t.errs = list.Errors()
	shown := []string{
		text.Cut(fmt.Sprintf("%s   %s   %s", list.Gateway, states.Summary(), t.Now().Format(time.TimeOnly)), width), "",
	}
	shown = append(append(shown, states.Table().Lines(width)...), "")
	shown = append(shown, text.Cut(fmt.Sprintf("%s fit, by %s%s", text.Count(list.Matched, "connection"), order, t.hint()), width))
	shown = append(shown, list.Table(width > 160).Lines(width)...)
	if height > 0 && len(shown) > height {
		shown = shown[:height]
	}
	return shown, nil
}

func (t *topView) hint() string {
	if t.Terminal == nil {
		return ""
	}
	return "   (s: another order, q: quit)"
}

// lines are those of a text, cut to a width.
func lines(s string, width int) []string {
	all := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i := range all {
		all[i] = text.Cut(all[i], width)
	}
	return all
}

// podNamesOf lists names, for messages.
func podNamesOf(pods []types.NamespacedName) string {
	names := make([]string, 0, len(pods))
	for _, pod := range pods {
		names = append(names, pod.Name)
	}
	return strings.Join(names, ", ")
}
