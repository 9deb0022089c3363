// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/inspect"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/live"
)

type statusFlags struct {
	cluster  *cluster.Flags
	form     *string
	exitCode bool
	watch    bool
	interval time.Duration
	askPods  bool
}

// Statuses are the reports of several gateways. The JSON form is API.
type Statuses struct {
	Gateways []*inspect.Report `json:"gateways"`
}

func newStatus(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [GATEWAY]",
		Short: "Show a gateway with its listeners, certificates, pods, routes and problems",
		Long: `status shows what a gateway consists of and how each part fares: conditions and
addresses; listeners and their certificates, down to the CertificateRequest, Order
and Challenge that hold one up; pods, and what each of them serves; routes with
their connections and backends; revocations. Below are the problems, each with
where to look or what to do.

Pods are asked themselves, through the API server (port-forward); what they serve
is what they say. Who may not forward ports sees the rest: --ask-pods=false keeps
it from trying. No Secret is read.

Without a name all gateways of the namespace are shown. Marked with ✗ is what is
not as it should be; -o wide shows all objects and identifiers.

Exit status: 0, also if there are problems; with --exit-code 1 if a gateway is not
ready or has problems; 2 the command line is wrong.`,
		Example: `  wsgw status -n chat edge
  wsgw status -A --ask-pods=false
  wsgw status -n chat edge --watch
  wsgw status -n chat edge -o json --exit-code`,
		Args: atMostOneGateway,
	}
	flags := &statusFlags{cluster: cluster.BindAll(cmd)}
	f := cmd.Flags()
	f.BoolVar(&flags.exitCode, "exit-code", false, "end with exit status 1 if a gateway is not ready or has problems")
	f.BoolVarP(&flags.watch, "watch", "w", false, "show it again and again, until interrupted or, on a terminal, q is pressed")
	f.DurationVar(&flags.interval, "interval", 2*time.Second, "time between two looks of --watch")
	f.BoolVar(&flags.askPods, "ask-pods", true, "ask the pods what they serve")
	flags.form = outputFlag(cmd, formText, formWide, formJSON, formYAML)
	cmd.ValidArgsFunction = env.gatewayNames(flags.cluster)
	cmd.RunE = env.work(flags.cluster,
		func(args []string) error {
			if flags.cluster.AllNamespaces && len(args) > 0 {
				return exit.Usagef("a gateway's name and --all-namespaces: choose a namespace with -n")
			}
			if flags.interval < 500*time.Millisecond {
				return exit.Usagef("--interval %s: at least 500ms", flags.interval)
			}
			return nil
		},
		func(ctx context.Context, s *session, args []string) error { return s.status(ctx, flags, args) })
	return cmd
}

func (s *session) status(ctx context.Context, flags *statusFlags, args []string) error {
	look := func(ctx context.Context) (*Statuses, error) { return s.statuses(ctx, flags, args) }
	if flags.watch {
		return s.watchStatus(ctx, flags, look)
	}
	found, err := look(ctx)
	if err != nil {
		return err
	}
	if err := found.write(s.Out, *flags.form, s.Now()); err != nil {
		return err
	}
	if flags.exitCode && found.troubled() {
		return exit.ErrProblems
	}
	return nil
}

func (s *session) statuses(ctx context.Context, flags *statusFlags, args []string) (*Statuses, error) {
	var gateways []wsv1alpha1.WebSocketGateway
	if len(args) > 0 {
		gw, err := s.cluster.Gateway(ctx, args[0])
		if err != nil {
			return nil, err
		}
		gateways = append(gateways, *gw)
	} else {
		var err error
		if gateways, err = s.cluster.Gateways(ctx); err != nil {
			return nil, err
		}
	}
	found := &Statuses{Gateways: []*inspect.Report{}}
	for i := range gateways {
		facts := inspect.Gather(ctx, s.cluster, s.pods, &gateways[i], inspect.Options{AskPods: flags.askPods})
		found.Gateways = append(found.Gateways, inspect.New(facts))
	}
	// What was cut short by an interrupt must not look like a finding.
	return found, ctx.Err()
}

func (s *Statuses) troubled() bool {
	for _, one := range s.Gateways {
		if one.Ready != "True" || len(one.Problems) > 0 {
			return true
		}
	}
	return false
}

func (s *Statuses) write(to io.Writer, form string, now time.Time) error {
	if form == formJSON || form == formYAML {
		return write(to, form, s)
	}
	_, err := io.WriteString(to, s.text(form == formWide, now))
	return err
}

func (s *Statuses) text(wide bool, now time.Time) string {
	if len(s.Gateways) == 0 {
		return "no gateways found\n"
	}
	parts := make([]string, 0, len(s.Gateways))
	for _, one := range s.Gateways {
		parts = append(parts, one.Text(now, wide))
	}
	return strings.Join(parts, "\n")
}

// watchStatus draws on a terminal; elsewhere it writes what has changed, so that
// a log does not fill with what stays.
func (s *session) watchStatus(ctx context.Context, flags *statusFlags, look func(context.Context) (*Statuses, error)) error {
	if s.Terminal != nil && (*flags.form == formText || *flags.form == formWide) {
		return live.Show(ctx, live.Options{
			// Without the keys nobody could end it: the terminal sends no signals then.
			Out: s.Out, Terminal: s.Terminal, Keys: s.In, Interval: flags.interval,
			Frame: func(ctx context.Context, width, _ int) ([]string, error) {
				found, err := look(ctx)
				if err != nil {
					return nil, err
				}
				return lines(found.text(*flags.form == formWide, s.Now()), width), nil
			},
		})
	}
	last := ""
	return live.Every(ctx, flags.interval, func(ctx context.Context) error {
		found, err := look(ctx)
		if err != nil {
			return err
		}
		var out strings.Builder
		if err := found.write(&out, *flags.form, s.Now()); err != nil || out.String() == last {
			return err
		}
		last = out.String()
		_, err = fmt.Fprint(s.Out, last)
		return err
	})
}
