// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestAClockThatIsSetBackMakesNoNegativeDuration(t *testing.T) {
	now := newClock()
	var out bytes.Buffer
	log := audit.New(audit.Options{Sinks: []audit.Sink{{Out: &out}}, BootID: "b", Now: now.Now})
	opened := &audit.Connection{ID: "c", OpenedAt: now.Now()}
	now.Set(noon.Add(-time.Hour))
	log.Closed(opened, audit.Traffic{}, outcome.Closed(outcome.ByClient, outcome.CodeNormal))
	// The system's clock also has a reading that nobody can set.
	now.Set(time.Now())
	begin := now.Now()
	now.Set(begin.Add(time.Minute))
	log.Closed(&audit.Connection{ID: "d", OpenedAt: begin}, audit.Traffic{}, outcome.Closed(outcome.ByClient, outcome.CodeNormal))
	if err := log.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(out.Bytes()) {
		record, err := audit.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		if want := map[string]time.Duration{"c": 0, "d": time.Minute}[record.ConnectionID]; record.Duration != want {
			t.Errorf("connection %s lasted %s, want %s", record.ConnectionID, record.Duration, want)
		}
	}
}
