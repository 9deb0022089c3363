// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

func TestArgumentsThatCannotWorkAreRefusedWithTheNextStep(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		says string
		code int
	}{
		"a gateway without namespace":   {[]string{"--gateway", "edge"}, "NAMESPACE/NAME", 2},
		"a gateway with too many parts": {[]string{"--gateway", "a/b/c"}, "NAMESPACE/NAME", 2},
		"an unknown log level":          {[]string{"--log-level", "loud"}, "use debug, info, warn or error", 2},
		"a window of nothing":           {[]string{"--drain-window", "0s"}, "must be positive", 2},
		"an argument too many":          {[]string{"serve"}, `"serve"`, 2},
		"an unknown flag":               {[]string{"--frobnicate"}, "frobnicate", 2},
		"a file that does not exist":    {[]string{"--check", "/nonexistent/config.json"}, "/nonexistent/config.json", 1},
		"a control port for everybody":  {[]string{"--root", t.TempDir(), "--admin-address", "", "--control-address", "0.0.0.0:0"}, "loopback", 1},
	} {
		var stdout, stderr bytes.Buffer
		err := run(t.Context(), test.args, &stdout, &stderr)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
		if code := exitCode(err); code != test.code || strings.Contains(stderr.String(), "Usage") {
			t.Errorf("%s: exit code %d, want %d; standard error %q", name, code, test.code, stderr.String())
		}
	}
	var help bytes.Buffer
	err := run(t.Context(), []string{"--help"}, &bytes.Buffer{}, &help)
	if !errors.Is(err, flag.ErrHelp) || exitCode(err) != 0 || !strings.Contains(help.String(), "drain-window") {
		t.Errorf("--help: %v, %q", err, help.String())
	}
}

func TestCheckAndVersionAnswerWithoutServing(t *testing.T) {
	t.Parallel()
	good, err := contract.Encode(contract.Config{Version: contract.Version, Gateway: contract.GatewayRef{Namespace: "default", Name: "edge"}})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, test := range map[string]struct {
		data []byte
		good bool
	}{"good.json": {good, true}, "bad.json": {[]byte(`{"version":1,"unknown":1}`), false}} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, test.data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := run(t.Context(), []string{"--check", path}, &bytes.Buffer{}, &bytes.Buffer{}); (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	var stdout bytes.Buffer
	if err := run(t.Context(), []string{"--version"}, &stdout, &bytes.Buffer{}); err != nil || stdout.String() != "dev\n" {
		t.Errorf("--version: %q %v", stdout.String(), err)
	}
}

func TestAPodThatIsToldToStopEndsWithoutAnError(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var stdout, stderr bytes.Buffer
	err := run(ctx, []string{
		"--root", t.TempDir(), "--gateway", "default/edge", "--admin-address", "127.0.0.1:0", "--control-address", "127.0.0.1:0", "--drain-window", "1s",
	}, &stdout, &stderr)
	if err != nil || !strings.Contains(stderr.String(), `"stopping"`) {
		t.Errorf("%v; log %s", err, stderr.String())
	}
}
