// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
)

// completionPatience bounds what a press of the tab key may wait for.
const completionPatience = 3 * time.Second

type completer = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective)

// complete offers fixed words for a flag.
func complete(cmd *cobra.Command, flag string, words ...string) {
	// It fails for a flag that does not exist or was registered before: both
	// would show in the test that walks the commands.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// gatewayNames offers the gateways of the namespace as the first argument.
func (e *Env) gatewayNames(flags *cluster.Flags) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return e.offer(cmd, flags, func(ctx context.Context, s *session) []string {
			var names []string
			all, err := s.cluster.Gateways(ctx)
			for i := 0; err == nil && i < len(all); i++ {
				names = append(names, all[i].Name)
			}
			return names
		})
	}
}

// partsOf offers names out of the spec of the gateway of the command line.
func (e *Env) partsOf(flags *cluster.Flags, names func(*wsv1alpha1.WebSocketGatewaySpec) []string) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return e.offer(cmd, flags, func(ctx context.Context, s *session) []string {
			gw, err := s.gateway(ctx, args)
			if err != nil {
				return nil
			}
			return names(&gw.Spec)
		})
	}
}

// podNames offers the pods of one gateway, or of all where none is named.
func (e *Env) podNames(flags *cluster.Flags, ofGateway bool) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if !ofGateway && len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return e.offer(cmd, flags, func(ctx context.Context, s *session) []string {
			all, err := s.cluster.Gateways(ctx)
			var names []string
			for i := 0; err == nil && i < len(all); i++ {
				if ofGateway && len(args) > 0 && args[0] != all[i].Name {
					continue
				}
				pods, _ := s.cluster.Pods(ctx, client.ObjectKeyFromObject(&all[i]))
				for j := range pods {
					names = append(names, pods[j].Name)
				}
			}
			return names
		})
	}
}

func (e *Env) offer(
	cmd *cobra.Command, flags *cluster.Flags, find func(context.Context, *session) []string,
) ([]cobra.Completion, cobra.ShellCompDirective) {
	s, err := e.begin(flags)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer s.end()
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	return find(ctx, s), cobra.ShellCompDirectiveNoFileComp
}

func routeNames(spec *wsv1alpha1.WebSocketGatewaySpec) (names []string) {
	for i := range spec.Routes {
		names = append(names, spec.Routes[i].Name)
	}
	return names
}

func policyNames(spec *wsv1alpha1.WebSocketGatewaySpec) (names []string) {
	for i := range spec.AuthPolicies {
		names = append(names, spec.AuthPolicies[i].Name)
	}
	return names
}

func listenerNames(spec *wsv1alpha1.WebSocketGatewaySpec) (names []string) {
	for i := range spec.Listeners {
		names = append(names, spec.Listeners[i].Name)
	}
	return names
}
