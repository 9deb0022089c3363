// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/live"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/text"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

type drainFlags struct {
	cluster *cluster.Flags
	asker   *askerFlags
	undo    bool
	wait    bool
	window  time.Duration
	lasting time.Duration
}

func newDrain(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drain POD",
		Short: "Empty one gateway pod without ending it, or take that back",
		Long: `drain does to one pod what its end would do, and leaves it running: it becomes
unready, refuses newcomers after a few seconds, and closes its connections with
code 1012 spread over the drain window. It stays unready until --undo, until the time
of --for is over, or until it is replaced; the status of the gateway counts a pod
less. For a pod that is drained already, --for says how long from now on.

Use it to look at a pod in peace, or before deleting it. A node is drained with
kubectl drain, which needs nothing of this.

Exit status: 0 it was done, 1 it could not be done, or the answer was no, 2 the
command line is wrong.`,
		Example: `  wsgw drain -n chat wsgw-edge-7d9c5b6f4-x2x8v --wait
  wsgw drain -n chat wsgw-edge-7d9c5b6f4-x2x8v --window 10m --for 4h --reason 'memory profile' --yes
  wsgw drain -n chat wsgw-edge-7d9c5b6f4-x2x8v --undo`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return exit.Usagef("name one pod, not %d; %q shows examples", len(args), cmd.CommandPath()+" --help")
			}
			return nil
		},
	}
	flags := &drainFlags{cluster: cluster.Bind(cmd)}
	flags.asker = bindAsker(cmd)
	f := cmd.Flags()
	f.BoolVar(&flags.undo, "undo", false, "let the pod accept connections again")
	f.BoolVar(&flags.wait, "wait", false, "wait until no connection is left")
	f.DurationVar(&flags.window, "window", 0, "time over which connections are closed (default the gateway's drain window)")
	f.DurationVar(&flags.lasting, "for", 0, fmt.Sprintf("time after which the pod accepts again by itself, from the end of the window on (default %s)", control.DefaultDrainFor))
	cmd.ValidArgsFunction = env.podNames(flags.cluster, false)
	cmd.RunE = env.work(flags.cluster,
		func([]string) error { return flags.check() },
		func(ctx context.Context, s *session, args []string) error { return s.drain(ctx, flags, args[0]) })
	return cmd
}

func (flags *drainFlags) check() error {
	switch {
	case flags.undo && (flags.wait || flags.window != 0 || flags.lasting != 0):
		return exit.Usagef("--undo: none of --wait, --window and --for means anything with it")
	case flags.window < 0 || flags.window > control.MaxSpread:
		return exit.Usagef("--window %s: it is at most %s", flags.window, control.MaxSpread)
	case flags.lasting < 0 || flags.lasting > control.MaxDrainFor:
		return exit.Usagef("--for %s: it is at most %s", flags.lasting, control.MaxDrainFor)
	}
	return nil
}

func (s *session) drain(ctx context.Context, flags *drainFlags, name string) error {
	asker, err := s.asker(ctx, flags.asker)
	if err != nil {
		return err
	}
	pod, err := s.gatewayPod(ctx, name)
	if err != nil {
		return err
	}
	if !flags.undo {
		state, err := s.pods.State(ctx, pod)
		if err != nil {
			return err
		}
		yes, err := s.confirm(flags.asker, fmt.Sprintf("Drain pod %s, which has %s? It stays unready for %s, or until \"drain --undo\".",
			name, text.Count(state.Traffic.Connections, "connection"), text.Span(cmp.Or(flags.lasting, control.DefaultDrainFor))))
		if err != nil {
			return err
		}
		if !yes {
			fmt.Fprintln(s.Err, "nothing was done")
			return exit.ErrProblems
		}
	}
	answer, err := s.pods.Drain(ctx, pod, &control.DrainRequest{
		Asker: asker, Undo: flags.undo, Window: contract.Duration(flags.window), For: contract.Duration(flags.lasting),
	})
	if err != nil {
		return err
	}
	s.tell(name, answer)
	if flags.wait {
		return s.drained(ctx, pod, *answer)
	}
	return nil
}

// gatewayPod makes sure that it is one: another pod may have a port 19001 too,
// and would be asked something that it does not expect.
func (s *session) gatewayPod(ctx context.Context, name string) (types.NamespacedName, error) {
	key := types.NamespacedName{Namespace: s.cluster.Namespace, Name: name}
	pod := &corev1.Pod{}
	err := s.cluster.Objects.Get(ctx, key, pod)
	switch {
	case apierrors.IsNotFound(err):
		return key, fmt.Errorf("no pod %q in namespace %q: choose another namespace with -n", name, key.Namespace)
	case err != nil:
		return key, fmt.Errorf("get pod %s: %w", key, err)
	case pod.Labels[render.GatewayLabel] == "":
		return key, fmt.Errorf("pod %s is no gateway pod: it has no label %s", key, render.GatewayLabel)
	case pod.Status.Phase != corev1.PodRunning:
		return key, fmt.Errorf("pod %s is %s: there is nothing to drain", key, pod.Status.Phase)
	}
	return key, nil
}

func (s *session) tell(name string, d *control.Drain) {
	if d.State == control.DrainNone {
		fmt.Fprintf(s.Out, "pod %s accepts connections\n", name)
		return
	}
	until := ""
	if d.Until != nil { // pods of a release before know of no end
		until = ", until " + d.Until.UTC().Format(time.RFC3339)
	}
	fmt.Fprintf(s.Out, "pod %s: drain %s, %s left%s\n", name, d.State, text.Count(d.Connections, "connection"), until)
}

var errDrained = errors.New("drained")

// drained waits, and tells when something has changed since what was told last.
func (s *session) drained(ctx context.Context, pod types.NamespacedName, last control.Drain) error {
	err := live.Every(ctx, time.Second, func(ctx context.Context) error {
		state, err := s.pods.State(ctx, pod)
		if err != nil {
			return err
		}
		now := state.Drain
		now.Connections = state.Traffic.Connections
		if now.State != last.State || now.Connections != last.Connections {
			s.tell(pod.Name, &now)
		}
		last = now
		switch now.State {
		case control.DrainDone:
			return errDrained
		case control.DrainNone:
			return fmt.Errorf("pod %s: the drain was taken back, or its time is over", pod.Name)
		case control.DrainAnnounced, control.DrainClosing:
		}
		return nil
	})
	if errors.Is(err, errDrained) {
		return nil
	}
	if err == nil {
		return fmt.Errorf("pod %s: interrupted while %s; the drain goes on", pod.Name, text.Count(last.Connections, "connection"))
	}
	return err
}
