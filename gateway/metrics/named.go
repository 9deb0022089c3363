// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
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
	active, total uint64
	// wanted is false for routes that are no longer configured.
	wanted bool
}

func newRoutes() *routes {
	label := []string{"route"}
	return &routes{
		active: prometheus.NewDesc(name("connections_active"), "Connections that are open now.", label, nil),
		total:  prometheus.NewDesc(name("connections_opened_total"), "Handshakes that were answered with 101.", label, nil),
		byID:   map[string]*route{},
	}
}

func (r *routes) opened(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID[id] == nil {
		r.byID[id] = &route{}
	}
	r.byID[id].active++
	r.byID[id].total++
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
		into <- prometheus.MustNewConstMetric(r.total, prometheus.CounterValue, float64(found.total), id)
	}
}

// listeners are the series that carry the name of a listener.
type listeners struct {
	notAfter *prometheus.GaugeVec
	loads    *prometheus.CounterVec

	// mu guards the field below.
	mu    sync.Mutex
	known map[string]bool
}

func newListeners() *listeners {
	return &listeners{
		notAfter: gauges("certificate_not_after_timestamp_seconds", "When the certificate that a listener serves expires.", "listener"),
		loads: counters("certificate_loads_total",
			"Certificates read after a change, by whether they could be put into force.", "listener", "result"),
		known: map[string]bool{},
	}
}

func (l *listeners) loaded(id string, ok bool, notAfter time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[id] = true
	if !ok {
		l.loads.WithLabelValues(id, resultFailed).Inc()
		return
	}
	l.loads.WithLabelValues(id, resultOK).Inc()
	l.notAfter.WithLabelValues(id).Set(seconds(notAfter))
}

func (l *listeners) keep(ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := map[string]bool{}
	for _, id := range ids {
		known[id] = true
		l.loads.WithLabelValues(id, resultOK)
		l.loads.WithLabelValues(id, resultFailed)
	}
	for id := range l.known {
		if !known[id] {
			l.notAfter.DeleteLabelValues(id)
			l.loads.DeletePartialMatch(prometheus.Labels{"listener": id})
		}
	}
	l.known = known
}

// Describe implements prometheus.Collector.
func (l *listeners) Describe(into chan<- *prometheus.Desc) {
	l.notAfter.Describe(into)
	l.loads.Describe(into)
}

// Collect implements prometheus.Collector.
func (l *listeners) Collect(into chan<- prometheus.Metric) {
	l.notAfter.Collect(into)
	l.loads.Collect(into)
}
