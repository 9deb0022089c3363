// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"maps"
	"slices"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// load is what one address carries. The pool's lock guards it.
type load struct {
	// open counts connections and dials under way.
	open int
	// listed is true while some backend has the address.
	listed bool
	// cool keeps an address that failed out of the choice until then, unless there
	// is no other, in the ways in which it has not succeeded since.
	cool map[way]time.Time
	// hash of the address, the same in every pod.
	hash uint64
}

// way is how an address is spoken to. A failure counts for that alone: whoever names
// the endpoints of somebody else with a profile that they refuse, or as a Service of
// its own, must not turn the connections of others away from them.
type way struct{ backend, profile string }

func wayTo(backend *contract.Backend) way { return way{backend: backend.Name, profile: backend.TLS} }

// avoided answers until when an address is avoided in any way, of one backend or, by
// an empty name, of any.
func (l *load) avoided(backend string) (until time.Time) {
	for by, cool := range l.cool {
		if (backend == "" || by.backend == backend) && cool.After(until) {
			until = cool
		}
	}
	return until
}

// cooling is how long a failed address is avoided: long enough that a dead
// endpoint does not cost each client a failed dial, short enough that one which
// restarts is used again before anybody wonders. Without it, an endpoint that
// fails every handshake would have the fewest connections and get every client.
const cooling = 5 * time.Second

// SetEndpoints replaces the endpoints. Open connections stay, those to
// endpoints that are gone too, and go on counting where an endpoint stays.
func (p *Pool) SetEndpoints(endpoints contract.Endpoints) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.backends = endpoints.Backends
	for _, l := range p.loads {
		l.listed = false
	}
	maps.DeleteFunc(p.turns, func(name string, _ uint64) bool {
		_, stays := endpoints.Backends[name]
		return !stays
	})
	for _, backend := range endpoints.Backends {
		for _, address := range backend.Addresses {
			p.load(address).listed = true
		}
	}
	for address, l := range p.loads {
		if !l.listed && l.open == 0 {
			delete(p.loads, address)
		}
		maps.DeleteFunc(l.cool, func(by way, _ time.Time) bool {
			_, stays := endpoints.Backends[by.backend]
			return !stays
		})
	}
}

// Open returns how many connections each address has, those of addresses that
// are no endpoints any more included.
func (p *Pool) Open() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	open := make(map[string]int, len(p.loads))
	for address, l := range p.loads {
		if l.open > 0 {
			open[address] = l.open
		}
	}
	return open
}

// Endpoints returns how many addresses are chosen from, and how many are avoided
// at the moment because they failed.
func (p *Pool) Endpoints() (available, failing int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.options.Now()
	for _, l := range p.loads {
		switch {
		case !l.listed:
		case now.Before(l.avoided("")):
			failing++
		default:
			available++
		}
	}
	return available, failing
}

// BackendState is a backend as the pool sees it.
type BackendState struct {
	Name string
	// Service is its address that is dialled when each endpoint fails.
	Service   string
	Endpoints []EndpointState
}

// EndpointState is an address of a backend.
type EndpointState struct {
	Address string
	// Open counts connections and dials under way.
	Open int
	// AvoidedUntil is when an address that has failed is chosen again without
	// need; zero for one that has not.
	AvoidedUntil time.Time
}

// State returns all backends, sorted by name.
func (p *Pool) State() []BackendState {
	p.mu.Lock()
	defer p.mu.Unlock()
	states := make([]BackendState, 0, len(p.backends))
	for _, name := range slices.Sorted(maps.Keys(p.backends)) {
		backend := p.backends[name]
		state := BackendState{Name: name, Service: backend.Service}
		for _, address := range backend.Addresses {
			l := p.load(address)
			state.Endpoints = append(state.Endpoints, EndpointState{Address: address, Open: l.open, AvoidedUntil: l.avoided(name)})
		}
		states = append(states, state)
	}
	return states
}

func (p *Pool) load(address string) *load {
	l := p.loads[address]
	if l == nil {
		l = &load{hash: hashOf(address)}
		p.loads[address] = l
	}
	return l
}

// takeService reserves the address of a backend's Service.
func (p *Pool) takeService(backend string, tried map[string]bool) (address string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	address = p.backends[backend].Service
	if address == "" || tried[address] {
		return "", false
	}
	p.load(address).open++
	return address, true
}

// release gives back what take or takeService reserved.
func (p *Pool) release(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.loads[address]
	if l.open--; l.open == 0 && !l.listed {
		delete(p.loads, address)
	}
}

// judged records whether an address, which is reserved, could be dialled and
// shook hands in a way.
func (p *Pool) judged(address string, by way, well bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.loads[address]
	if well {
		delete(l.cool, by)
		return
	}
	if l.cool == nil {
		l.cool = map[way]time.Time{}
	}
	l.cool[by] = p.options.Now().Add(cooling)
}
