// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"net/netip"
	"slices"
	"strings"
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
	counted map[outcome.Reason]*deniedRecord
}

// aggregated counts a refusal; false when it has to be written in full.
func (d *denials) aggregated(r *deniedRecord) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.client(clientPrefix(r.ClientAddress), r.Time)
	if c.inFull < deniedInFull {
		c.inFull++
		return false
	}
	sum, ok := c.counted[r.Reason]
	if !ok {
		if c.counted == nil {
			c.counted = map[outcome.Reason]*deniedRecord{}
		}
		sum = &deniedRecord{head: r.head, Reason: r.Reason, HTTPStatus: r.HTTPStatus, Since: r.Time}
		sum.weight = 0
		c.counted[r.Reason] = sum
	}
	sum.Time = r.Time
	sum.Count++
	sum.weight++
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
func (d *denials) due(now time.Time, all bool) []record {
	d.mu.Lock()
	defer d.mu.Unlock()
	var sums []*deniedRecord
	for prefix, c := range d.clients {
		if !all && now.Sub(c.since) < deniedWindow {
			continue
		}
		for _, sum := range c.counted {
			sum.ClientAddress = clientName(prefix)
			sums = append(sums, sum)
		}
		delete(d.clients, prefix)
	}
	slices.SortFunc(sums, func(a, b *deniedRecord) int {
		if order := a.Since.Compare(b.Since); order != 0 {
			return order
		}
		return strings.Compare(a.ClientAddress+string(a.Reason), b.ClientAddress+string(b.Reason))
	})
	records := make([]record, len(sums))
	for i, sum := range sums {
		records[i] = sum
	}
	return records
}

// clientPrefix is who counts as one client: an IPv4 address, or the network of
// an IPv6 address. What is no address is the zero prefix.
func clientPrefix(address string) netip.Prefix {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		with, err := netip.ParseAddrPort(address)
		if err != nil {
			return netip.Prefix{}
		}
		ip = with.Addr()
	}
	ip = ip.Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = ipv6ClientBits
	}
	return netip.PrefixFrom(ip, bits).Masked()
}

// clientName is empty where many clients share an entry.
func clientName(prefix netip.Prefix) string {
	switch {
	case !prefix.IsValid():
		return ""
	case prefix.IsSingleIP():
		return prefix.Addr().String()
	}
	return prefix.String()
}
