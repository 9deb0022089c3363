// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// clock is a time that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: noon} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// sink keeps what is written. It can be made to block and to fail.
type sink struct {
	mu     sync.Mutex
	buffer bytes.Buffer
	fail   int
	// part is how much of a failing write of so many bytes is done; nil is nothing.
	part  func(length int) int
	block chan struct{}
}

var errSink = errors.New("no space left")

func (s *sink) Write(data []byte) (int, error) {
	s.mu.Lock()
	block := s.block
	s.mu.Unlock()
	if block != nil {
		<-block
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail > 0 {
		s.fail--
		n := 0
		if s.part != nil {
			n = s.part(len(data))
		}
		s.buffer.Write(data[:n])
		return n, errSink
	}
	return s.buffer.Write(data)
}

// Fail makes the next records fail, and the gap records between them.
func (s *sink) Fail(records int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = records
}

func (s *sink) FailAfter(part func(length int) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail, s.part = 1, part
}

// Block makes writes wait until the returned function is called.
func (s *sink) Block() (release func()) {
	block := make(chan struct{})
	s.mu.Lock()
	s.block = block
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		s.block = nil
		s.mu.Unlock()
		close(block)
	}
}

func (s *sink) Lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Split(strings.TrimSuffix(s.buffer.String(), "\n"), "\n")
}

func newLog(out *sink, now *clock) *audit.Log {
	return audit.New(audit.Options{
		Sinks: []audit.Sink{{Out: out}}, Now: now.Now, Gateway: contract.GatewayRef{Namespace: "default", Name: "edge"},
		Pod: "wsgw-edge-7d9c5b6f4-x2x8v", BootID: "b7Qm2",
	})
}

func closeLog(t *testing.T, log *audit.Log) {
	t.Helper()
	if err := log.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func parse(t testing.TB, line string) map[string]any {
	t.Helper()
	var record map[string]any
	if err := json.Unmarshal([]byte(line), &record); err != nil {
		t.Fatalf("line %q: %v", line, err)
	}
	return record
}

// checkSequence reads all lines and checks that they are numbered 1, 2, 3... and
// chained. It leaves out the checkpoints, which may stand anywhere.
func checkSequence(t testing.TB, lines []string) []*audit.Record {
	t.Helper()
	records := make([]*audit.Record, 0, len(lines))
	previous := ""
	for i, line := range lines {
		record, err := audit.Parse([]byte(line))
		if err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if record.Sequence != uint64(i+1) || record.Previous != previous || record.First != (i == 0) {
			t.Fatalf("line %d has the sequence %d, and the hash %q of the line before instead of %q", i+1, record.Sequence, record.Previous, previous)
		}
		hash := sha256.Sum256([]byte(line + "\n"))
		previous = hex.EncodeToString(hash[:])
		if record.Event != audit.EventCheckpoint {
			records = append(records, record)
		}
	}
	return records
}

func lostIn(records []*audit.Record) int {
	total := uint64(0)
	for _, record := range records {
		total += record.Lost
	}
	return int(total)
}

func deniedIn(records []*audit.Record) int {
	total := uint64(0)
	for _, record := range records {
		total += record.Count
	}
	return int(total)
}

func count(records []*audit.Record, event audit.Event) int {
	n := 0
	for _, record := range records {
		if record.Event == event {
			n++
		}
	}
	return n
}
