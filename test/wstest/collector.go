// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package wstest

import (
	"context"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
)

// Collector is an OpenTelemetry collector on a loopback port, by OTLP over gRPC.
// It ends with its test.
type Collector struct {
	collector.UnimplementedTraceServiceServer
	rpcServer

	mu     sync.Mutex
	answer func(ctx context.Context) (*collector.ExportTraceServiceResponse, error)
	spans  []CollectedSpan
}

// CollectedSpan is a span with what it was sent in.
type CollectedSpan struct {
	*tracepb.Span
	// Resource and Attributes by name, as text.
	Resource, Attributes map[string]string
}

// Collect starts a Collector that takes everything.
func Collect(tb testing.TB) *Collector {
	tb.Helper()
	c := &Collector{}
	c.Answer(func(context.Context) (*collector.ExportTraceServiceResponse, error) {
		return &collector.ExportTraceServiceResponse{}, nil
	})
	c.Start(tb)
	return c
}

// Start listens again after Stop, on the same port.
func (c *Collector) Start(tb testing.TB, options ...grpc.ServerOption) {
	tb.Helper()
	c.serve(tb, func(to grpc.ServiceRegistrar) { collector.RegisterTraceServiceServer(to, c) }, options...)
}

// Answer replaces how requests are answered; spans count as collected where there
// is no error.
func (c *Collector) Answer(answer func(context.Context) (*collector.ExportTraceServiceResponse, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
}

// Export implements the protocol.
func (c *Collector) Export(ctx context.Context, r *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	answer := c.answer
	c.mu.Unlock()
	response, err := answer(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, from := range r.GetResourceSpans() {
		resource := texts(from.GetResource().GetAttributes())
		for _, scope := range from.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.spans = append(c.spans, CollectedSpan{Span: span, Resource: resource, Attributes: texts(span.GetAttributes())})
			}
		}
	}
	return response, nil
}

// Spans returns what was collected so far, by the name of the span, one of several
// of the same name after the other.
func (c *Collector) Spans() map[string][]CollectedSpan {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string][]CollectedSpan{}
	for _, span := range c.spans {
		all[span.GetName()] = append(all[span.GetName()], span)
	}
	return all
}
