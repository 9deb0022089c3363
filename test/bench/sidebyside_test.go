//go:build bench

// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
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
// WSGATEWAY_BENCH_OUT names without their endings. Parts that are measured alone
// (WSGATEWAY_BENCH_PARTS) join an earlier report there.
func TestSideBySide(t *testing.T) {
	runtime.LockOSThread()
	all, chosen := full(), os.Getenv("WSGATEWAY_BENCH_PARTS")
	if os.Getenv("WSGATEWAY_BENCH") == "quick" {
		all = quick()
	}
	rounds, err := strconv.Atoi(cmp.Or(os.Getenv("WSGATEWAY_BENCH_ROUNDS"), "0"))
	if err != nil {
		t.Fatal(err)
	}
	parts, err := choose(all, chosen, rounds)
	if err != nil {
		t.Fatal(err)
	}
	c := &comparison{scene: newScene(t), contenders: against(t), parts: parts, progress: os.Stderr}
	c.profiles = os.Getenv("WSGATEWAY_BENCH_PROFILES")
	report, out := c.run(), os.Getenv("WSGATEWAY_BENCH_OUT")
	if chosen != "" && out != "" {
		earlier, err := read(out + ".json")
		if err == nil && earlier != nil {
			err = report.Merge(earlier)
		}
		if err != nil {
			// What took minutes to measure is not thrown away.
			out += ".parts"
			t.Errorf("%s.json: %v; these figures are in %[1]s.parts.*", strings.TrimSuffix(out, ".parts"), err)
		}
	}
	if err := report.Table(os.Stdout); err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprintf(os.Stdout, "%d rows are above what they must be\n", report.missed())
	if out != "" {
		if err := report.save(out); err != nil {
			t.Fatal(err)
		}
	}
}

// against are the contenders: ours relays frames; WSGATEWAY_BENCH_MESSAGES adds the
// relay of whole messages.
func against(t *testing.T) []*contender {
	t.Helper()
	version := cmp.Or(os.Getenv("WSGATEWAY_BENCH_VERSION"), "this checkout")
	out := []*contender{ours("gateway", version, contract.RelayFrames)}
	for _, other := range []func(context.Context) (*contender, error){haproxy, nginx} {
		who, err := other(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, who)
	}
	if os.Getenv("WSGATEWAY_BENCH_MESSAGES") != "" {
		out = append(out, ours("gateway, Messages", version, ""))
	}
	return out
}
