// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"testing"
	"time"
	"unsafe"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// nowhere takes every record and keeps none.
type nowhere struct{}

func (nowhere) Write(data []byte) (int, error) { return len(data), nil }

// BenchmarkRecord is all that a record costs: cleaned, encoded, queued, hashed,
// and handed to the sink. With -cpu 1 the time is that of the processor.
func BenchmarkRecord(b *testing.B) {
	c := exampleConnection()
	traffic := audit.Traffic{MessagesFromClient: 20, MessagesToClient: 611, BytesFromClient: 2466, BytesToClient: 151890}
	closure := outcome.Close(outcome.DrainingClosure, outcome.ByGateway, "")
	signer, _ := newSigner(b, 1)
	for name, use := range map[string]func(*audit.Log){
		"opened":   func(log *audit.Log) { log.Opened(c) },
		"progress": func(log *audit.Log) { log.Progress(c, traffic) },
		"closed":   func(log *audit.Log) { log.Closed(c, traffic, closure) },
	} {
		b.Run(name, func(b *testing.B) {
			log := audit.New(audit.Options{
				Sinks: []audit.Sink{{Out: nowhere{}, Queue: b.N + 1}}, Gateway: contract.GatewayRef{Namespace: "default", Name: "edge"},
				Pod: "wsgw-edge-7d9c5b6f4-x2x8v", BootID: "b7Qm2", Now: time.Now,
			})
			log.Sign(signer)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				use(log)
			}
			if err := log.Close(b.Context()); err != nil {
				b.Fatal(err)
			}
			if lost := log.Stats()[0].Lost; lost > 0 {
				b.Fatalf("%d lost", lost)
			}
		})
	}
}

// BenchmarkDeniedBeyondTheRate is what a refusal costs that is only counted.
func BenchmarkDeniedBeyondTheRate(b *testing.B) {
	log := audit.New(audit.Options{Sinks: []audit.Sink{{Out: nowhere{}}}, Now: time.Now})
	attempt, refusal := exampleAttempt(), outcome.Refuse(outcome.NoRoute, "")
	b.ReportAllocs()
	for b.Loop() {
		log.Denied(attempt, refusal)
	}
	if err := log.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// What is kept of a connection for its records is kept for as long as it lasts.
func TestAConnectionKeepsLittleForItsRecords(t *testing.T) {
	t.Parallel()
	const most = 416
	if size := unsafe.Sizeof(audit.Connection{}); size > most {
		t.Errorf("%d bytes, more than %d", size, most)
	}
}
