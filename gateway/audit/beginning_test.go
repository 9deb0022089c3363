// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
)

// gate takes every record, and keeps none, while nobody holds it.
type gate struct{ held sync.Mutex }

func (g *gate) Write(data []byte) (int, error) {
	g.held.Lock()
	defer g.held.Unlock()
	return len(data), nil
}

// inUse is the memory that something refers to.
func inUse() int {
	runtime.GC()
	runtime.GC() // what was in a pool
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

// It must not run beside other tests.
//
//nolint:paralleltest // it measures the memory of the process
func TestWhatWaitsIsNoLargerForLongRecordsBefore(t *testing.T) {
	const records, most = 500, 4 << 10
	long := strings.Repeat(`"`, 1024)
	hostile := &audit.Connection{Path: long, Host: long, Origin: long, ServerName: long, Subject: long, Issuer: long}
	slow, fast := &gate{}, &gate{}
	log := logOf(audit.Sink{Name: "slow", Out: slow, Queue: 2 * records}, audit.Sink{Name: "fast", Out: fast, Queue: 2 * records})
	written := func(name string, want uint64) {
		for statsOf(log, name).Written < want {
			time.Sleep(time.Millisecond)
		}
	}
	before := inUse()
	// The pool must not be emptied while it is filled.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	use := func(c *audit.Connection, already uint64) (waiting int) {
		slow.held.Lock()
		defer slow.held.Unlock()
		for range records {
			log.Opened(c)
		}
		written("fast", already+records)
		return inUse() - before
	}
	if waiting := use(hostile, 0); waiting < records*most {
		t.Fatalf("%d bytes: the records are not long", waiting/records)
	}
	written("slow", records)
	if waiting := use(&audit.Connection{Path: "/chat"}, records); waiting > records*most {
		t.Errorf("%d bytes for each record that waits, want at most %d", waiting/records, most)
	}
	written("slow", 2*records)
	closeLog(t, log)
}
