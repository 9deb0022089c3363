// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Opened counts a connection of a route in.
func (s *Set) Opened(route string) { s.routes.opened(route) }

// Closed counts it out.
func (s *Set) Closed(route string, reason outcome.Reason, lifetime time.Duration) {
	s.routes.closed(route)
	s.reasons.count(s.reasons.closed, reason)
	s.lifetime.Observe(lifetime.Seconds())
}

// Refused counts a refused handshake. route is the name of the route that it was
// for, empty if it did not get so far.
func (s *Set) Refused(route string, refusal *outcome.Refusal) {
	s.reasons.count(s.reasons.refused, refusal.Reason)
	if route != "" {
		s.routes.refused(route, refusal)
	}
}

// WouldRefuse counts a connection that was opened although its policy, which is in
// dry run, refuses it.
func (s *Set) WouldRefuse(reason outcome.Reason) { s.reasons.count(s.reasons.wouldRefuse, reason) }

// WouldClose counts a connection that its policy, which is in dry run, would have
// ended; once each.
func (s *Set) WouldClose(reason outcome.Reason) { s.reasons.count(s.reasons.wouldClose, reason) }

// Established records how long the handshake of a connection took, and which trace
// tells why; trace is empty for none.
func (s *Set) Established(took time.Duration, trace string) {
	if exemplars, ok := s.handshakes.(prometheus.ExemplarObserver); ok && trace != "" {
		exemplars.ObserveWithExemplar(took.Seconds(), prometheus.Labels{"trace_id": trace})
		return
	}
	s.handshakes.Observe(took.Seconds())
}

// Spans counts what has become of spans.
func (s *Set) Spans(result string, spans int) { s.spans.WithLabelValues(result).Add(float64(spans)) }

// Handshake records how long a phase of a handshake took.
func (s *Set) Handshake(phase Phase, took time.Duration) {
	series := s.upstream
	switch phase {
	case PhaseTLS:
		series = s.tls
	case PhaseAuthenticate:
		series = s.authenticate
	case PhaseUpstream:
	}
	series.Observe(took.Seconds())
}

// Authorization counts a question to an authorization server.
func (s *Set) Authorization(about About, verdict Verdict) {
	s.authorizers.WithLabelValues(string(about), string(verdict)).Inc()
}

// Traffic adds relayed messages and their payload bytes.
func (s *Set) Traffic(direction Direction, messages, bytes uint64) {
	to := s.fromClient
	if direction == ToClient {
		to = s.toClient
	}
	to.messages.Add(float64(messages))
	to.bytes.Add(float64(bytes))
}

// FileInForce records since when a file of the contract ("config.json") is in
// force.
func (s *Set) FileInForce(file string, since time.Time) {
	s.fileInForce.WithLabelValues(file).Set(seconds(since))
}

// FileFailed counts a file of the contract that could not be used.
func (s *Set) FileFailed(file string) { s.fileFailures.WithLabelValues(file).Inc() }

// CertificateServed records the leaf that a listener serves from now on.
func (s *Set) CertificateServed(listener, serial string, notAfter time.Time) {
	s.listeners.served(listener, serial, notAfter)
}

// CertificateFailed counts new content of a listener's Secret that could not be
// used.
func (s *Set) CertificateFailed(listener string) { s.listeners.failed(listener) }

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

// Build names the release that runs. Call it once.
func (s *Set) Build(version string) { s.build.WithLabelValues(version).Set(1) }

// Accepting says that the gateway does not drain any more.
func (s *Set) Accepting() {
	s.draining.Set(0)
	s.drainConnections.Set(0)
	s.drainEnd.Set(0)
}

// Draining says that the gateway is on its way out, or is emptied by an administrator: how many connections are open,
// and when the last of them is told to go.
func (s *Set) Draining(connections int, end time.Time) {
	s.draining.Set(1)
	s.drainConnections.Set(float64(connections))
	s.drainEnd.Set(seconds(end))
}

// Keep makes series for these routes and listeners and forgets those of all
// others; a route with open connections is forgotten with the last of them.
// Call it after each change of the configuration.
func (s *Set) Keep(routes, listeners []string) {
	s.routes.keep(routes)
	s.listeners.keep(listeners)
}
