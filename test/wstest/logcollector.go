// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package wstest

import (
	"context"
	"sync"
	"testing"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// LogCollector takes logs on a loopback port, by OTLP over gRPC. It ends with its
// test.
type LogCollector struct {
	collectorv1.UnimplementedLogsServiceServer
	rpcServer

	mu     sync.Mutex
	fail   func() error
	taken  []*logsv1.ResourceLogs
	tokens []string
}

// CollectLogs starts a LogCollector.
func CollectLogs(tb testing.TB, options ...grpc.ServerOption) *LogCollector {
	tb.Helper()
	c := &LogCollector{}
	c.Start(tb, options...)
	return c
}

// Start listens again after Stop, on the same port.
func (c *LogCollector) Start(tb testing.TB, options ...grpc.ServerOption) {
	tb.Helper()
	c.serve(tb, func(to grpc.ServiceRegistrar) { collectorv1.RegisterLogsServiceServer(to, c) }, options...)
}

// Fail makes it answer what fail returns, nil for good, from now on.
func (c *LogCollector) Fail(fail func() error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = fail
}

// Export implements the service.
func (c *LogCollector) Export(ctx context.Context, request *collectorv1.ExportLogsServiceRequest) (*collectorv1.ExportLogsServiceResponse, error) {
	c.mu.Lock()
	fail := c.fail
	c.mu.Unlock()
	if fail != nil {
		if err := fail(); err != nil {
			return nil, err
		}
	}
	fields, _ := metadata.FromIncomingContext(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = append(c.taken, request.GetResourceLogs()...)
	c.tokens = append(c.tokens, fields.Get("authorization")...)
	return &collectorv1.ExportLogsServiceResponse{}, nil
}

// Bodies of the records, in the order in which they came.
func (c *LogCollector) Bodies() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var bodies []string
	for _, resource := range c.taken {
		for _, scope := range resource.GetScopeLogs() {
			for _, record := range scope.GetLogRecords() {
				bodies = append(bodies, record.GetBody().GetStringValue())
			}
		}
	}
	return bodies
}

// Taken are the messages themselves.
func (c *LogCollector) Taken() []*logsv1.ResourceLogs {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*logsv1.ResourceLogs{}, c.taken...)
}

// Tokens are the Authorization headers of the requests that were taken.
func (c *LogCollector) Tokens() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{}, c.tokens...)
}
