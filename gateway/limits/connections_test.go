// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package limits_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/limits"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConnectionsNeverPassTheCap(t *testing.T) {
	const most, callers = 10, 100
	c := limits.NewConnections(most)
	var in, refused atomic.Int64
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			if c.Acquire() {
				in.Add(1)
			} else {
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() != most || refused.Load() != callers-most || c.Open() != most {
		t.Fatalf("%d let in, %d refused, %d open", in.Load(), refused.Load(), c.Open())
	}
	c.Release()
	if !c.Acquire() || c.Acquire() {
		t.Error("one place was given back: one more may come, not two")
	}
}

func TestALoweredCapKeepsWhatIsOpen(t *testing.T) {
	c := limits.NewConnections(3)
	for range 3 {
		c.Acquire()
	}
	c.SetMax(1)
	if c.Open() != 3 || c.Max() != 1 || c.Acquire() {
		t.Fatalf("open %d, max %d", c.Open(), c.Max())
	}
	c.Release()
	c.Release()
	if c.Acquire() {
		t.Error("let in above the lowered cap")
	}
	c.Release()
	if !c.Acquire() {
		t.Error("refused below the lowered cap")
	}
}

func TestMaxConnectionsKeepsTwoDescriptorsForEach(t *testing.T) {
	for _, test := range []struct {
		name       string
		configured int32
		files      uint64
		want       int32
	}{
		{"absent, enough files", 0, 1 << 20, contract.DefaultMaxConnections},
		{"absent, few files", 0, 4096, 2048},
		{"configured, enough files", 50_000, 1 << 20, 50_000},
		{"configured above what the files allow", 50_000, 4096, 2048},
		{"no limit of files", 2_000_000_000, 1<<64 - 1, 2_000_000_000},
		{"hardly any file", 0, 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := limits.ConnectionsFor(test.configured, test.files); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
	if got := limits.MaxConnections(1); got != 1 {
		t.Errorf("on this machine 1 becomes %d", got)
	}
}
