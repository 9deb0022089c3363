// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"sync/atomic"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
)

// stopped is a clock that stands still, however slow the machine is, until it is
// put forward. It is fast: deadlines of connections, which the system's clock is
// held against, must not come while it stands.
type stopped struct {
	at time.Time
	by atomic.Int64
}

func newStopped() *stopped { return &stopped{at: time.Now().Add(30 * time.Minute)} }

func (s *stopped) put(d time.Duration) { s.by.Add(int64(d)) }

// tell makes it the clock of a gateway.
func (s *stopped) tell(o *gateway.Options) {
	o.Now = func() time.Time { return s.at.Add(time.Duration(s.by.Load())) }
}
