// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"sync"
)

// errands are what administrators have asked for and what takes a while. All of
// it ends with the server. The zero value runs nothing until begin.
type errands struct {
	mu      sync.Mutex
	ctx     context.Context // of Run
	running sync.WaitGroup
}

// begin lets errands run until end, or until ctx is done.
func (e *errands) begin(ctx context.Context) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ctx = ctx
}

// end lets no errand begin any more and waits for those that run, whose context
// must be done.
func (e *errands) end() {
	e.mu.Lock()
	e.ctx = nil
	e.mu.Unlock()
	e.running.Wait()
}

// run starts an errand, after before was handed what stops it; false when there
// is no server to run it for.
func (e *errands) run(do func(ctx context.Context), before func(cancel context.CancelFunc)) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx == nil || e.ctx.Err() != nil {
		return false
	}
	ctx, cancel := context.WithCancel(e.ctx)
	before(cancel)
	e.running.Go(func() {
		defer cancel()
		do(ctx)
	})
	return true
}
