// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// maxTracingRatio is what tracing may cost at the ratio that it has by default.
const maxTracingRatio = 1.03

// tracedRounds takes a gateway through configurations that trace more and more.
type tracedRounds struct {
	*alone
	root      *wstest.Root
	ca        *wstest.CA
	echo      *wstest.Upstream
	reachable contract.Endpoints
}

// trace brings a configuration into force, and knows that it is by what the
// backend is told.
func (r *tracedRounds) trace(b *testing.B, tracing *contract.Tracing, flags string) {
	b.Helper()
	config := baseConfig()
	config.Tracing = tracing
	r.root.Config(b, config, r.reachable)
	for deadline := time.Now().Add(10 * time.Second); ; {
		r.cost(b, r.ca.Pool, on("/chat"), 1)
		requests := r.echo.Requests()
		if told := requests[len(requests)-1].Header.Get("Traceparent"); (told == "") == (flags == "") && strings.HasSuffix(told, flags) {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("a configuration is not in force whose flags are %q", flags)
		}
	}
}

// undisturbed is what rounds cost that nothing else on the machine made dearer, as
// caches that are shared do: the best tenth of them.
func undisturbed(costs []float64) float64 {
	slices.Sort(costs)
	return costs[len(costs)/10]
}

// BenchmarkHandshakeTraced compares what a connection costs a gateway that traces
// one in a hundred, and one that traces all, with what it costs when it traces
// none: as in BenchmarkHandshakeWithToken, in one process whose configuration
// changes from round to round, since two processes differ by more than tracing
// does. It fails when the first costs more than maxTracingRatio.
func BenchmarkHandshakeTraced(b *testing.B) {
	const rounds, each = 31, 200
	collector := wstest.Collect(b)
	r := &tracedRounds{root: wstest.NewRoot(b), ca: wstest.NewCA(b), echo: wstest.Echo(b)}
	r.reachable = endpoints(r.echo.Address)
	r.reachable.Backends[otelCollector] = contract.BackendEndpoints{Addresses: []string{collector.Address}}
	r.root.TLSSecret(b, "public-tls", r.ca.Issue(b, "ws.example.com", "*.chat.example.com"))
	r.root.Config(b, baseConfig(), r.reachable)
	r.alone = startAlone(b, r.root.Path)
	to := contract.OTLP{Backend: otelCollector}
	kinds := []struct {
		tracing *contract.Tracing
		flags   string
	}{{nil, ""}, {&contract.Tracing{OTLP: to}, "-00"}, {&contract.Tracing{OTLP: to, Ratio: new(1.0)}, "-01"}}
	var off, usual, all []float64
	for b.Loop() {
		for range rounds {
			var costs []float64
			for _, kind := range kinds {
				r.trace(b, kind.tracing, kind.flags)
				costs = append(costs, r.cost(b, r.ca.Pool, on("/chat"), each))
			}
			off, usual, all = append(off, costs[0]), append(usual, costs[1]), append(all, costs[2])
		}
	}
	ratio := undisturbed(usual) / undisturbed(off)
	b.ReportMetric(undisturbed(off), "off-µs")
	b.ReportMetric(ratio, "default-ratio")
	b.ReportMetric(undisturbed(all)/undisturbed(off), "all-ratio")
	if len(collector.Spans()["GET /chat"]) == 0 {
		b.Error("nothing was traced")
	}
	if ratio > maxTracingRatio {
		b.Errorf("a connection costs %.3f of one where nothing is traced, more than %.2f", ratio, maxTracingRatio)
	}
}
