// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"crypto/tls"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wsgateway/websocket-gateway-operator/gateway/catalogue"
)

// otherValue of a label stands for what has no value of its own.
const otherValue = "other"

// secured counts TLS handshakes. Clients choose among what crypto/tls offers, so
// the values are few; what a later Go release adds becomes "other".
type secured struct {
	handshakes *prometheus.CounterVec
	resumed    prometheus.Counter
	// known are the counters of what has been negotiated: to find one by its labels
	// costs more than all else that is counted of a handshake.
	known map[negotiated]prometheus.Counter
	// mu guards known.
	mu sync.RWMutex
}

// negotiated are a version and a key exchange of those that crypto/tls offers.
type negotiated struct {
	version uint16
	group   tls.CurveID
}

func newSecured(b *catalogue.Book) *secured {
	return &secured{
		known: map[negotiated]prometheus.Counter{},
		handshakes: b.Counters(catalogue.Metric{
			Name: "tls_handshakes_total",
			Labels: []catalogue.Label{
				{Name: "version", Values: "`1.2` or `1.3`"},
				{Name: "group", Values: "`X25519MLKEM768` (post-quantum), `X25519`, `P-256` or `other`"},
			},
			Help: "TLS handshakes that succeeded, by version and key exchange",
		}),
		resumed: b.Counter(catalogue.Metric{
			Name: "tls_resumptions_total", Help: "TLS handshakes among them that resumed a session",
		}),
	}
}

// Secured counts a TLS handshake.
func (s *Set) Secured(of uint16, by tls.CurveID, resumed bool) {
	s.secured.of(negotiated{of, by}).Inc()
	if resumed {
		s.secured.resumed.Inc()
	}
}

func (s *secured) of(n negotiated) prometheus.Counter {
	s.mu.RLock()
	found := s.known[n]
	s.mu.RUnlock()
	if found != nil {
		return found
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found = s.handshakes.WithLabelValues(version(n.version), group(n.group))
	s.known[n] = found
	return found
}

func version(v uint16) string {
	switch v {
	case tls.VersionTLS12:
		return "1.2"
	case tls.VersionTLS13:
		return "1.3"
	default:
		return otherValue
	}
}

func group(id tls.CurveID) string {
	switch id {
	case tls.X25519MLKEM768:
		return "X25519MLKEM768"
	case tls.X25519:
		return "X25519"
	case tls.CurveP256:
		return "P-256"
	default:
		return otherValue
	}
}
