// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"math"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// neverCrowded is how many connections an endpoint may have whatever the mean is:
// a mean of few says nothing.
const neverCrowded = 32

// Choice is what a connection may be made to.
type Choice struct {
	// Key may be a header of the client.
	secret.Sealed

	Backends []contract.Backend
	// Balance says how one of several endpoints is chosen; empty is the one with the
	// fewest open connections, ties at random.
	Balance contract.BalancingPolicy
	// Key is what contract.BalanceConsistentHash goes by. Empty, it is as without.
	Key string
	// MaxLoadPercent is how many connections an endpoint gets by its keys, in percent
	// of the mean; 0 is contract.DefaultMaxLoadPercent.
	MaxLoadPercent int32
	// TLS answers how TLS is spoken to a backend by a profile and a server name; nil
	// where it cannot be, which ends the handshake. It may be nil where no backend
	// has a profile.
	TLS func(profile, serverName string) *tls.Config
}

// securing is nil, and true, for a backend without TLS.
func (c *Choice) securing(b *contract.Backend) (*tls.Config, bool) {
	if b.TLS == "" {
		return nil, true
	}
	if c.TLS == nil {
		return nil, false
	}
	config := c.TLS(b.TLS, b.ServerName)
	return config, config != nil
}

// plan is how endpoints are chosen for one connection.
type plan struct {
	policy contract.BalancingPolicy
	key    uint64
	// percent of the mean that an endpoint may have.
	percent int
}

func planOf(c *Choice) plan {
	if c.Balance != contract.BalanceConsistentHash {
		return plan{policy: c.Balance}
	}
	if c.Key == "" {
		return plan{}
	}
	return plan{policy: c.Balance, key: hashOf(c.Key), percent: int(cmp.Or(c.MaxLoadPercent, contract.DefaultMaxLoadPercent))}
}

// hashOf is the same in every pod and release.
func hashOf(name string) uint64 {
	sum := sha256.Sum256([]byte(name))
	return binary.BigEndian.Uint64(sum[:])
}

