// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package plugin holds the commands that look into a cluster. Each reads its
// flags, asks, and prints; what it prints is made by the packages beside it.
package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/ask"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/live"
)

// Env is the world of a command.
type Env struct {
	In       io.Reader
	Out, Err io.Writer
	// Terminal is nil where the output is no terminal.
	Terminal live.Terminal
	// Interactive tells whether somebody can answer a question on In.
	Interactive bool
	Open        cluster.Opener
	Now         func() time.Time
	// Version of this program.
	Version string
}

// Commands are those that need a cluster. audit tail is not among them: its
// parent also has a command that needs none.
func Commands(env *Env) []*cobra.Command {
	return []*cobra.Command{
		newStatus(env), newConnections(env), newTop(env), newClose(env), newDrain(env), newRotate(env), newCollect(env),
	}
}

// session is one command at work.
type session struct {
	*Env
	cluster *cluster.Cluster
	pods    *ask.Pods
}

func (e *Env) begin(flags *cluster.Flags) (*session, error) {
	c, err := e.Open(flags)
	if err != nil {
		return nil, err
	}
	return &session{Env: e, cluster: c, pods: ask.New(c.Dialer)}, nil
}

func (s *session) end() { s.pods.Close() }

// work is how every command runs: check looks at the flags before anything is asked,
// then do has the cluster.
func (e *Env) work(
	flags *cluster.Flags, check func(args []string) error, do func(ctx context.Context, s *session, args []string) error,
) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(args); err != nil {
			return err
		}
		s, err := e.begin(flags)
		if err != nil {
			return err
		}
		defer s.end()
		return do(cmd.Context(), s, args)
	}
}

// gateway is the one that is named, or the only one that there is.
func (s *session) gateway(ctx context.Context, args []string) (*wsv1alpha1.WebSocketGateway, error) {
	if len(args) > 0 {
		return s.cluster.Gateway(ctx, args[0])
	}
	all, err := s.cluster.Gateways(ctx)
	if err != nil {
		return nil, err
	}
	if len(all) == 1 {
		return &all[0], nil
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no gateway in namespace %q: choose another one with -n", s.cluster.Namespace)
	}
	names := make([]string, 0, len(all))
	for i := range all {
		names = append(names, all[i].Name)
	}
	return nil, exit.Usagef("namespace %q has %d gateways: name one of %s", s.cluster.Namespace, len(all), strings.Join(names, ", "))
}

// choose is the gateway that is meant, and those of its pods that can be asked: all,
// or the one of --pod.
func (s *session) choose(ctx context.Context, args []string, only string) (*wsv1alpha1.WebSocketGateway, []types.NamespacedName, error) {
	gw, err := s.gateway(ctx, args)
	if err != nil {
		return nil, nil, err
	}
	pods, err := s.running(ctx, gw, only)
	return gw, pods, err
}

// running are the pods of a gateway that can be asked: all, or the one of --pod.
func (s *session) running(ctx context.Context, gw *wsv1alpha1.WebSocketGateway, only string) ([]types.NamespacedName, error) {
	pods, err := s.cluster.Pods(ctx, client.ObjectKeyFromObject(gw))
	if err != nil {
		return nil, err
	}
	names := cluster.Running(pods)
	if only != "" {
		names = slices.DeleteFunc(names, func(name types.NamespacedName) bool { return name.Name != only })
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("gateway %s/%s has no running pod%s: \"status %s -n %s\" says why",
			gw.Namespace, gw.Name, named(only), gw.Name, gw.Namespace)
	}
	return names, nil
}

func named(pod string) string {
	if pod == "" {
		return ""
	}
	return fmt.Sprintf(" %q", pod)
}

// failures prints what went wrong with single pods; it answers exit.ErrProblems
// if anything did.
func (s *session) failures(errs []error) error {
	for _, err := range errs {
		fmt.Fprintf(s.Err, "! %v\n", err)
	}
	if len(errs) > 0 {
		return exit.ErrProblems
	}
	return nil
}

func atMostOneGateway(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return exit.Usagef("unexpected %q: name one gateway; %q shows examples", args[1], cmd.CommandPath()+" --help")
	}
	return nil
}

// Forms of output.
const (
	formText = "text"
	formWide = "wide"
	formJSON = "json"
	formYAML = "yaml"
)

// outputFlag adds -o.
func outputFlag(cmd *cobra.Command, forms ...string) *string {
	form := cmd.Flags().StringP("output", "o", formText, "form of the output: "+strings.Join(forms, ", "))
	complete(cmd, "output", forms...)
	check := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(forms, *form) {
			return exit.Usagef("--output %s: it is one of %s", *form, strings.Join(forms, ", "))
		}
		if check != nil {
			return check(cmd, args)
		}
		return nil
	}
	return form
}

// write prints a value as JSON or YAML.
func write(to io.Writer, form string, value any) error {
	if form == formYAML {
		data, err := yaml.Marshal(value)
		if err != nil {
			return fmt.Errorf("encode the output: %w", err)
		}
		_, err = to.Write(data)
		return err
	}
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
