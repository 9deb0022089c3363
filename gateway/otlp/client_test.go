// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package otlp_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/otlp"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func dial(ctx context.Context, address string) (net.Conn, error) {
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", address)
}

func client(t *testing.T, addresses ...string) *otlp.Client {
	t.Helper()
	c, err := otlp.New(otlp.Options{Server: contract.OTLP{Backend: "collector:4317"}, Dial: dial})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.Move(contract.BackendEndpoints{Addresses: addresses})
	return c
}

func spans(names ...string) *tracepb.TracesData {
	scope := &tracepb.ScopeSpans{}
	for _, name := range names {
		scope.Spans = append(scope.Spans, &tracepb.Span{Name: name})
	}
	return &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{scope}}}}
}

func send(t *testing.T, c *otlp.Client, names ...string) (int64, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return c.Send(ctx, otlp.Traces, spans(names...))
}

func TestWhatIsSentArrives(t *testing.T) {
	t.Parallel()
	server := wstest.Collect(t)
	if rejected, err := send(t, client(t, server.Address), "one", "two"); err != nil || rejected != 0 {
		t.Errorf("%d are rejected, %v", rejected, err)
	}
	if got := server.Spans(); len(got["one"]) != 1 || len(got["two"]) != 1 {
		t.Errorf("collected %v", got)
	}
}

func TestRejectedItemsAreCounted(t *testing.T) {
	t.Parallel()
	server := wstest.Collect(t)
	server.Answer(func(context.Context) (*collector.ExportTraceServiceResponse, error) {
		return &collector.ExportTraceServiceResponse{PartialSuccess: &collector.ExportTracePartialSuccess{RejectedSpans: 300, ErrorMessage: "full"}}, nil
	})
	if rejected, err := send(t, client(t, server.Address), "one"); err != nil || rejected != 300 {
		t.Errorf("%d are rejected, %v; want 300", rejected, err)
	}
}

func TestAFailureSaysWhatItMeansAndNotWhatTheServerWrote(t *testing.T) {
	t.Parallel()
	for code, verdict := range map[codes.Code]otlp.Verdict{
		codes.Unavailable: otlp.Away, codes.Unimplemented: otlp.Away, codes.ResourceExhausted: otlp.Unwell, codes.InvalidArgument: otlp.Refused,
	} {
		server := wstest.Collect(t)
		server.Answer(func(context.Context) (*collector.ExportTraceServiceResponse, error) {
			return nil, status.Error(code, "secret-5f1c")
		})
		_, err := send(t, client(t, server.Address), "one")
		failure, ok := errors.AsType[*otlp.Failure](err)
		if !ok || failure.Verdict != verdict || !strings.Contains(err.Error(), code.String()) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v: %v", code, err)
		}
	}
}

func TestACollectorWithoutAnAddressIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	began := time.Now()
	if _, err := send(t, client(t), "one"); err == nil || !strings.Contains(err.Error(), "no address") || time.Since(began) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

func TestACollectorIsFoundWhereItHasGone(t *testing.T) {
	t.Parallel()
	before, after := wstest.Collect(t), wstest.Collect(t)
	c := client(t, before.Address)
	if _, err := send(t, c, "one"); err != nil {
		t.Fatal(err)
	}
	eventually := func(name string) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			_, err := send(t, c, name)
			if err == nil {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	before.Stop()
	before.Start(t)
	eventually("two")
	before.Stop()
	// Without endpoints the Service's own address is what is left.
	c.Move(contract.BackendEndpoints{Service: after.Address})
	eventually("three")
	if got := after.Spans(); len(got["three"]) != 1 {
		t.Errorf("the new one has %v", got)
	}
}
