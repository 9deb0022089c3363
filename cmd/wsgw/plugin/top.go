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
	selector *selectorFlags
	sort     string
	limit    int
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
	flags.selector = env.bindSelector(cmd, flags.cluster)
	f := cmd.Flags()
	f.StringVar(&flags.sort, "sort", string(control.SortRate), "order: "+strings.Join(sorts(), ", "))
	f.IntVar(&flags.limit, "limit", 50, "ask for at most so many connections")
	f.DurationVar(&flags.interval, "interval", 2*time.Second, "time between two looks")
	complete(cmd, "sort", sorts()...)
	cmd.ValidArgsFunction = env.gatewayNames(flags.cluster)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		selector, err := flags.selector.selector()
		if err != nil {
			return err
		}
		if err := checkListing(flags.sort, flags.limit); err != nil {
			return err
		}
		if flags.interval < 500*time.Millisecond || flags.limit < 1 || flags.limit > control.MaxLimit {
			return exit.Usagef("--interval is at least 500ms, and --limit from 1 to %d", control.MaxLimit)
		}
		s, err := env.begin(flags.cluster)
		if err != nil {
			return err
		}
		defer s.end()
		return s.top(cmd.Context(), flags, selector, args)
	}
	return cmd
}

func (s *session) top(ctx context.Context, flags *topFlags, selector control.Selector, args []string) error {
	gw, err := s.gateway(ctx, args)
	if err != nil {
		return err
	}
	t := &topView{session: s, gateway: gw, flags: flags, selector: selector, order: control.Sort(flags.sort)}
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
	gateway  *wsv1alpha1.WebSocketGateway
	flags    *topFlags
	selector control.Selector
	errs     []error

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
	pods, err := t.running(ctx, t.gateway, t.flags.selector.pod)
	if err != nil {
		return nil, err
	}
	order := t.sorted()
	var states live.States
	var list *live.List
	var group sync.WaitGroup
	group.Go(func() { states = ask.Each(ctx, pods, t.pods.State) })
	group.Go(func() {
		listing := control.Listing{Selector: t.selector, Sort: order}
		list = live.Merge(t.gateway.Name, t.list(ctx, pods, listing, t.flags.limit), order, t.flags.limit)
	})
	group.Wait()
	t.errs = list.Errors()
	name := t.gateway.Namespace + "/" + t.gateway.Name
	shown := []string{
		text.Cut(fmt.Sprintf("%s   %s   %s", name, states.Summary(), t.Now().Format(time.TimeOnly)), width), "",
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
