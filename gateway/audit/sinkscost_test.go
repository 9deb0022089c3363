// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit/otlplog"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/otlp"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// accepting is a collector that takes everything.
type accepting struct{}

func (accepting) SendEncoded(context.Context, otlp.Signal, *otlp.Message) (int64, error) {
	return 0, nil
}

// processorTime of this process so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkConnectionInThreeSinks is what the records of a connection, its beginning
// and its end, cost together in all three kinds of sinks, without the writing of what
// they are given. Time of processors, since the writers work beside it: cpu-ns/op.
func BenchmarkConnectionInThreeSinks(b *testing.B) {
	c := exampleConnection()
	traffic := audit.Traffic{MessagesFromClient: 20, MessagesToClient: 611, BytesFromClient: 2466, BytesToClient: 151890}
	closure := outcome.Close(outcome.DrainingClosure, outcome.ByGateway, "")
	gateway := contract.GatewayRef{Namespace: "default", Name: "edge"}
	collector := otlplog.New(otlplog.Options{Client: accepting{}, Gateway: "default/edge", Pod: "edge-0", BootID: "b7Qm2", Now: time.Now})
	defer collector.Stop()
	sinks := []audit.Sink{
		{Name: "stdout", Out: &counting{}, Linger: audit.DefaultLinger, Rest: audit.DefaultRest},
		{Name: "file", Out: &counting{}, Linger: audit.DefaultLinger, Rest: audit.DefaultRest},
		{Name: "otlp", Out: collector, Linger: time.Second},
	}
	log := audit.New(audit.Options{Sinks: sinks, Gateway: gateway, Pod: "wsgw-edge-7d9c5b6f4-x2x8v", BootID: "b7Qm2", Now: time.Now})
	b.ReportAllocs()
	before := processorTime(b)
	for i := 0; b.Loop(); i++ {
		log.Opened(c)
		log.Closed(c, traffic, closure)
		// A quarter of a queue ends the waiting; all of it must not fill.
		if i%(audit.DefaultQueue/8) == 0 {
			for drained(log) {
				runtime.Gosched()
			}
		}
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
	for _, stats := range log.Stats() {
		if stats.Lost > 0 {
			b.Fatalf("%+v", stats)
		}
	}
	if err := log.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// counting takes every line and keeps none.
type counting struct{ bytes int }

func (c *counting) Write(data []byte) (int, error) {
	c.bytes += len(data)
	return len(data), nil
}

// drained tells whether a queue has as much in it as is waited with no longer.
func drained(log *audit.Log) bool {
	for _, stats := range log.Stats() {
		if stats.Queued >= stats.Capacity/4 {
			return true
		}
	}
	return false
}
