// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wsgateway/websocket-gateway-operator/gateway/catalogue"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// MaxSeries is how many series a pod has at the most, besides those that carry
// the name of a route, a listener or an audit sink.
const MaxSeries = 100

// maxReasonSeries is how many of them carry a reason. The table of outcomes has
// more reasons than that, but no pod meets them all.
const maxReasonSeries = 41

// Other stands for the reasons for which there are no series any more. The audit
// log has the true one.
const Other outcome.Reason = "other"

// reasons are the counters that carry a reason. A series begins with the first
// event of its kind: most pods meet a dozen of the reasons. Those that are for an
// operator to repair are there from the beginning, so that the first event of them
// is seen as an increase.
type reasons struct {
	closed, refused, wouldRefuse, wouldClose *prometheus.CounterVec

	// mu guards the field below.
	mu    sync.RWMutex
	known map[*prometheus.CounterVec]map[outcome.Reason]prometheus.Counter
}

func newReasons(b *catalogue.Book) *reasons {
	reason := []catalogue.Label{{Name: "reason", Values: "the reason in the audit log, or `other` in a pod that has met too many of them"}}
	r := &reasons{
		closed: b.Counters(catalogue.Metric{
			Name: "connections_closed_total", Labels: reason,
			Help: "Connections that have ended",
		}),
		refused: b.Counters(catalogue.Metric{
			Name: "handshakes_refused_total", Labels: reason,
			Help: "Handshakes that ended without a connection",
		}),
		wouldRefuse: b.Counters(catalogue.Metric{
			Name: "handshakes_would_refuse_total", Labels: reason,
			Help: "Connections that were opened only because their policy is in DryRun; the audit log says which policy",
		}),
		wouldClose: b.Counters(catalogue.Metric{
			Name: "connections_would_close_total", Labels: reason,
			Help: "Connections that were left open, or open to their end, only because their policy is in DryRun",
		}),
	}
	r.known = map[*prometheus.CounterVec]map[outcome.Reason]prometheus.Counter{}
	for _, vec := range r.all() {
		r.known[vec] = map[outcome.Reason]prometheus.Counter{}
	}
	for _, reason := range toRepair() {
		r.of(r.refused, reason)
	}
	for _, reason := range []outcome.Reason{outcome.UpstreamLost, outcome.RelayFailed, outcome.DrainingClosure} {
		r.of(r.closed, reason)
	}
	return r
}

// toRepair are the refusals that are no caller's fault.
func toRepair() []outcome.Reason {
	// These have no status that would tell.
	silent := []outcome.Reason{outcome.TooManyConnections, outcome.NoCertificate, outcome.ClientCAUnavailable}
	planned := []outcome.Reason{outcome.Draining, outcome.RateOfPod}
	return slices.DeleteFunc(outcome.Refusals(), func(reason outcome.Reason) bool {
		ours := outcome.Refuse(reason, "").OurFault() || slices.Contains(silent, reason)
		return !ours || slices.Contains(planned, reason)
	})
}

func (r *reasons) all() []*prometheus.CounterVec {
	return []*prometheus.CounterVec{r.closed, r.refused, r.wouldRefuse, r.wouldClose}
}

// count adds one to a reason.
func (r *reasons) count(vec *prometheus.CounterVec, reason outcome.Reason) { r.of(vec, reason).Inc() }

func (r *reasons) of(vec *prometheus.CounterVec, reason outcome.Reason) prometheus.Counter {
	r.mu.RLock()
	found := r.known[vec][reason]
	r.mu.RUnlock()
	if found != nil {
		return found
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	total := 0
	for _, series := range r.known {
		total += len(series)
	}
	// One place of each family is kept for Other.
	if total >= maxReasonSeries-len(r.known) {
		reason = Other
	}
	found = vec.WithLabelValues(string(reason))
	r.known[vec][reason] = found
	return found
}
