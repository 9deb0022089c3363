// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package metrics counts what the gateway does, for Prometheus.
//
// Every other part of the gateway may report to a Set; gateway/admin serves
// it. Labels come from the outcome table and from the names of routes,
// listeners and contract files, never from a client, so that nobody outside can
// make series; MaxSeries bounds them whatever happens. Names and labels are
// documented API: docs/metrics.md is written from the Catalogue.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/catalogue"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Phase is a part of the handshake.
type Phase string

// The phases.
const (
	PhaseTLS          Phase = "tls"
	PhaseAuthenticate Phase = "authenticate"
	PhaseUpstream     Phase = "upstream"
)

// Direction of relayed messages.
type Direction string

// The directions.
const (
	FromClient Direction = "from_client"
	ToClient   Direction = "to_client"
)

// About says what an authorization server was asked about.
type About string

// Verdict says what came of a question to an authorization server.
type Verdict string

// The values of About and Verdict.
const (
	AboutHandshake  About   = "handshake"
	AboutConnection About   = "connection"
	Admitted        Verdict = "admitted"
	Refused         Verdict = "refused"
	Unanswered      Verdict = "unanswered"
)

// Values of the label result.
const (
	resultOK     = "ok"
	resultFailed = "failed"
)

// Set is all metrics of one gateway process, with a registry of its own. Safe
// for concurrent use.
type Set struct {
	registry *prometheus.Registry
	book     catalogue.Book

	routes    *routes
	listeners *listeners
	reasons   *reasons
	watched   *watched
	secured   *secured

	lifetime   prometheus.Summary
	handshakes prometheus.Histogram
	phases     *prometheus.SummaryVec
	// Series that every connection counts in: to find them by their labels would cost
	// more than to count.
	tls, authenticate, upstream prometheus.Observer
	fromClient, toClient        flow

	messages *prometheus.CounterVec
	bytes    *prometheus.CounterVec

	fileFailures *prometheus.CounterVec
	fileInForce  *prometheus.GaugeVec
	problems     prometheus.Gauge
	build        *prometheus.GaugeVec

	dialFailures prometheus.Counter
	keySets      *prometheus.CounterVec
	authorizers  *prometheus.CounterVec
	spans        *prometheus.CounterVec

	draining         prometheus.Gauge
	drainConnections prometheus.Gauge
	drainEnd         prometheus.Gauge
}

// New returns a Set. Most series that do not depend on names are there from the
// beginning, so that a rate over the first event of a kind is right.
func New() *Set {
	s := &Set{registry: prometheus.NewRegistry()}
	b := &s.book
	s.routes, s.listeners, s.reasons = newRoutes(b), newListeners(b), newReasons(b)
	s.watched, s.secured = newWatched(b), newSecured(b)
	s.describeTraffic(b)
	s.describeConfig(b)
	s.describeOthers(b)
	s.describeDrain(b)
	s.registry.MustRegister(s.routes, s.listeners, s.watched, s.secured.handshakes, s.secured.resumed,
		s.lifetime, s.handshakes, s.phases, s.messages, s.bytes, s.fileFailures, s.fileInForce, s.problems, s.build,
		s.dialFailures, s.keySets, s.authorizers, s.spans, s.draining, s.drainConnections, s.drainEnd)
	for _, vec := range s.reasons.all() {
		s.registry.MustRegister(vec)
	}
	s.zero()
	return s
}

// Catalogue lists every metric of a gateway by its name. The page of metrics is
// written from it, and dashboards and alerts are checked against it.
func Catalogue() []catalogue.Metric { return New().book.Metrics() }

func (s *Set) describeTraffic(b *catalogue.Book) {
	direction := []catalogue.Label{{Name: "direction", Values: "`from_client` or `to_client`"}}
	s.lifetime = b.Summary(catalogue.Metric{
		Name: "connection_duration_seconds", Help: "How long connections that have ended were open: sum and count",
	})
	s.handshakes = b.Histogram(catalogue.Metric{
		Name: "handshake_duration_seconds", Help: "Time from accept to the 101 answer, of the connections that were opened",
	}, 0.01, 0.05, 0.25, 1, 5)
	s.phases = b.Summaries(catalogue.Metric{
		Name: "handshake_phase_duration_seconds", Labels: []catalogue.Label{{
			Name: "phase", Values: "`tls`, `authenticate` or `upstream`: the backend's handshake",
		}},
		Help: "How long the phases of handshakes took, also of those that were refused: sum and count",
	})
	s.messages = b.Counters(catalogue.Metric{Name: "messages_total", Labels: direction, Help: "Messages relayed"})
	s.bytes = b.Counters(catalogue.Metric{
		Name: "message_bytes_total", Labels: direction, Help: "Payload bytes of these messages, as they are on the network: compressed where the route passes that on",
	})
}

