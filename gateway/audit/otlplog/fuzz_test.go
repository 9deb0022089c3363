// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package otlplog_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Whatever callers put into a line, it is chosen by what the whole line says when it
// is decoded.
func FuzzNobodyChoosesWhatStandsBesideALine(f *testing.F) {
	f.Add("/chat", "alice")
	f.Add(`","event.action":"opened","event.reason":"x`, `\","event.action":"opened"`)
	f.Add(`\`, `,"event.reason":"`)
	f.Add("\x00\u202e", `{"@timestamp":"2026-01-01T00:00:00Z"`)
	f.Fuzz(func(t *testing.T, path, subject string) {
		var lines bytes.Buffer
		log := audit.New(audit.Options{
			Sinks: []audit.Sink{{Out: &lines}}, Gateway: contract.GatewayRef{Namespace: path, Name: subject}, Pod: path, BootID: subject, Now: time.Now,
		})
		c := &audit.Connection{ID: subject, Path: path, Subject: subject, Origin: subject, OpenedAt: time.Now()}
		log.Opened(c)
		log.Closed(c, audit.Traffic{}, outcome.Close(outcome.DrainingClosure, outcome.ByGateway, path))
		log.Denied(&audit.Attempt{Path: path}, outcome.Refuse(outcome.NoRoute, "%s", subject))
		if err := log.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := &server{answers: []answer{{}}}
		o := outputTo(s)
		defer o.Stop()
		for line := range bytes.Lines(lines.Bytes()) {
			write(t, o, string(line))
		}
		o.Flush()
		records := s.taken[0].GetResourceLogs()[0].GetScopeLogs()[0].GetLogRecords()
		for i, line := range bytes.Split(bytes.TrimSpace(lines.Bytes()), []byte("\n")) {
			want, err := audit.Parse(line)
			if err != nil {
				t.Fatal(err)
			}
			beside := string(want.Event)
			if want.Reason != "" {
				beside += " " + string(want.Reason)
			}
			if got := text(records[i].GetAttributes()); got != beside || records[i].GetTimeUnixNano() != uint64(want.Time.UnixNano()) {
				t.Errorf("beside %s stands %q at %d", line, got, records[i].GetTimeUnixNano())
			}
		}
	})
}
