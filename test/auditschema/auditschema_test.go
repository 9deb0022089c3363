// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package auditschema_test

import (
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/test/auditschema"
)

const gap = `{"@timestamp":"2026-03-04T12:00:00Z","wsgateway.schema":"wsgateway.dev/audit/v1","ecs.version":"8.17.0",` +
	`"service.name":"default/edge","service.node.name":"pod","service.ephemeral_id":"b7","event.sequence":1,` +
	`"wsgateway.chain.first":true,"event.action":"gap","wsgateway.lost":17,"event.start":"2026-03-04T12:00:00Z"}`

func TestRecordsAreFoundAmongOtherLinesAndHeldAgainstTheSchema(t *testing.T) {
	t.Parallel()
	schema, err := auditschema.Load("../../" + auditschema.File)
	if err != nil {
		t.Fatal(err)
	}
	wrong := strings.Replace(gap, `"wsgateway.lost":17`, `"wsgateway.lost":"many"`, 1)
	for name, tt := range map[string]struct {
		text string
		want int
		bad  bool
	}{
		"a record between other lines":         {"ready public=127.0.0.1:1\n" + gap + "\n{\n  \"verdict\": \"allowed\"\n}\n", 1, false},
		"one that does not fit":                {gap + "\n" + wrong + "\n", 1, true},
		"one that is still being written":      {gap + "\n" + gap[:100], 1, false},
		"more of a kind than are looked at":    {strings.Repeat(gap+"\n", 500), 100, false},
		"nothing that looks like a record":     {"hello\n", 0, false},
		"a wrong one as the first of a stream": {wrong + "\n", 0, true},
	} {
		checked, err := schema.CheckAll(tt.text)
		if checked != tt.want || (err != nil) != tt.bad {
			t.Errorf("%s: %d checked, %v", name, checked, err)
		}
	}
}