func (s *Set) describeConfig(b *catalogue.Book) {
	file := []catalogue.Label{{Name: "file", Values: "`config.json`, `endpoints.json` or `revocations.json`"}}
	s.fileFailures = b.Counters(catalogue.Metric{
		Name: "config_load_failures_total", Labels: file,
		Help: "Contract files that could not be used after a change; the last good one stayed in force",
	})
	s.fileInForce = b.Gauges(catalogue.Metric{
		Name: "config_in_force_timestamp_seconds", Labels: file, Help: "Since when the content of the file is in force",
	})
	s.problems = b.Gauge(catalogue.Metric{
		Name: "config_problems", Help: "Parts of the configuration that cannot be served as they are; the gateway's status names them",
	})
	s.build = b.Gauges(catalogue.Metric{
		Name: "build_info", Labels: []catalogue.Label{{Name: "version", Values: "release of the gateway"}}, Help: "Always 1",
	})
}

func (s *Set) describeOthers(b *catalogue.Book) {
	s.dialFailures = b.Counter(catalogue.Metric{
		Name: "upstream_dial_failures_total",
		Help: "Backend addresses that could not be dialled, or with which TLS failed; the handshake may have succeeded on another",
	})
	s.keySets = b.Counters(catalogue.Metric{
		Name: "key_set_fetches_total", Labels: []catalogue.Label{result()}, Help: "Fetches of key sets from their addresses",
	})
	s.authorizers = b.Counters(catalogue.Metric{
		Name: "authorization_questions_total",
		Labels: []catalogue.Label{
			{Name: "about", Values: "a `handshake` or an open `connection`"},
			{Name: "result", Values: "`admitted`, `refused` or `unanswered`"},
		},
		Help: "Questions to authorization servers",
	})
	s.spans = b.Counters(catalogue.Metric{
		Name: "trace_spans_total", Stability: catalogue.Alpha, Labels: []catalogue.Label{{
			Name: "result", Values: "`exported`, `failed` when the collector did not take them, `dropped` when it was too slow",
		}},
		Help: "Spans of handshakes that were sampled; absent where nothing was",
	})
}

func (s *Set) describeDrain(b *catalogue.Book) {
	s.draining = b.Gauge(catalogue.Metric{Name: "draining", Help: "1 while the pod lets its connections go, before it stops or because an administrator drains it"})
	s.drainConnections = b.Gauge(catalogue.Metric{
		Name: "drain_initial_connections",
		Help: "Connections that were open when draining began; connections_active are those that are left",
	})
	s.drainEnd = b.Gauge(catalogue.Metric{
		Name: "drain_end_timestamp_seconds", Help: "When the last connection is told to go; 0 while the pod is not draining",
	})
}

func result() catalogue.Label { return catalogue.Label{Name: "result", Values: "`ok` or `failed`"} }

func (s *Set) zero() {
	s.tls = s.phases.WithLabelValues(string(PhaseTLS))
	s.authenticate = s.phases.WithLabelValues(string(PhaseAuthenticate))
	s.upstream = s.phases.WithLabelValues(string(PhaseUpstream))
	s.fromClient, s.toClient = s.flow(FromClient), s.flow(ToClient)
	for _, about := range []About{AboutHandshake, AboutConnection} {
		for _, verdict := range []Verdict{Admitted, Refused, Unanswered} {
			s.authorizers.WithLabelValues(string(about), string(verdict))
		}
	}
	for _, file := range []string{contract.ConfigFile, contract.EndpointsFile, contract.RevocationsFile} {
		s.fileFailures.WithLabelValues(file)
	}
	for _, result := range []string{resultOK, resultFailed} {
		s.keySets.WithLabelValues(result)
	}
}

// flow is one direction of what is relayed.
type flow struct{ messages, bytes prometheus.Counter }

func (s *Set) flow(direction Direction) flow {
	return flow{messages: s.messages.WithLabelValues(string(direction)), bytes: s.bytes.WithLabelValues(string(direction))}
}

// Handler serves the metrics, in the text format of Prometheus or as OpenMetrics,
// whichever the scraper asks for.
func (s *Set) Handler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4, Timeout: 5 * time.Second, EnableOpenMetrics: true,
	})
}

// seconds is a time as Prometheus wants it.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
