// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package metrics

import "github.com/prometheus/client_golang/prometheus"

// AuditStats are the figures of the audit log, see audit.Stats.
type AuditStats struct {
	Queued        int
	Written, Lost uint64
}

// WatchAudit asks for the audit log's figures at each scrape. Call it once.
func (s *Set) WatchAudit(stats func() AuditStats) {
	s.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: name("audit_queued_records"), Help: "Audit records that wait for the sink.",
		}, func() float64 { return float64(stats().Queued) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: name("audit_written_records_total"), Help: "Audit records written.",
		}, func() float64 { return float64(stats().Written) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: name("audit_lost_events_total"), Help: "Events that are in no audit record, because the sink was too slow or failed.",
		}, func() float64 { return float64(stats().Lost) }),
	)
}
