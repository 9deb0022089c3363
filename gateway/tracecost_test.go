// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// maxTracingRatio is what tracing may cost at the ratio that it has by default.
const maxTracingRatio = 1.03

// BenchmarkHandshakeTraced compares what a connection costs a gateway that traces
// one in a hundred, and one that traces all, with what it costs one that traces
// none: as in BenchmarkHandshakeWithToken, in processes of their own that take
// turns. It fails when the first costs more than maxTracingRatio.
func BenchmarkHandshakeTraced(b *testing.B) {
	const rounds, each = 31, 200
	ca, echo, collector := wstest.NewCA(b), wstest.Echo(b), wstest.Collect(b)
	gateways := map[string]*alone{}
	for name, tracing := range map[string]*contract.Tracing{
		"off": nil, "default": {}, "all": {Ratio: new(1.0)},
	} {
		config, root := baseConfig(), wstest.NewRoot(b)
		if tracing != nil {
			tracing.OTLP.Backend = otelCollector
			config.Tracing = tracing
		}
		reachable := endpoints(echo.Address)
		reachable.Backends[otelCollector] = contract.BackendEndpoints{Addresses: []string{collector.Address}}
		root.TLSSecret(b, "public-tls", ca.Issue(b, "ws.example.com", "*.chat.example.com"))
		root.Config(b, config, reachable)
		gateways[name] = startAlone(b, root.Path)
		gateways[name].cost(b, ca.Pool, on("/chat"), each)
	}
	costs := map[string][]float64{}
	for b.Loop() {
		for range rounds {
			for _, name := range []string{"off", "default", "all"} {
				costs[name] = append(costs[name], gateways[name].cost(b, ca.Pool, on("/chat"), each))
			}
		}
	}
	b.ReportMetric(median(slices.Clone(costs["off"])), "off-µs")
	// The machine may be slower in some rounds: each is compared with itself.
	ratios := map[string]float64{}
	for _, name := range []string{"default", "all"} {
		var each []float64
		for round, off := range costs["off"] {
			each = append(each, costs[name][round]/off)
		}
		ratios[name] = median(each)
		b.ReportMetric(ratios[name], fmt.Sprint(name, "-ratio"))
	}
	if len(collector.Spans()["GET /chat"]) == 0 {
		b.Error("nothing was traced")
	}
	if ratios["default"] > maxTracingRatio {
		b.Errorf("a connection costs %.3f of one where nothing is traced, more than %.2f", ratios["default"], maxTracingRatio)
	}
}
