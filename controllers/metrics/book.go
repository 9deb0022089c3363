// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Metric is what the documentation says of one metric.
type Metric struct {
	// Name in full, as it is in a query; a histogram has samples with the suffixes
	// _bucket, _sum and _count.
	Name string
	// Type is counter, gauge or histogram.
	Type string
	// Help is one sentence without a full stop.
	Help   string
	Labels []Label
	// Stability is Stable or Alpha.
	Stability Stability
}

// Label is one label of a metric.
type Label struct {
	Name string
	// Values says which values it has.
	Values string
}

// Stability says what may become of a metric.
type Stability string

const (
	// Stable metrics keep name, labels and meaning.
	Stable Stability = "stable"
	// Alpha metrics may change with any release, which then says so.
	Alpha Stability = "alpha"
)

// Types of metrics, as the text format names them.
const (
	kindCounter   = "counter"
	kindGauge     = "gauge"
	kindHistogram = "histogram"
)

// Catalogue lists every metric of the operator that is ours by its name. The page
// of metrics is written from it, and dashboards and alerts are checked against it.
func Catalogue() []Metric {
	all := New().book.metrics
	slices.SortFunc(all, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// book makes collectors and writes down what it has made, so that the
// documentation cannot say anything else.
type book struct{ metrics []Metric }

// note completes and keeps a description.
func (b *book) note(kind string, m *Metric) (names []string) {
	m.Name, m.Type = prometheus.BuildFQName("wsgateway", "operator", m.Name), kind
	if m.Stability == "" {
		m.Stability = Stable
	}
	for _, label := range m.Labels {
		names = append(names, label.Name)
	}
	b.metrics = append(b.metrics, *m)
	return names
}

func (b *book) desc(m Metric) *prometheus.Desc {
	labels := b.note(kindGauge, &m)
	return prometheus.NewDesc(m.Name, m.Help, labels, nil)
}

func (b *book) counters(m Metric) *prometheus.CounterVec {
	labels := b.note(kindCounter, &m)
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, labels)
}

func (b *book) gauges(m Metric) *prometheus.GaugeVec {
	labels := b.note(kindGauge, &m)
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, labels)
}

func (b *book) histogram(m Metric, buckets ...float64) prometheus.Histogram {
	b.note(kindHistogram, &m)
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: m.Name, Help: m.Help, Buckets: buckets})
}