// affinity is how much a key is drawn to a place: independent for each pair of the
// two, so that taking a place away moves its own keys and no others (rendezvous
// hashing, Thaler and Ravishankar 1998). It ends in the mixer of SplitMix64, which
// lets every bit of its input change half of the result.
func affinity(key, place uint64) uint64 {
	x := key ^ place
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// choose picks a backend by weight among those that have any address.
func (p *Pool) choose(backends []contract.Backend, by plan) (*contract.Backend, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if by.policy == contract.BalanceConsistentHash {
		return p.chooseByKey(backends, by.key)
	}
	total := 0.0
	for i := range backends {
		total += p.weight(&backends[i])
	}
	at := p.options.Random() * total
	for i := range backends {
		weight := p.weight(&backends[i])
		if weight > 0 && at < weight {
			return &backends[i], true
		}
		at -= weight
	}
	return nil, false
}

// chooseByKey gives each backend a share of the keys by its weight. A key waits for
// each of them for a time that is exponential with the weight as its rate, and goes
// to the first: so a changed weight moves only the keys that it has to.
func (p *Pool) chooseByKey(backends []contract.Backend, key uint64) (chosen *contract.Backend, ok bool) {
	shortest := math.Inf(1)
	for i := range backends {
		weight := p.weight(&backends[i])
		if weight <= 0 {
			continue
		}
		const steps = 1 << 53 // those of a float64
		even := (float64(affinity(key, placeOf(backends, i))>>11) + 0.5) / steps
		if wait := -math.Log(even) / weight; wait < shortest {
			chosen, shortest = &backends[i], wait
		}
	}
	return chosen, chosen != nil
}

// placeOf is what keys are drawn to: the name of a backend, which is also there for
// each further profile by which the same port is spoken to. Those would otherwise be
// one place, and all keys go to the heavier. They stand side by side in a route.
func placeOf(backends []contract.Backend, i int) uint64 {
	if i > 0 && backends[i-1].Name == backends[i].Name {
		return hashOf(backends[i].Name + " " + backends[i].TLS)
	}
	return hashOf(backends[i].Name)
}

func (p *Pool) weight(backend *contract.Backend) float64 {
	endpoints := p.backends[backend.Name]
	switch {
	case len(endpoints.Addresses) == 0 && endpoints.Service == "":
		return 0
	case backend.Weight == nil:
		return 1
	}
	return float64(*backend.Weight)
}

// rank is how good an endpoint is for a connection: the least is taken.
type rank struct {
	cooling, crowded bool
	value            uint64
}

func (r rank) compare(other rank) int {
	return cmp.Or(compareBool(r.cooling, other.cooling), compareBool(r.crowded, other.crowded), cmp.Compare(r.value, other.value))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// take reserves the best address of a backend that was not tried yet. Ties are
// broken at random: several gateway pods that start together would otherwise all
// fill the same endpoint first.
func (p *Pool) take(to way, by plan, tried map[string]bool) (address string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.options.Now()
	addresses := p.backends[to.backend].Addresses
	first, room := p.turn(to.backend, by, len(addresses)), p.room(addresses, by)
	best, index, ties := rank{}, -1, 0
	for i, candidate := range addresses {
		if tried[candidate] {
			continue
		}
		l := p.load(candidate)
		r := l.rank(by, now.Before(l.cool[to]), room, (len(addresses)+i-first)%len(addresses))
		switch c := r.compare(best); {
		case index < 0 || c < 0:
			best, index, ties = r, i, 1
		case c == 0:
			// The n-th of equals replaces the choice once in n times, so that
			// each of them is as likely.
			if ties++; p.options.Random()*float64(ties) < 1 {
				index = i
			}
		}
	}
	if index < 0 {
		return "", false
	}
	if by.policy == contract.BalanceRoundRobin {
		p.turns[to.backend] = uint64(index) + 1
	}
	address = addresses[index]
	p.reserve(address, to, now)
	return address, true
}

func (p *Pool) reserve(address string, to way, now time.Time) {
	l := p.load(address)
	l.open++
	if _, failed := l.cool[to]; failed {
		// One client tries whether it is well again; the others keep away until
		// that is known.
		l.cool[to] = now.Add(cooling)
	}
}

// rank judges an address, which is so many turns away.
func (l *load) rank(by plan, cooling bool, room, away int) rank {
	r := rank{cooling: cooling}
	switch by.policy {
	case contract.BalanceRoundRobin:
		r.value = uint64(away) //nolint:gosec // not negative
	case contract.BalanceConsistentHash:
		r.crowded, r.value = l.open >= room, math.MaxUint64-affinity(by.key, l.hash)
	default:
		r.value = uint64(l.open) //nolint:gosec // not negative
	}
	return r
}

// turn is the place of the endpoint whose turn it is. Each pod begins anywhere, so
// that not all of them begin with the same.
func (p *Pool) turn(backend string, by plan, endpoints int) int {
	if by.policy != contract.BalanceRoundRobin || endpoints == 0 {
		return 0
	}
	turn, begun := p.turns[backend]
	if !begun {
		turn = uint64(p.options.Random() * float64(endpoints))
	}
	return int(turn % uint64(endpoints)) //nolint:gosec // less than endpoints
}

// room is how many connections an endpoint may have before keys go elsewhere: a
// percentage of the mean with the new one (consistent hashing with bounded loads,
// Mirrokni, Thorup and Zadimoghaddam 2016). Without a bound, one key that everybody
// has would take an endpoint down, and then the next.
func (p *Pool) room(addresses []string, by plan) int {
	if by.policy != contract.BalanceConsistentHash || len(addresses) == 0 {
		return 0
	}
	open := 1
	for _, address := range addresses {
		open += p.load(address).open
	}
	return max(neverCrowded, (open*by.percent+100*len(addresses)-1)/(100*len(addresses)))
}
