// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWrongUsageIsOneSentence(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		want string
	}{
		"no image":                     {nil, "--gateway-image is required"},
		"an argument":                  {[]string{"--gateway-image=i", "serve"}, `unexpected argument "serve"`},
		"an unknown flag":              {[]string{"--image=i"}, "flag provided but not defined"},
		"an unknown pull policy":       {[]string{"--gateway-image=i", "--gateway-image-pull-policy=Often"}, `"Often"`},
		"an unknown log level":         {[]string{"--gateway-image=i", "--log-level=loud"}, `"loud"`},
		"no name of a namespace":       {[]string{"--gateway-image=i", "--watch-namespaces=chat,A_b"}, `"A_b"`},
		"a lease without a namespace":  {[]string{"--gateway-image=i", "--leader-elect"}, "--leader-election-namespace"},
		"peers that are no JSON":       {[]string{"--gateway-image=i", "--metrics-from=everybody"}, "--metrics-from"},
		"no gateway rolled at a time":  {[]string{"--gateway-image=i", "--max-concurrent-rollouts=0"}, "--max-concurrent-rollouts 0"},
		"a misspelt selector of peers": {[]string{"--gateway-image=i", `--metrics-from=[{"podselector_":{}}]`}, "--metrics-from"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var output bytes.Buffer
			_, err := parse(tt.args, &output, func(string) string { return "" })
			if output.Len() > 0 {
				t.Errorf("parse(%q) writes %q besides", tt.args, output.String())
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("parse(%q) = %v, want one sentence with %q", tt.args, err, tt.want)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	got, err := parse([]string{
		"--gateway-image=example.com/gateway:1", "--gateway-image-pull-policy=Never", "--gateway-image-pull-secrets=a, b,",
		"--leader-elect", "--watch-namespaces=x,y", "--log-level=debug", "--max-concurrent-rollouts=7",
		`--metrics-from=[{"namespaceSelector":{"matchLabels":{"name":"monitoring"}}}]`,
	}, io.Discard, func(name string) string { return "value of " + name })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b"}, got.gatewayPullSecrets); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"x", "y"}, got.namespaces); diff != "" {
		t.Error(diff)
	}
	if got.operatorNamespace != "value of POD_NAMESPACE" || got.leaderNamespace != got.operatorNamespace {
		t.Errorf("namespaces %q and %q", got.operatorNamespace, got.leaderNamespace)
	}
	if got.rollouts != 7 {
		t.Errorf("%d gateways at a time", got.rollouts)
	}
	if got.logLevel != slog.LevelDebug || got.gatewayPullPolicy != "Never" {
		t.Errorf("level %v, policy %v", got.logLevel, got.gatewayPullPolicy)
	}
	if len(got.metricsFrom) != 1 || got.metricsFrom[0].NamespaceSelector.MatchLabels["name"] != "monitoring" {
		t.Errorf("peers %+v", got.metricsFrom)
	}
}

func TestVersionAndHelpNeedNothingElse(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := start(t.Context(), []string{"--version"}, &out, io.Discard); err != nil || out.String() != version+"\n" {
		t.Errorf("--version: %q, %v", out.String(), err)
	}
	var help bytes.Buffer
	if err := start(t.Context(), []string{"--help"}, io.Discard, &help); err != nil ||
		!strings.Contains(help.String(), "watch-namespaces") {
		t.Errorf("--help: %q, %v", help.String(), err)
	}
	if _, wrong := errors.AsType[usageError](start(t.Context(), nil, io.Discard, io.Discard)); !wrong {
		t.Error("a missing flag is not taken for wrong usage")
	}
}
