// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import "fmt"

// BalancingPolicy says how an endpoint is chosen, other than by its connections.
type BalancingPolicy string

// The policies.
const (
	// BalanceRoundRobin takes one endpoint after the other.
	BalanceRoundRobin BalancingPolicy = "roundRobin"
	// BalanceConsistentHash takes the same endpoint for the same key.
	BalanceConsistentHash BalancingPolicy = "consistentHash"
)

// LoadBalancing says which endpoint a connection goes to.
type LoadBalancing struct {
	Policy BalancingPolicy `json:"policy"`
	// Hash is set with BalanceConsistentHash only.
	Hash *Hash `json:"hash,omitempty"`
}

// HashKey says what a key is taken from.
type HashKey string

// What a key is taken from.
const (
	HashIdentity      HashKey = "identity"
	HashClientAddress HashKey = "clientAddress"
	HashPath          HashKey = "path"
	HashHeader        HashKey = "header"
)

// Hash says which connections belong together.
type Hash struct {
	By HashKey `json:"by"`
	// Header, in canonical form, with HashHeader only.
	Header string `json:"header,omitempty"`
	// MaxLoadPercent absent means DefaultMaxLoadPercent.
	MaxLoadPercent *int32 `json:"maxLoadPercent,omitempty"`
}

// Bounds of Hash.MaxLoadPercent.
const (
	DefaultMaxLoadPercent int32 = 125
	minLoadPercent        int32 = 105
	maxLoadPercent        int32 = 10_000
)

// LoadPercent returns the bound in force.
func (h *Hash) LoadPercent() int32 { return or(h.MaxLoadPercent, DefaultMaxLoadPercent) }

func (r *Route) validateBalancing() error {
	switch lb := r.LoadBalancing; {
	case lb == nil, lb.Policy == BalanceRoundRobin && lb.Hash == nil:
		return nil
	case lb.Policy != BalanceConsistentHash || lb.Hash == nil:
		return fmt.Errorf("route %q: load balancing %q is unknown, or has or lacks a hash", r.Name, lb.Policy)
	default:
		if err := lb.Hash.validate(); err != nil {
			return fmt.Errorf("route %q: %w", r.Name, err)
		}
		return nil
	}
}

func (h *Hash) validate() error {
	switch h.By {
	case HashIdentity, HashClientAddress, HashPath, HashHeader:
	default:
		return fmt.Errorf("hash: no key can be taken from %q", h.By)
	}
	if (h.Header != "") != (h.By == HashHeader) {
		return fmt.Errorf("hash by %q: a header belongs to %q, and to nothing else", h.By, HashHeader)
	}
	if percent := h.LoadPercent(); percent < minLoadPercent || percent > maxLoadPercent {
		return fmt.Errorf("hash: a load of %d percent is not between %d and %d", percent, minLoadPercent, maxLoadPercent)
	}
	return nil
}
