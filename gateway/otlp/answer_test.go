// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package otlp_test

import (
	"bytes"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/wsgateway/websocket-gateway-operator/gateway/otlp"
)

// The messages of the protocol say the same as what is read by hand.
func FuzzRefusedItems(f *testing.F) {
	for _, refused := range []int64{0, 1, 300, -1} {
		message, err := proto.Marshal(&collector.ExportTraceServiceResponse{
			PartialSuccess: &collector.ExportTracePartialSuccess{RejectedSpans: refused, ErrorMessage: "full"},
		})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		got := otlp.RefusedItems(message)
		if got < 0 {
			t.Fatalf("%d are refused", got)
		}
		var want collector.ExportTraceServiceResponse
		if proto.Unmarshal(message, &want) != nil {
			return
		}
		// What is not canonical may be read in several ways.
		canonical, err := proto.MarshalOptions{Deterministic: true}.Marshal(&want)
		if err != nil || !bytes.Equal(canonical, message) {
			return
		}
		if refused := max(want.GetPartialSuccess().GetRejectedSpans(), 0); refused != got {
			t.Errorf("%d are refused, want %d", got, refused)
		}
	})
}
