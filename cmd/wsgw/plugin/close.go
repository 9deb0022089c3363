// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/ask"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/text"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// askerFlags say who does something to a gateway, and why.
type askerFlags struct {
	claimedBy, note string
	yes             bool
}

func bindAsker(cmd *cobra.Command) *askerFlags {
	a := &askerFlags{}
	f := cmd.Flags()
	f.StringVar(&a.claimedBy, "claimed-by", "", "who does this, for the audit log, where it is a claim (default the name that the API server has for you)")
	f.StringVar(&a.note, "reason", "", "why, for the audit log")
	f.BoolVarP(&a.yes, "yes", "y", false, "do not ask")
	return a
}

// asker fills in who it is.
func (s *session) asker(ctx context.Context, flags *askerFlags) (control.Asker, error) {
	claim := flags.claimedBy
	if claim == "" {
		// The pod would refuse what is too long for the record.
		claim = fitting(s.cluster.WhoAmI(ctx), control.MaxClaimedByBytes)
	}
	asker := control.Asker{ClaimedBy: claim, Note: flags.note}
	if claim == "" {
		return asker, exit.Usagef("neither the API server nor the kubeconfig has a name for you: say who you are with --claimed-by")
	}
	if err := asker.Validate(); err != nil {
		return asker, exit.Usagef("%w", err)
	}
	return asker, nil
}

func fitting(name string, most int) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, name)
	for len(name) > most {
		name = name[:len(name)-1]
	}
	return strings.ToValidUTF8(name, "")
}

// confirm asks a person. Nobody there is not a yes.
func (s *session) confirm(flags *askerFlags, question string) (bool, error) {
	if flags.yes {
		return true, nil
	}
	if !s.Interactive {
		return false, exit.Usagef("nobody is there to be asked: look at what would happen, and give --yes")
	}
	fmt.Fprintf(s.Err, "%s [y/N] ", text.Printable(question))
	answer, err := bufio.NewReader(io.LimitReader(s.In, 1024)).ReadString('\n')
	if err != nil && answer == "" {
		return false, nil
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

type closeFlags struct {
	cluster  *cluster.Flags
	selector *selectorFlags
	asker    *askerFlags
	dryRun   bool
	over     time.Duration
}

func newClose(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "close [GATEWAY] FILTER...",
		Short: "Close connections by id, identity, route or other filters",
		Long: `close counts the connections that all filters fit, pod by pod, asks, and closes
them. The clients get a Close frame with the reason closed_by_administrator; the
audit log has it together with who has done it. That name is a claim: whoever may
forward ports to the pods can write another one.

It keeps nobody out: clients may connect again at once. To lock somebody out, create
a WebSocketRevocation, which closes their connections too. There is no filter for
all: "drain" empties a pod.

If more connections fit than were counted, because some were opened meanwhile, that
pod closes none and says so.

Exit status: 0 all that were counted are being closed, or nobody fits; 1 something
could not be done, or the answer was no; 2 the command line is wrong.`,
		Example: `  wsgw close -n chat edge --id c3f1-42 --pod wsgw-edge-7d9c5b6f4-x2x8v
  wsgw close -n chat edge --issuer https://id.example.com --subject alice --reason 'ticket 4711'
  wsgw close -n chat edge --route rooms --idle-for 1h --over 5m --yes
  wsgw close -n chat edge --client 203.0.113.0/24 --dry-run`,
		Args: atMostOneGateway,
	}
	flags := &closeFlags{cluster: cluster.Bind(cmd)}
	flags.selector = env.bindSelector(cmd, flags.cluster)
	flags.asker = bindAsker(cmd)
	cmd.Flags().BoolVar(&flags.dryRun, "dry-run", false, "only count")
	cmd.Flags().DurationVar(&flags.over, "over", 0, "spread the closings over this time (default half a millisecond each)")
	cmd.ValidArgsFunction = env.gatewayNames(flags.cluster)
	cmd.RunE = env.work(flags.cluster,
		func([]string) error {
			if err := flags.selector.check(); err != nil {
				return err
			}
			if err := flags.count().Validate(); err != nil {
				return exit.Usagef("%w", err)
			}
			return nil
		},
		func(ctx context.Context, s *session, args []string) error { return s.close(ctx, flags, args) })
	return cmd
}

// count is the request that only counts.
func (flags *closeFlags) count() *control.CloseRequest {
	return &control.CloseRequest{Selector: flags.selector.Selector, DryRun: true, Over: contract.Duration(flags.over)}
}

func (s *session) close(ctx context.Context, flags *closeFlags, args []string) error {
	asker, err := s.asker(ctx, flags.asker)
	if err != nil {
		return err
	}
	gw, pods, err := s.choose(ctx, args, flags.selector.pod)
	if err != nil {
		return err
	}
	counts, errs := s.count(ctx, pods, flags.count())
	failed := s.failures(errs)
	total := 0
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		fmt.Fprintln(s.Out, "no connection fits")
		return failed
	}
	if flags.dryRun {
		return failed
	}
	yes, err := s.confirm(flags.asker, fmt.Sprintf("Close %s on %s of %s/%s? Clients may connect again at once.",
		text.Count(total, "connection"), text.Count(len(counts), "pod"), gw.Namespace, gw.Name))
	if err != nil {
		return err
	}
	if !yes {
		fmt.Fprintln(s.Err, "nothing was closed")
		return exit.ErrProblems
	}
	request := flags.count()
	request.Asker, request.DryRun = asker, false
	if err := s.closeAll(ctx, counts, *request); err != nil {
		return err
	}
	return failed
}

// count asks each pod how many connections fit, and prints it.
func (s *session) count(ctx context.Context, pods []types.NamespacedName, count *control.CloseRequest) (map[types.NamespacedName]int, []error) {
	answers := ask.Each(ctx, pods, func(ctx context.Context, pod types.NamespacedName) (*control.CloseAnswer, error) {
		return s.pods.CloseConnections(ctx, pod, count)
	})
	counts := map[types.NamespacedName]int{}
	table := text.NewTable("POD", "ROUTE", ">CONNECTIONS")
	var errs []error
	for _, answer := range answers {
		if answer.Err != nil {
			errs = append(errs, answer.Err)
			continue
		}
		if answer.Value.Matched > 0 {
			counts[answer.Pod] = answer.Value.Matched
		}
		for _, route := range slices.Sorted(maps.Keys(answer.Value.Routes)) {
			table.Row(answer.Pod.Name, route, fmt.Sprint(answer.Value.Routes[route]))
		}
	}
	if table.Len() > 0 {
		fmt.Fprint(s.Out, table)
	}
	return counts, errs
}

func (s *session) closeAll(ctx context.Context, counts map[types.NamespacedName]int, request control.CloseRequest) error {
	pods := slices.SortedFunc(maps.Keys(counts), func(a, b types.NamespacedName) int { return strings.Compare(a.Name, b.Name) })
	answers := ask.Each(ctx, pods, func(ctx context.Context, pod types.NamespacedName) (*control.CloseAnswer, error) {
		request := request
		request.AtMost = counts[pod]
		return s.pods.CloseConnections(ctx, pod, &request)
	})
	var errs []error
	closed := 0
	for _, answer := range answers {
		if answer.Err != nil {
			errs = append(errs, fmt.Errorf("closed nothing: %w", answer.Err))
			continue
		}
		closed += answer.Value.Matched
	}
	fmt.Fprintf(s.Out, "%s told to end, claimed by %s\n", text.Count(closed, "connection"), text.Printable(request.ClaimedBy))
	return s.failures(errs)
}
