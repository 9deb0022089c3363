// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package otlp_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/wsgateway/websocket-gateway-operator/gateway/otlp"
)

// encodedMessage is one whose memory is overwritten as soon as it is free: whoever
// reads it later, or at the same time, is found by the race detector or by the server.
func encodedMessage(t *testing.T, text string) (m *otlp.Message, freed chan struct{}) {
	t.Helper()
	data, err := proto.Marshal(message(text))
	if err != nil {
		t.Fatal(err)
	}
	freed = make(chan struct{})
	return otlp.NewMessage(data, func() {
		clear(data)
		close(freed) // panics the second time
	}), freed
}

func TestAMessageIsFreeOnceWhenItHasBeenSent(t *testing.T) {
	for _, http := range []bool{false, true} {
		// A small one, and one that needs many frames and several windows.
		for _, size := range []int{1, 300 << 10} {
			t.Run(fmt.Sprintf("HTTP %v, %d bytes", http, size), func(t *testing.T) {
				r := &receiver{}
				c := client(t, r.serve(t, http, false))
				const times = 5
				text := strings.Repeat("x", size)
				for range times {
					m, freed := encodedMessage(t, text)
					// Twice, as after an answer that was lost.
					for range 2 {
						if _, err := c.SendEncoded(t.Context(), otlp.Logs, m); err != nil {
							t.Fatal(err)
						}
					}
					select {
					case <-freed:
						t.Fatal("its maker is not done, and it is free")
					default:
					}
					m.Done()
					<-freed
				}
				if len(r.got) != 2*times {
					t.Fatalf("%d messages arrived", len(r.got))
				}
				for _, got := range r.got {
					if got.GetResourceLogs()[0].GetSchemaUrl() != text {
						t.Fatal("another message arrived than was sent")
					}
				}
			})
		}
	}
}

func TestAMessageThatWasGivenUpIsFreeOnce(t *testing.T) {
	for _, http := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP %v", http), func(t *testing.T) {
			arrived, answer := make(chan struct{}, 1), make(chan struct{})
			r := &receiver{answer: func() (*collectorv1.ExportLogsServiceResponse, error) {
				arrived <- struct{}{}
				<-answer
				return &collectorv1.ExportLogsServiceResponse{}, nil
			}}
			c := client(t, r.serve(t, http, false))
			m, freed := encodedMessage(t, strings.Repeat("x", 300<<10))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				<-arrived
				cancel()
			}()
			if _, err := c.SendEncoded(ctx, otlp.Logs, m); err == nil {
				t.Error("it was not given up")
			}
			m.Done()
			<-freed
			close(answer)
		})
	}
}
