// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package catalogue makes the collectors of both programs' metrics and writes down
// what it has made, so that the documentation cannot say anything else.
package catalogue

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Metric is what the documentation says of one metric.
type Metric struct {
	// Name in full, as it is in a query; a histogram has samples with the suffixes
	// _bucket, _sum and _count, a summary with the last two. Whoever asks a Book for
	// a collector leaves out what is before all names of the program.
	Name string
	// Type is counter, gauge, histogram or summary. A Book fills it in.
	Type string
	// Help is one sentence without a full stop.
	Help   string
	Labels []Label
	// Stability is Stable or Alpha; a Book takes empty for Stable.
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
	kindSummary   = "summary"
)

// Book makes the collectors of one program. The zero value is ready, and writes
// wsgateway_ before each name; it is not for concurrent use.
type Book struct {
	// Program, if it is not empty, comes between that and the name.
	Program string

	metrics []Metric
}

// Metrics lists what the Book has made, by its name.
func (b *Book) Metrics() []Metric {
	return slices.SortedFunc(slices.Values(b.metrics), func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
}

// note completes and keeps a description.
func (b *Book) note(kind string, m *Metric) (names []string) {
	m.Name, m.Type = prometheus.BuildFQName("wsgateway", b.Program, m.Name), kind
	if m.Stability == "" {
		m.Stability = Stable
	}
	for _, label := range m.Labels {
		names = append(names, label.Name)
	}
	b.metrics = append(b.metrics, *m)
	return names
}

// CounterDesc describes a counter that is read where it is counted.
func (b *Book) CounterDesc(m Metric) *prometheus.Desc { return b.desc(kindCounter, m) }

// GaugeDesc describes a gauge that is read where it is known.
func (b *Book) GaugeDesc(m Metric) *prometheus.Desc { return b.desc(kindGauge, m) }

func (b *Book) desc(kind string, m Metric) *prometheus.Desc {
	labels := b.note(kind, &m)
	return prometheus.NewDesc(m.Name, m.Help, labels, nil)
}

// Counters makes a counter for each combination of labels.
func (b *Book) Counters(m Metric) *prometheus.CounterVec {
	labels := b.note(kindCounter, &m)
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, labels)
}

// Counter makes a counter without labels.
func (b *Book) Counter(m Metric) prometheus.Counter {
	b.note(kindCounter, &m)
	return prometheus.NewCounter(prometheus.CounterOpts{Name: m.Name, Help: m.Help})
}

// Gauges makes a gauge for each combination of labels.
func (b *Book) Gauges(m Metric) *prometheus.GaugeVec {
	labels := b.note(kindGauge, &m)
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, labels)
}

// Gauge makes a gauge without labels.
func (b *Book) Gauge(m Metric) prometheus.Gauge {
	b.note(kindGauge, &m)
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: m.Name, Help: m.Help})
}

// Histogram makes a histogram without labels; buckets are upper bounds in the unit
// of the name.
func (b *Book) Histogram(m Metric, buckets ...float64) prometheus.Histogram {
	b.note(kindHistogram, &m)
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: m.Name, Help: m.Help, Buckets: buckets})
}

// Summary makes a sum and a count without labels.
func (b *Book) Summary(m Metric) prometheus.Summary {
	b.note(kindSummary, &m)
	return prometheus.NewSummary(prometheus.SummaryOpts{Name: m.Name, Help: m.Help})
}

// Summaries makes a sum and a count for each combination of labels.
func (b *Book) Summaries(m Metric) *prometheus.SummaryVec {
	labels := b.note(kindSummary, &m)
	return prometheus.NewSummaryVec(prometheus.SummaryOpts{Name: m.Name, Help: m.Help}, labels)
}
