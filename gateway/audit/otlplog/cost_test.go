// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package otlplog_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit/otlplog"
	"github.com/wsgateway/websocket-gateway-operator/gateway/otlp"
)

// encoder is a server that takes everything.
type encoder struct{ bytes int }

func (e *encoder) SendEncoded(_ context.Context, _ otlp.Signal, message *otlp.Message) (int64, error) {
	e.bytes += len(message.Bytes())
	return 0, nil
}

// BenchmarkLine is all that a line costs until it is on its way, in messages of 256.
func BenchmarkLine(b *testing.B) {
	const batch = 256
	line := []byte(`{"@timestamp":"2026-03-04T12:00:00.5Z","event.action":"closed","event.reason":"client_closed","x":"` + strings.Repeat("x", 1000) + "\"}\n")
	e := &encoder{}
	o := otlplog.New(otlplog.Options{Client: e, Gateway: "default/edge", Pod: "edge-0", BootID: "b7Qm2", Now: time.Now})
	defer o.Stop()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := o.Write(line); err != nil {
			b.Fatal(err)
		}
		if i%batch == 0 {
			o.Flush()
		}
	}
	b.ReportMetric(float64(e.bytes)/float64(b.N), "sent-B/op")
}
