// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/metrics"
)

// owner is whose name a series carries; empty for those that count.
func owner(series string) string {
	for _, label := range []string{"route", "listener", "sink"} {
		if strings.Contains(series, "{"+label+`="`) || strings.Contains(series, ","+label+`="`) {
			return label
		}
	}
	return ""
}

// TestAGatewayWithEverythingOnHasFewSeries serves, refuses and traces, and looks
// at what a scraper has to store of it.
func TestAGatewayWithEverythingOnHasFewSeries(t *testing.T) {
	t.Parallel()
	g := startTraced(t, traced(1))
	if err := echoOnce(g.enter(t, "ann")); err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{
		request("Origin: https://evil.example"), request(), strings.Replace(request(), "GET /chat", "GET /elsewhere", 1),
		strings.Replace(request(), "GET ", "PUT ", 1), strings.Replace(request(), "websocket", "h2c", 1),
		strings.Replace(request(), "Version: 13", "Version: 8", 1), strings.Replace(request(), "Host: ws.example.com", "Host: other.example.com", 1),
	} {
		g.ask(t, "ws.example.com", raw)
	}
	g.awaited(t, "GET /chat", 3)
	known := map[string]bool{}
	for _, m := range metrics.Catalogue() {
		known[m.Name] = true
		if m.Type == "histogram" || m.Type == "summary" {
			known[m.Name+"_bucket"], known[m.Name+"_sum"], known[m.Name+"_count"] = true, true, true
		}
	}
	_, _, text := g.get(t, "/metrics")
	counts := map[string]int{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, _, _ := strings.Cut(line, "{")
		name, _, _ = strings.Cut(name, " ")
		if !known[name] {
			t.Errorf("%s is not in the catalogue", name)
		}
		counts[owner(line)]++
	}
	if got := counts[""]; got > metrics.MaxSeries || got < metrics.MaxSeries/2 {
		t.Errorf("%d series, want at most %d, and most of what there can be", got, metrics.MaxSeries)
	}
	for who, want := range map[string]int{"route": 4, "listener": 4, "sink": 4} {
		if counts[who] != want {
			t.Errorf("%d series for the one %s, want %d", counts[who], who, want)
		}
	}
	t.Logf("%d series, of at most %d, besides those of routes, listeners and sinks", counts[""], metrics.MaxSeries)
}
