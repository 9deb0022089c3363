// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wsgateway/websocket-gateway-operator/gateway/catalogue"
)

// Sources are figures that other parts have anyway; they are asked at each
// scrape, so they must be quick and safe for concurrent use. All are required.
type Sources struct {
	// Audit are the figures of the sinks of the audit log.
	Audit func() []AuditStats
	// Endpoints says how many addresses of backends are chosen from, and how many
	// are avoided because they have just failed.
	Endpoints func() (available, failing int)
	// MaxConnections is the cap of the pod.
	MaxConnections func() int32
	// RevalidationLag is the longest time that an open connection has waited for
	// its authorization server to be asked about it, in intervals of its policy.
	RevalidationLag func() float64
	// HandshakesWaiting is how many TLS handshakes wait for a processor.
	HandshakesWaiting func() int
	// Loops are the figures of the event loops that relay frames.
	Loops func() LoopStats
}

// LoopStats are the figures of event loops, see proxy.LoopStats.
type LoopStats struct {
	Turns        uint64
	Longest      time.Duration
	BuffersFound bool
}

// AuditStats are the figures of one sink of the audit log, see audit.Stats.
type AuditStats struct {
	Sink             string
	Queued, Capacity int
	Written, Lost    uint64
}

// watched are the metrics that are asked for.
type watched struct {
	sources atomic.Pointer[Sources]

	queued, capacity, written, lost *prometheus.Desc
	endpoints, limit, waiting, lag  *prometheus.Desc
	turns, longest, found           *prometheus.Desc
}

func newWatched(b *catalogue.Book) *watched {
	sink := []catalogue.Label{{Name: "sink", Values: "`stdout` or another sink of the audit log"}}
	return &watched{
		queued: b.GaugeDesc(catalogue.Metric{
			Name: "audit_queued_records", Labels: sink, Help: "Audit records that wait for the sink",
		}),
		capacity: b.GaugeDesc(catalogue.Metric{
			Name: "audit_queue_capacity_records", Labels: sink,
			Help: "Audit records that may wait for the sink; beyond, events are lost, or newcomers refused where audit.onOverflow says so",
		}),
		written: b.CounterDesc(catalogue.Metric{
			Name: "audit_written_records_total", Labels: sink, Help: "Audit records written",
		}),
		lost: b.CounterDesc(catalogue.Metric{
			Name: "audit_lost_events_total", Labels: sink,
			Help: "Events that are in no audit record of the sink, because it was too slow or failed",
		}),
		endpoints: b.GaugeDesc(catalogue.Metric{
			Name: "upstream_endpoints", Labels: []catalogue.Label{{
				Name: "state", Values: "`available`, or `failing`: not chosen while there are others, because the last attempt failed",
			}},
			Help: "Addresses of backends and authorization servers",
		}),
		limit: b.GaugeDesc(catalogue.Metric{
			Name: "connections_limit", Help: "Connections that the pod accepts at the most; beyond, they are refused as too_many_connections",
		}),
		waiting: b.GaugeDesc(catalogue.Metric{
			Name: "tls_handshakes_waiting",
			Help: "TLS handshakes that wait because the processors of the pod are busy with others; too long, and they are refused as handshake_backlog",
		}),
		lag: b.GaugeDesc(catalogue.Metric{
			Name: "revalidation_lag_ratio",
			Help: "How long the first in line has waited for its authorization server to be asked about it, in parts of revalidateEvery: 1 is a whole interval, at 2 connections end",
		}),
		turns: b.CounterDesc(catalogue.Metric{
			Name: "relay_turns_total",
			Help: "Turns that connections relayed as frames have had in the event loops, by an event of their sockets or a timer",
		}),
		longest: b.GaugeDesc(catalogue.Metric{
			Name: "relay_longest_turn_seconds",
			Help: "Longest turn since the pod started: so long the other connections of an event loop have waited for one. More than some milliseconds means that the pod gets too little processor time",
		}),
		found: b.GaugeDesc(catalogue.Metric{
			Name: "relay_buffers_found",
			Help: "1 where the buffers of TLS were found. 0 in a gateway built with a release of Go that has them elsewhere, and where there are no event loops: connections then take more memory, nothing else changes",
		}),
	}
}

// Watch asks the sources from now on.
func (s *Set) Watch(sources Sources) { s.watched.sources.Store(&sources) }

// Describe implements prometheus.Collector.
func (w *watched) Describe(into chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		w.queued, w.capacity, w.written, w.lost, w.endpoints, w.limit, w.waiting, w.lag, w.turns, w.longest, w.found,
	} {
		into <- desc
	}
}

// Collect implements prometheus.Collector.
func (w *watched) Collect(into chan<- prometheus.Metric) {
	sources := w.sources.Load()
	if sources == nil {
		return
	}
	for _, stats := range sources.Audit() {
		into <- prometheus.MustNewConstMetric(w.queued, prometheus.GaugeValue, float64(stats.Queued), stats.Sink)
		into <- prometheus.MustNewConstMetric(w.capacity, prometheus.GaugeValue, float64(stats.Capacity), stats.Sink)
		into <- prometheus.MustNewConstMetric(w.written, prometheus.CounterValue, float64(stats.Written), stats.Sink)
		into <- prometheus.MustNewConstMetric(w.lost, prometheus.CounterValue, float64(stats.Lost), stats.Sink)
	}
	available, failing := sources.Endpoints()
	into <- prometheus.MustNewConstMetric(w.endpoints, prometheus.GaugeValue, float64(available), "available")
	into <- prometheus.MustNewConstMetric(w.endpoints, prometheus.GaugeValue, float64(failing), "failing")
	into <- prometheus.MustNewConstMetric(w.limit, prometheus.GaugeValue, float64(sources.MaxConnections()))
	into <- prometheus.MustNewConstMetric(w.waiting, prometheus.GaugeValue, float64(sources.HandshakesWaiting()))
	into <- prometheus.MustNewConstMetric(w.lag, prometheus.GaugeValue, sources.RevalidationLag())
	w.collectLoops(into, sources.Loops())
}

func (w *watched) collectLoops(into chan<- prometheus.Metric, loops LoopStats) {
	found := 0.0
	if loops.BuffersFound {
		found = 1
	}
	into <- prometheus.MustNewConstMetric(w.turns, prometheus.CounterValue, float64(loops.Turns))
	into <- prometheus.MustNewConstMetric(w.longest, prometheus.GaugeValue, loops.Longest.Seconds())
	into <- prometheus.MustNewConstMetric(w.found, prometheus.GaugeValue, found)
}
