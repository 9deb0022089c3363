//go:build bench

// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/test/bench/load"
)

func TestMain(m *testing.M) {
	if aim := os.Getenv(targetVariable); aim != "" {
		var target load.Target
		err := json.Unmarshal([]byte(aim), &target)
		if err == nil {
			err = load.Serve(context.Background(), target, os.Stdin, os.Stdout)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestSideBySide prints the comparison, and writes it to the files that
// WSGATEWAY_BENCH_OUT names without their endings.
func TestSideBySide(t *testing.T) {
	runtime.LockOSThread()
	e := full()
	if os.Getenv("WSGATEWAY_BENCH") == "quick" {
		e = quick()
	}
	h, err := haproxy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n, err := nginx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := &comparison{scene: newScene(t), effort: e, contenders: []*contender{ours("this checkout"), h, n}}
	report := c.run()
	if err := report.Table(os.Stdout, c.names()); err != nil {
		t.Fatal(err)
	}
	if out := os.Getenv("WSGATEWAY_BENCH_OUT"); out != "" {
		if err := report.save(strings.TrimSuffix(out, ".json"), c.names()); err != nil {
			t.Fatal(err)
		}
	}
}
