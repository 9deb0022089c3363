// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestAClockThatIsSetBackMakesNoNegativeDuration(t *testing.T) {
	now := newClock()
	var out bytes.Buffer
	log := audit.New(audit.Options{Out: &out, BootID: "b", Now: now.Now})
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
		var record struct {
			ID       string `json:"connection_id"`
			Duration int64  `json:"duration_ms"`
		}
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatal(err)
		}
		if want := map[string]int64{"c": 0, "d": 60_000}[record.ID]; record.Duration != want {
			t.Errorf("connection %s lasted %d ms, want %d", record.ID, record.Duration, want)
		}
	}
}
