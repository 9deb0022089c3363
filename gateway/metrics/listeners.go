// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wsgateway/websocket-gateway-operator/gateway/catalogue"
)

// listeners are the series that carry the name of a listener.
type listeners struct {
	notAfter *prometheus.GaugeVec
	info     *prometheus.GaugeVec
	loads    *prometheus.CounterVec

	// mu guards the field below.
	mu    sync.Mutex
	known map[string]bool
}

func newListeners(b *catalogue.Book) *listeners {
	named := catalogue.Label{Name: "listener", Values: "name of the listener"}
	return &listeners{
		notAfter: b.Gauges(catalogue.Metric{
			Name: "certificate_not_after_timestamp_seconds", Labels: []catalogue.Label{named},
			Help: "When the certificate that the listener serves expires",
		}),
		info: b.Gauges(catalogue.Metric{
			Name: "certificate_info", Labels: []catalogue.Label{named, {Name: "serial_number", Values: "in lower-case hexadecimal"}},
			Help: "Always 1, for the certificate that the listener serves: one series per listener",
		}),
		loads: b.Counters(catalogue.Metric{
			Name: "certificate_loads_total", Labels: []catalogue.Label{named, result()},
			Help: "Certificates read after a change, by whether they could be put into force",
		}),
		known: map[string]bool{},
	}
}

// served notes the leaf that a listener serves from now on. A listener has one
// series of certificate_info, or rotation would leave one behind each time.
func (l *listeners) served(id, serial string, notAfter time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[id] = true
	l.loads.WithLabelValues(id, resultOK).Inc()
	l.notAfter.WithLabelValues(id).Set(seconds(notAfter))
	l.info.DeletePartialMatch(prometheus.Labels{"listener": id})
	l.info.WithLabelValues(id, serial).Set(1)
}

func (l *listeners) failed(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[id] = true
	l.loads.WithLabelValues(id, resultFailed).Inc()
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
			gone := prometheus.Labels{"listener": id}
			l.notAfter.DeletePartialMatch(gone)
			l.info.DeletePartialMatch(gone)
			l.loads.DeletePartialMatch(gone)
		}
	}
	l.known = known
}

// Describe implements prometheus.Collector.
func (l *listeners) Describe(into chan<- *prometheus.Desc) {
	l.notAfter.Describe(into)
	l.info.Describe(into)
	l.loads.Describe(into)
}

// Collect implements prometheus.Collector.
func (l *listeners) Collect(into chan<- prometheus.Metric) {
	// Between two certificates a listener would have two infos, or none.
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notAfter.Collect(into)
	l.info.Collect(into)
	l.loads.Collect(into)
}
