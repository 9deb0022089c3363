// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package metrics counts what the gateway does, for Prometheus.
//
// Every other part of the gateway may report to a Set; gateway/admin serves
// it. Labels come from the outcome table and from the names of routes,
// listeners and contract files, never from a client, so that nobody outside can
// make series. Names and labels are documented API.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Phase is a part of the handshake.
type Phase string

// The phases. PhaseTotal is from accept to our 101 answer.
const (
	PhaseTLS          Phase = "tls"
	PhaseAuthenticate Phase = "authenticate"
	PhaseUpstream     Phase = "upstream"
	PhaseTotal        Phase = "total"
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
	routes   *routes

	closed   *prometheus.CounterVec
	lifetime prometheus.Summary
	refused  *prometheus.CounterVec
	// wouldRefuse and wouldClose count what policies in dry run keep to themselves.
	wouldRefuse *prometheus.CounterVec
	wouldClose  *prometheus.CounterVec
	handshakes  *prometheus.HistogramVec
	messages    *prometheus.CounterVec
	bytes       *prometheus.CounterVec

	fileLoads    *prometheus.CounterVec
	fileInForce  *prometheus.GaugeVec
	certificates *listeners

	dialFailures prometheus.Counter
	keySets      *prometheus.CounterVec
	authorizers  *prometheus.CounterVec
	problems     prometheus.Gauge
	draining     prometheus.Gauge
}

// New returns a Set with every series that does not depend on names at zero, so
// that a rate over the first event of a kind is right.
func New() *Set {
	s := &Set{
		registry: prometheus.NewRegistry(),
		routes:   newRoutes(),
		closed: counters("connections_closed_total",
			"Connections that have ended, by the reason in the audit log.", "reason"),
		lifetime: prometheus.NewSummary(prometheus.SummaryOpts{
			Name: name("connection_duration_seconds"), Help: "How long connections that have ended were open.",
		}),
		refused: counters("handshakes_refused_total",
			"Handshakes that ended without a connection, by the reason in the audit log.", "reason"),
		wouldRefuse: counters("handshakes_would_refuse_total",
			"Connections that were opened only because their policy is in dry run, by the reason in the audit log.", "reason"),
		wouldClose: counters("connections_would_close_total",
			"Connections that are open, or were to their end, only because their policy is in dry run.", "reason"),
		handshakes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name("handshake_duration_seconds"), Help: "How long the phases of handshakes took.",
			Buckets: []float64{0.005, 0.025, 0.1, 0.5, 2.5},
		}, []string{"phase"}),
		messages: counters("messages_total", "Messages relayed.", "direction"),
		bytes:    counters("message_bytes_total", "Payload bytes relayed.", "direction"),
		fileLoads: counters("config_loads_total",
			"Contract files read after a change, by whether they could be put into force.", "file", "result"),
		fileInForce:  gauges("config_in_force_timestamp_seconds", "Since when the content of a contract file is in force.", "file"),
		certificates: newListeners(),
		dialFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: name("upstream_dial_failures_total"), Help: "Failed dials of single backend addresses; the handshake may have succeeded on another.",
		}),
		keySets: counters("key_set_fetches_total", "Fetches of key sets from their addresses.", "result"),
		authorizers: counters("authorization_questions_total",
			"Questions to authorization servers, about handshakes and about open connections.", "about", "result"),
		problems: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: name("config_problems"), Help: "Parts of the configuration that cannot be served as they are; /report names them.",
		}),
		draining: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: name("draining"), Help: "1 while the gateway ends its connections before it stops.",
		}),
	}
	s.registry.MustRegister(s.routes, s.certificates, s.closed, s.lifetime, s.refused, s.wouldRefuse, s.wouldClose, s.handshakes, s.messages, s.bytes,
		s.fileLoads, s.fileInForce, s.dialFailures, s.keySets, s.authorizers, s.problems, s.draining)
	s.zero()
	return s
}

