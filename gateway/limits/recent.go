// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"container/list"
	"net/netip"
	"time"
)

// mostClients bounds what is remembered of clients: somebody who has an IPv6 /48
// comes from 65,536 networks, and shall cost some megabytes and no more. What
// has to be remembered of a client to hold it to a rate is over in ten seconds
// at most, so that a client is forgotten too early only where more than this
// many come within that time. The limit of the whole pod is for that.
const mostClients = 65_536

// recent remembers something of each of the clients that came last. It is not
// safe for concurrent use.
type recent[V any] struct {
	order   list.List // of *known[V], the one that came last in front
	clients map[netip.Prefix]*list.Element
}

type known[V any] struct {
	client netip.Prefix
	seen   time.Time
	value  V
}

// look returns what is remembered of a client, nil if nothing is.
func (r *recent[V]) look(client netip.Prefix) *V {
	if element, ok := r.clients[client]; ok {
		return &r.at(element).value
	}
	return nil
}

// meet is look for a client that comes now; whoever is new begins with the zero
// value of V. The client that has not come for the longest time gives way when
// the table is full: refusing newcomers instead would let a flood shut everybody
// else out.
func (r *recent[V]) meet(client netip.Prefix, now time.Time) *V {
	if element, ok := r.clients[client]; ok {
		one := r.at(element)
		one.seen = now
		r.order.MoveToFront(element)
		return &one.value
	}
	if r.clients == nil {
		r.clients = map[netip.Prefix]*list.Element{}
	}
	if len(r.clients) >= mostClients {
		r.forget(r.order.Back())
	}
	one := &known[V]{client: client, seen: now}
	r.clients[client] = r.order.PushFront(one)
	return &one.value
}

// expire forgets up to two clients that have not come since before. Called with
// each meet it empties the table faster than that fills it.
func (r *recent[V]) expire(before time.Time) {
	for range 2 {
		last := r.order.Back()
		if last == nil || !r.at(last).seen.Before(before) {
			return
		}
		r.forget(last)
	}
}

func (r *recent[V]) drop(client netip.Prefix) {
	if element, ok := r.clients[client]; ok {
		r.forget(element)
	}
}

func (r *recent[V]) forget(element *list.Element) {
	delete(r.clients, r.at(element).client)
	r.order.Remove(element)
}

func (r *recent[V]) at(element *list.Element) *known[V] {
	one, _ := element.Value.(*known[V]) // nothing else is put in
	return one
}
