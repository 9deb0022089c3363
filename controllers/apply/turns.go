// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Each write of a contract makes every pod read it and look at all of its connections
// again. Of a gateway that many share anybody may ask for it, by changing a route, a
// Service or its endpoints: so many writes at once are made as they come, then one in so
// much time, for whatever has changed by then.
const (
	ContractsAtOnce = 10
	ContractPause   = time.Second
)

// turns are when contracts may be replaced. The zero value is ready; safe for
// concurrent use.
type turns struct {
	mu       sync.Mutex
	gateways map[client.ObjectKey]*rate.Limiter
}

// take answers zero if the contract of a gateway may be replaced now, and else how long
// that has to wait. Waiting takes no turn: the one to come is for whoever comes then.
func (t *turns) take(gateway client.ObjectKey, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	limiter := t.gateways[gateway]
	if limiter == nil {
		limiter = rate.NewLimiter(rate.Every(ContractPause), ContractsAtOnce)
		if t.gateways == nil {
			t.gateways = map[client.ObjectKey]*rate.Limiter{}
		}
		t.gateways[gateway] = limiter
	}
	turn := limiter.ReserveN(now, 1)
	wait := turn.DelayFrom(now)
	if wait > 0 {
		turn.CancelAt(now)
	}
	return wait
}

func (t *turns) forget(gateway client.ObjectKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.gateways, gateway)
}
