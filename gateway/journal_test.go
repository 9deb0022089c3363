// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/test/auditschema"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// recordsToFit is how many records of an event, of one gateway, are held against
// the schema. A test that makes thousands makes thousands of the same.
const recordsToFit = 200

// schema is the published one; compiling it takes longer than most tests.
var schema = sync.OnceValues(func() (*auditschema.Schema, error) { return auditschema.Load("../" + auditschema.File) })

// journal keeps audit records and logs.
type journal struct {
	wstest.Journal

	mu sync.Mutex
	// parsed are the records in the first read bytes: who waits for a record asks
	// hundreds of times.
	parsed []*audit.Record
	read   int
}

// records returns the audit records of one event.
func (j *journal) records(t *testing.T, event audit.Event) []*audit.Record {
	t.Helper()
	return slices.DeleteFunc(j.every(t), func(record *audit.Record) bool { return record.Event != event })
}

// all returns the audit records of connections and handshakes, in their order.
func (j *journal) all(t *testing.T) []*audit.Record {
	t.Helper()
	return slices.DeleteFunc(j.every(t), func(record *audit.Record) bool { return !slices.Contains(record.Category, "network") })
}

// every returns the audit records in their order.
func (j *journal) every(t *testing.T) []*audit.Record {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.String()[j.read:]) {
		record, err := audit.Parse([]byte(line))
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		j.parsed, j.read = append(j.parsed, record), j.read+len(line)
	}
	return slices.Clone(j.parsed)
}

// fits holds the audit records against the published schema.
func (j *journal) fits(t *testing.T) {
	t.Helper()
	published, err := schema()
	if err != nil {
		t.Fatal(err)
	}
	records, checked := j.every(t), map[audit.Event]int{}
	for i, line := range slices.Collect(strings.Lines(j.String())) {
		event := records[i].Event
		if checked[event]++; checked[event] > recordsToFit {
			continue
		}
		if err := published.Check([]byte(line)); err != nil {
			t.Error(err)
		}
	}
}
