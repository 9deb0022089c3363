// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package rollout paces what a release brings to many gateways at once. New pods
// are made beside the old ones, and every connection of the old ones ends: all
// gateways at the same time would need twice the room, and send all clients of the
// cluster away together.
package rollout

import (
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// Pacer lets a few gateways roll at a time, in the order in which they asked. It
// does no I/O and is safe for concurrent use. All of it may be lost: Seed finds
// out again what is under way.
type Pacer struct {
	max int

	mu     sync.Mutex
	seeded bool
	// rolling are the gateways whose turn it is, whether they have begun or not.
	rolling map[types.NamespacedName]bool
	// queue are those that wait, the first one first.
	queue []types.NamespacedName
}

// NewPacer lets at most so many gateways roll at a time; at least one.
func NewPacer(limit int) *Pacer {
	return &Pacer{max: max(1, limit), rolling: map[types.NamespacedName]bool{}}
}

// Standing answers the gateways whose turn it is, in no order, and how many wait.
func (p *Pacer) Standing() (rolling []types.NamespacedName, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.rolling)), len(p.queue)
}

// HasTurn tells whether it is the turn of the gateway.
func (p *Pacer) HasTurn(gateway types.NamespacedName) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rolling[gateway]
}

// Max is how many gateways roll at a time at most.
func (p *Pacer) Max() int { return p.max }

// Seed takes in, once, what has begun to roll before this process did. Until then
// nobody may roll. An error of underWay leaves everything as it was.
func (p *Pacer) Seed(underWay func() ([]types.NamespacedName, error)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seeded {
		return nil
	}
	found, err := underWay()
	if err != nil {
		return err
	}
	for _, gateway := range found {
		p.rolling[gateway] = true
	}
	p.seeded = true
	return nil
}

// May tells whether the gateway may roll now, and lets it wait in the queue if not.
// Whoever may keeps its turn until Settled.
func (p *Pacer) May(gateway types.NamespacedName) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rolling[gateway] {
		return true
	}
	if !p.seeded || len(p.rolling) >= p.max {
		if !slices.Contains(p.queue, gateway) {
			p.queue = append(p.queue, gateway)
		}
		return false
	}
	p.rolling[gateway] = true
	return true
}

// Settled notes that the gateway neither rolls nor wants to, and answers those
// whose turn it is now because of that.
func (p *Pacer) Settled(gateway types.NamespacedName) []types.NamespacedName {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.rolling, gateway)
	if i := slices.Index(p.queue, gateway); i >= 0 {
		p.queue = slices.Delete(p.queue, i, i+1)
	}
	if !p.seeded {
		return nil
	}
	free := min(len(p.queue), max(0, p.max-len(p.rolling)))
	next := slices.Clone(p.queue[:free])
	p.queue = slices.Delete(p.queue, 0, free)
	for _, waiting := range next {
		p.rolling[waiting] = true
	}
	return next
}
