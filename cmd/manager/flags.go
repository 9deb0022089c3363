// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/wsgateway/websocket-gateway-operator/controllers"
)

// settings is the command line, checked.
type settings struct {
	gatewayImage       string
	gatewayPullPolicy  corev1.PullPolicy
	gatewayPullSecrets []string
	leaderElect        bool
	leaderNamespace    string
	metricsAddress     string
	healthAddress      string
	namespaces         []string
	operatorNamespace  string
	metricsFrom        []*networkingv1ac.NetworkPolicyPeerApplyConfiguration
	rollouts           int
	logLevel           slog.Level
	printVersion       bool
}

// parse reads the command line. Its error is one sentence.
func parse(args []string, output io.Writer, getenv func(string) string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	// A mistake is one sentence of ours, not the whole list of flags.
	flags.SetOutput(io.Discard)
	flags.StringVar(&s.gatewayImage, "gateway-image", "", "`image` of the gateway pods (required)")
	policy := flags.String("gateway-image-pull-policy", "", "Always, IfNotPresent or Never; empty: the cluster's default")
	secrets := flags.String("gateway-image-pull-secrets", "",
		"comma-separated `names` of Secrets in the gateways' namespaces")
	flags.BoolVar(&s.leaderElect, "leader-elect", false, "work only while holding the lease, for more than one replica")
	flags.StringVar(&s.leaderNamespace, "leader-election-namespace", "",
		"`namespace` of the lease; empty: the operator's own")
	flags.StringVar(&s.metricsAddress, "metrics-bind-address", ":8443",
		"`address` of the metrics, served by TLS to whoever the API server lets read them; 0 serves none")
	flags.StringVar(&s.healthAddress, "health-probe-bind-address", ":8081", "`address` of /healthz and /readyz")
	namespaces := flags.String("watch-namespaces", "", "comma-separated `namespaces` to serve; empty: all")
	flags.StringVar(&s.operatorNamespace, "operator-namespace", getenv("POD_NAMESPACE"),
		"`namespace` of the operator's own pods, which gateway pods let in; default: $POD_NAMESPACE")
	metricsFrom := flags.String("metrics-from", "",
		"`JSON` list of NetworkPolicy peers that may read the gateway pods' metrics")
	flags.IntVar(&s.rollouts, "max-concurrent-rollouts", controllers.DefaultConcurrentRollouts,
		"`number` of gateways that get the pods of another release at a time")
	level := flags.String("log-level", "info", "debug, info, warn or error")
	flags.BoolVar(&s.printVersion, "version", false, "print the version and exit")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(output)
		flags.Usage()
		return s, err
	} else if err != nil {
		return s, fmt.Errorf("%w; \"manager --help\" lists the flags", err)
	}
	if s.printVersion {
		return s, nil
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q: everything is set by flags", flags.Arg(0))
	}
	s.gatewayPullPolicy = corev1.PullPolicy(*policy)
	s.gatewayPullSecrets, s.namespaces = list(*secrets), list(*namespaces)
	if s.leaderNamespace == "" {
		s.leaderNamespace = s.operatorNamespace
	}
	return s, s.check(*metricsFrom, *level)
}

func (s *settings) check(metricsFrom, level string) error {
	if s.gatewayImage == "" {
		return errors.New("--gateway-image is required: name the image of the gateway pods")
	}
	switch s.gatewayPullPolicy {
	case "", corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever:
	default:
		return fmt.Errorf("--gateway-image-pull-policy %q is none of Always, IfNotPresent and Never", s.gatewayPullPolicy)
	}
	if s.leaderElect && s.leaderNamespace == "" {
		return errors.New("--leader-elect needs --leader-election-namespace, --operator-namespace or $POD_NAMESPACE")
	}
	if err := s.logLevel.UnmarshalText([]byte(level)); err != nil {
		return fmt.Errorf("--log-level %q is none of debug, info, warn and error", level)
	}
	if s.rollouts < 1 {
		return fmt.Errorf("--max-concurrent-rollouts %d: it is 1 or more", s.rollouts)
	}
	for _, namespace := range s.namespaces {
		if len(validation.IsDNS1123Label(namespace)) > 0 {
			return fmt.Errorf("--watch-namespaces: %q can be no namespace: give names, separated by commas", namespace)
		}
	}
	if metricsFrom != "" {
		decoder := json.NewDecoder(strings.NewReader(metricsFrom))
		// A misspelt selector would let in everybody.
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&s.metricsFrom); err != nil {
			return fmt.Errorf("--metrics-from is not a JSON list of NetworkPolicy peers: %w", err)
		}
	}
	return nil
}

func list(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
