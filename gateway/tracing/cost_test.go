// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package tracing_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/tracing"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// untraced is a handshake where tracing is off.
func untraced(t testing.TB, now time.Time, header http.Header, result *tracing.Result, ending *tracing.Ending) {
	t.Helper()
	var off *tracing.Tracer
	h := off.Begin(t.Context(), now, header)
	h.Authenticated(now, now, "jwt", "")
	upstream := h.Upstream(now)
	upstream.Propagate(header)
	upstream.End(now, "echo:80", "10.0.0.7:8080", "")
	h.End(now, result)
	off.Closed(t.Context(), h.Mark(), ending)
	if h.Recorded() || h.TraceID() != "" {
		t.Error("what is off records")
	}
}

func TestTracingThatIsOffCostsNothingAndChangesNothing(t *testing.T) {
	header := fromClient("01")
	result, ending, now := &tracing.Result{}, &tracing.Ending{}, time.Now()
	if got := testing.AllocsPerRun(100, func() { untraced(t, now, header, result, ending) }); got != 0 {
		t.Errorf("%v allocations, want none", got)
	}
	if header.Get("Traceparent") != fromClient("01").Get("Traceparent") || header.Get("Tracestate") == "" {
		t.Errorf("the client's context has changed: %v", header)
	}
	var off *tracing.Tracer
	off.Move(contract.Endpoints{})
	off.Close(t.Context())
	if !off.Is(nil, nil) || off.Is(&contract.Tracing{}, nil) {
		t.Error("what is off is not what is asked for when nothing is")
	}
}

// Nearly all handshakes are not recorded: a place in a trace is all that is made for
// them.
func TestAHandshakeThatIsNotRecordedCostsFewAllocations(t *testing.T) {
	none := 0.0
	tracer, _ := tracer(t, wstest.Collect(t), contract.Tracing{Ratio: &none}, &fates{})
	header, now, result := http.Header{}, time.Now(), &tracing.Result{}
	if got := testing.AllocsPerRun(100, func() {
		h := tracer.Begin(t.Context(), now, header)
		h.Authenticated(now, now, "jwt", "")
		upstream := h.Upstream(now)
		upstream.Propagate(header)
		upstream.End(now, "echo:80", "10.0.0.7:8080", "")
		h.End(now, result)
	}); got > 8 { // four, and what the exporter does meanwhile
		t.Errorf("%v allocations", got)
	}
	if header.Get("Traceparent") == "" {
		t.Error("the backend is told nothing")
	}
}

func BenchmarkHandshake(b *testing.B) {
	for name, ratio := range map[string]float64{"unsampled": 0, "sampled": 1} {
		b.Run(name, func(b *testing.B) {
			config := contract.Tracing{Ratio: &ratio}
			tracer, _ := tracer(b, wstest.Collect(b), config, &fates{})
			header, now := http.Header{}, time.Now()
			b.ReportAllocs()
			for b.Loop() {
				h := tracer.Begin(b.Context(), now, header)
				h.Authenticated(now, now, "jwt", "")
				upstream := h.Upstream(now)
				upstream.Propagate(header)
				upstream.End(now, "echo:80", "10.0.0.7:8080", "")
				h.End(now, &tracing.Result{Status: http.StatusSwitchingProtocols})
			}
		})
	}
}
