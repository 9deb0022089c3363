// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package tracing_test

import (
	"context"
	"errors"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"

	"github.com/wsgateway/websocket-gateway-operator/gateway/tracing"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting: %s", what)
		}
	}
}

func TestNobodyWaitsForACollectorThatDoesNotAnswerAndWhatIsLostIsCounted(t *testing.T) {
	t.Parallel()
	const handshakes = 2000 // of three spans each: more than may wait
	server, counted := wstest.Collect(t), &fates{}
	stuck := make(chan struct{})
	server.Answer(func(ctx context.Context) (*collector.ExportTraceServiceResponse, error) {
		select {
		case <-stuck:
		case <-ctx.Done():
		}
		return nil, errors.New("too late")
	})
	tracer, end := tracer(t, server, all(), counted)
	slowest := time.Duration(0)
	for range handshakes {
		began := time.Now()
		shake(t, tracer, nil, began)
		slowest = max(slowest, time.Since(began))
	}
	if slowest > 20*time.Second {
		t.Errorf("a handshake waited %v", slowest)
	}
	if counted.of(tracing.Dropped) == 0 {
		t.Error("nothing was dropped although the collector takes nothing")
	}
	close(stuck)
	end()
	if total := counted.of(tracing.Dropped) + counted.of(tracing.Failed); total != 3*handshakes || counted.of(tracing.Exported) != 0 {
		t.Errorf("%v are accounted for, want %d", counted.all, 3*handshakes)
	}
}

func TestACollectorThatComesBackGetsWhatIsNew(t *testing.T) {
	t.Parallel()
	server, counted := wstest.Collect(t), &fates{}
	server.Stop()
	tracer, end := tracer(t, server, all(), counted)
	shake(t, tracer, nil, time.Now())
	eventually(t, "spans fail", func() bool { return counted.of(tracing.Failed) == 3 })
	server.Start(t)
	shake(t, tracer, nil, time.Now())
	eventually(t, "spans arrive", func() bool { return counted.of(tracing.Exported) == 3 })
	end()
	if got := len(server.Spans()["GET /chat"]); got != 1 {
		t.Errorf("%d handshakes were collected, want the last one", got)
	}
}

func TestSpansThatTheCollectorRejectsAreNoneThatWereExported(t *testing.T) {
	t.Parallel()
	server, counted := wstest.Collect(t), &fates{}
	server.Answer(func(context.Context) (*collector.ExportTraceServiceResponse, error) {
		return &collector.ExportTraceServiceResponse{PartialSuccess: &collector.ExportTracePartialSuccess{RejectedSpans: 2}}, nil
	})
	tracer, end := tracer(t, server, all(), counted)
	shake(t, tracer, nil, time.Now())
	end()
	if counted.of(tracing.Failed) != 2 || counted.of(tracing.Exported) != 1 {
		t.Errorf("%v, want 2 failed and 1 exported", counted.all)
	}
}
