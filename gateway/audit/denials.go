// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// A client address is told of in full this many times per window; beyond that
// its refusals are counted by reason. So somebody who knocks all the time costs
// one line per window, and the first lines still say what they tried.
const (
	deniedWindow   = 10 * time.Second
	deniedInFull   = 10
	deniedClients  = 4096
	ipv6ClientBits = 64 // what a single customer usually gets
)

// denials counts the refusals of each client address.
type denials struct {
	mu      sync.Mutex
	clients map[netip.Prefix]*client
}

type client struct {
	since  time.Time
	inFull int
	// counted is bounded by the number of reasons.
	counted map[outcome.Reason]*sum
}

// sum is several refusals of a client for the same reason.
type sum struct {
	// client is the zero Prefix where many clients share the sum.
	client      netip.Prefix
	reason      outcome.Reason
	status      int
	since, last time.Time
	count       uint64
}

// aggregated counts a refusal; false when it has to be written in full.
func (d *denials) aggregated(address string, refusal *outcome.Refusal, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.client(clientPrefix(address), now)
	// A record for each of those who cannot be recorded would only make it worse.
	if c.inFull < deniedInFull && refusal.Reason != outcome.AuditUnavailable {
		c.inFull++
		return false
	}
	counted, ok := c.counted[refusal.Reason]
	if !ok {
		if c.counted == nil {
			c.counted = map[outcome.Reason]*sum{}
		}
		counted = &sum{reason: refusal.Reason, status: refusal.Answer().Status, since: now}
		c.counted[refusal.Reason] = counted
	}
	counted.last = now
	counted.count++
	return true
}

// client returns the entry of an address. When the table is full, all further
// addresses share one, so that nobody fills the memory with addresses.
func (d *denials) client(prefix netip.Prefix, now time.Time) *client {
	if d.clients == nil {
		d.clients = map[netip.Prefix]*client{}
	}
	if c, ok := d.clients[prefix]; ok {
		return c
	}
	c := &client{since: now}
	if len(d.clients) >= deniedClients {
		prefix = netip.Prefix{}
		if shared, ok := d.clients[prefix]; ok {
			return shared
		}
		c.inFull = deniedInFull
	}
	d.clients[prefix] = c
	return c
}

// due takes the sums whose window is over, or all of them, out of the table.
func (d *denials) due(now time.Time, p *Privacy, all bool) []*entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	var sums []*sum
	for prefix, c := range d.clients {
		if !all && now.Sub(c.since) < deniedWindow {
			continue
		}
		for _, counted := range c.counted {
			counted.client = prefix
			sums = append(sums, counted)
		}
		delete(d.clients, prefix)
	}
	slices.SortFunc(sums, func(a, b *sum) int {
		return cmp.Or(a.since.Compare(b.since), a.client.Compare(b.client), cmp.Compare(a.reason, b.reason))
	})
	entries := make([]*entry, len(sums))
	for i, counted := range sums {
		entries[i] = counted.entry(p)
	}
	return entries
}

// clientPrefix is who counts as one client: an IPv4 address, or the network of
// an IPv6 address. What is no address is the zero prefix.
func clientPrefix(text string) netip.Prefix {
	address, _, _ := parseAddress(text)
	if !address.IsValid() {
		return netip.Prefix{}
	}
	bits := address.BitLen()
	if address.Is6() {
		bits = ipv6ClientBits
	}
	return netip.PrefixFrom(address, bits).Masked()
}