func (s *Set) zero() {
	for _, reason := range outcome.Refusals() {
		s.refused.WithLabelValues(string(reason))
	}
	for _, reason := range outcome.Closures() {
		s.closed.WithLabelValues(string(reason))
	}
	for _, reason := range outcome.OfPolicy() {
		s.wouldRefuse.WithLabelValues(string(reason))
	}
	for _, reason := range []outcome.Reason{outcome.CredentialExpired, outcome.AccessRevoked} {
		s.wouldClose.WithLabelValues(string(reason))
	}
	for _, phase := range []Phase{PhaseTLS, PhaseAuthenticate, PhaseUpstream, PhaseTotal} {
		s.handshakes.WithLabelValues(string(phase))
	}
	for _, direction := range []Direction{FromClient, ToClient} {
		s.messages.WithLabelValues(string(direction))
		s.bytes.WithLabelValues(string(direction))
	}
	for _, about := range []About{AboutHandshake, AboutConnection} {
		for _, verdict := range []Verdict{Admitted, Refused, Unanswered} {
			s.authorizers.WithLabelValues(string(about), string(verdict))
		}
	}
	for _, result := range []string{resultOK, resultFailed} {
		s.keySets.WithLabelValues(result)
		for _, file := range []string{contract.ConfigFile, contract.EndpointsFile, contract.RevocationsFile} {
			s.fileLoads.WithLabelValues(file, result)
		}
	}
}

// Handler serves the metrics.
func (s *Set) Handler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 5 * time.Second})
}

// Opened counts a connection of a route in.
func (s *Set) Opened(route string) { s.routes.opened(route) }

// Closed counts it out.
func (s *Set) Closed(route string, reason outcome.Reason, lifetime time.Duration) {
	s.routes.closed(route)
	s.closed.WithLabelValues(string(reason)).Inc()
	s.lifetime.Observe(lifetime.Seconds())
}

// Refused counts a refused handshake.
func (s *Set) Refused(reason outcome.Reason) { s.refused.WithLabelValues(string(reason)).Inc() }

// WouldRefuse counts a connection that was opened although its policy, which is in
// dry run, refuses it.
func (s *Set) WouldRefuse(reason outcome.Reason) {
	s.wouldRefuse.WithLabelValues(string(reason)).Inc()
}

// WouldClose counts a connection that its policy, which is in dry run, would have
// ended; once each.
func (s *Set) WouldClose(reason outcome.Reason) { s.wouldClose.WithLabelValues(string(reason)).Inc() }

// Handshake records how long a phase of a handshake took.
func (s *Set) Handshake(phase Phase, took time.Duration) {
	s.handshakes.WithLabelValues(string(phase)).Observe(took.Seconds())
}

// Authorization counts a question to an authorization server.
func (s *Set) Authorization(about About, verdict Verdict) {
	s.authorizers.WithLabelValues(string(about), string(verdict)).Inc()
}

// Traffic adds relayed messages and their payload bytes.
func (s *Set) Traffic(direction Direction, messages, bytes uint64) {
	s.messages.WithLabelValues(string(direction)).Add(float64(messages))
	s.bytes.WithLabelValues(string(direction)).Add(float64(bytes))
}

// FileLoaded records that a file of the contract ("config.json") was read: ok
// tells whether it is in force since at.
func (s *Set) FileLoaded(file string, ok bool, at time.Time) {
	if !ok {
		s.fileLoads.WithLabelValues(file, resultFailed).Inc()
		return
	}
	s.fileLoads.WithLabelValues(file, resultOK).Inc()
	s.fileInForce.WithLabelValues(file).Set(seconds(at))
}

// CertificateLoaded records the served leaf of a listener; ok false means that
// the new content could not be used, and notAfter is not looked at.
func (s *Set) CertificateLoaded(listener string, ok bool, notAfter time.Time) {
	s.certificates.loaded(listener, ok, notAfter)
}

// UpstreamDialFailed counts a failed dial of one endpoint; the handshake may
// still succeed on another.
func (s *Set) UpstreamDialFailed() { s.dialFailures.Inc() }

// KeySetFetched counts a fetch of a key set; it fits authn.KeySetOptions.
func (s *Set) KeySetFetched(err error) {
	result := resultOK
	if err != nil {
		result = resultFailed
	}
	s.keySets.WithLabelValues(result).Inc()
}

// Problems says how many problems the report has.
func (s *Set) Problems(n int) { s.problems.Set(float64(n)) }

// Draining says whether the gateway is on its way out.
func (s *Set) Draining(draining bool) {
	value := 0.0
	if draining {
		value = 1
	}
	s.draining.Set(value)
}

// Keep makes series for these routes and listeners and forgets those of all
// others; a route with open connections is forgotten with the last of them.
// Call it after each change of the configuration.
func (s *Set) Keep(routes, listeners []string) {
	s.routes.keep(routes)
	s.certificates.keep(listeners)
}

func name(metric string) string { return prometheus.BuildFQName("wsgateway", "", metric) }

func counters(metric, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name(metric), Help: help}, labels)
}

func gauges(metric, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name(metric), Help: help}, labels)
}

// seconds is a time as Prometheus wants it.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
