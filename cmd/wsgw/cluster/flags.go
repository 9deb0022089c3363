// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package cluster is the way to a cluster, as kubectl goes it: by a kubeconfig,
// as the user of that kubeconfig, and to the ports of pods through the API
// server.
package cluster

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/tools/clientcmd"
)

// Flags choose the cluster, the user and the namespace. They have kubectl's names
// and meanings.
type Flags struct {
	rules     *clientcmd.ClientConfigLoadingRules
	overrides clientcmd.ConfigOverrides
	// AllNamespaces is set by -A, for commands that have it.
	AllNamespaces bool
}

// shown are the flags that help texts list. kubectl hides them all; the ones that
// people use are worth their line.
func shown() []string {
	return []string{"kubeconfig", "context", "namespace", "as", "request-timeout"}
}

// Bind adds the flags to a command.
func Bind(cmd *cobra.Command) *Flags {
	flags := &Flags{rules: clientcmd.NewDefaultClientConfigLoadingRules()}
	names := clientcmd.RecommendedConfigOverrideFlags("")
	// API servers have had no passwords since 1.19.
	names.AuthOverrideFlags.Username.LongName, names.AuthOverrideFlags.Password.LongName = "", ""
	names.ContextOverrideFlags.Namespace.Description = "namespace to look in"
	names.CurrentContext.Description = "context of the kubeconfig to use"
	names.AuthOverrideFlags.Impersonate.Description = "user to act as"
	names.Timeout.Description = "how long to wait for one answer of the API server; 0 for as long as it takes"
	var own cobra.Command
	own.Flags().StringVar(&flags.rules.ExplicitPath, "kubeconfig", "", "kubeconfig file to use")
	clientcmd.BindOverrideFlags(&flags.overrides, own.Flags(), names)
	own.Flags().VisitAll(func(flag *pflag.Flag) { flag.Hidden = !slices.Contains(shown(), flag.Name) })
	cmd.Flags().AddFlagSet(own.Flags())
	return flags
}

// BindAll adds -A too.
func BindAll(cmd *cobra.Command) *Flags {
	flags := Bind(cmd)
	cmd.Flags().BoolVarP(&flags.AllNamespaces, "all-namespaces", "A", false, "look in all namespaces")
	return flags
}

func (f *Flags) config() clientcmd.ClientConfig {
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(f.rules, &f.overrides)
}
