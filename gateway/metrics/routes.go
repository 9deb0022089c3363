// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wsgateway/websocket-gateway-operator/gateway/catalogue"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Values of the label outcome.
const (
	outcomeAccepted = "accepted"
	outcomeDenied   = "denied"
	outcomeFailed   = "failed"
)

// routes are the series that carry the name of a route. They are a collector
// of their own, because a route that is taken out of the configuration has to
// stay until its last connection ends: a gauge that is deleted and then counted
// down would begin anew below zero.
type routes struct {
	active, total *prometheus.Desc

	// mu guards the fields below.
	mu   sync.Mutex
	byID map[string]*route
}

type route struct {
	active, accepted, denied, failed uint64
	// wanted is false for routes that are no longer configured.
	wanted bool
}

func newRoutes(b *catalogue.Book) *routes {
	named := catalogue.Label{Name: "route", Values: "name of the route; of a WebSocketRoute `NAMESPACE/ROUTE/RULE`"}
	return &routes{
		active: b.GaugeDesc(catalogue.Metric{
			Name: "connections_active", Labels: []catalogue.Label{named}, Help: "Connections that are open now",
		}),
		total: b.CounterDesc(catalogue.Metric{
			Name: "handshakes_total", Labels: []catalogue.Label{named, {
				Name: "outcome",
				Values: "`accepted` with 101, `denied` for what the caller is or did, " +
					"`failed` for what is ours or the backend's to repair",
			}},
			Help: "Handshakes that got as far as their route; those that ended earlier are in handshakes_refused_total only",
		}),
		byID: map[string]*route{},
	}
}

func (r *routes) opened(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID[id] == nil {
		r.byID[id] = &route{}
	}
	r.byID[id].active++
	r.byID[id].accepted++
}

// refused counts a handshake at a route that there still is.
func (r *routes) refused(id string, refusal *outcome.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch found := r.byID[id]; {
	case found == nil:
	case refusal.OurFault():
		found.failed++
	default:
		found.denied++
	}
}

func (r *routes) closed(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := r.byID[id]
	if found == nil || found.active == 0 {
		return
	}
	found.active--
	if found.active == 0 && !found.wanted {
		delete(r.byID, id)
	}
}

func (r *routes) keep(ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, found := range r.byID {
		found.wanted = false
	}
	for _, id := range ids {
		if r.byID[id] == nil {
			r.byID[id] = &route{}
		}
		r.byID[id].wanted = true
	}
	for id, found := range r.byID {
		if !found.wanted && found.active == 0 {
			delete(r.byID, id)
		}
	}
}

// Describe implements prometheus.Collector.
func (r *routes) Describe(into chan<- *prometheus.Desc) {
	into <- r.active
	into <- r.total
}

// Collect implements prometheus.Collector.
func (r *routes) Collect(into chan<- prometheus.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, found := range r.byID {
		into <- prometheus.MustNewConstMetric(r.active, prometheus.GaugeValue, float64(found.active), id)
		for outcome, n := range map[string]uint64{
			outcomeAccepted: found.accepted, outcomeDenied: found.denied, outcomeFailed: found.failed,
		} {
			into <- prometheus.MustNewConstMetric(r.total, prometheus.CounterValue, float64(n), id, outcome)
		}
	}
}
