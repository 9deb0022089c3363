// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"crypto/tls"
	"sync/atomic"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/limits"
	"github.com/wsgateway/websocket-gateway-operator/gateway/metrics"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/tracing"
)

// Switch takes the monitors of a gateway away while it runs, and gives them back.
// What is off is off: no record is made, no metric counted, no span begun. Which of
// them are ever on, the fields say.
type Switch struct {
	Audit, Metrics, Traces bool

	off    atomic.Bool
	server *server
	tracer *tracing.Tracer
}

// RunSwitched is Run with a Switch, which is on.
func RunSwitched(ctx context.Context, o Options, w *Switch) error {
	o.prepared = w.install
	return Run(ctx, o)
}

// WithTurns shows the turns of TLS handshakes before the gateway begins.
func WithTurns(show func(*limits.Turns)) func(*Options) {
	return func(o *Options) { o.prepared = func(s *server) { show(s.turns) } }
}

func (w *Switch) install(s *server) {
	w.server = s
	s.monitors = monitors{records: switchedRecorder{s.audit, w}, figures: switchedMeter{s.metrics, w}}
	s.door.Took = s.figures.Handshake
}

// Turn switches. It must not be called twice at once, nor while the configuration
// changes.
func (w *Switch) Turn(on bool) {
	w.off.Store(!on)
	if current := w.server.tracer.Load(); current != nil {
		w.tracer = current
	}
	w.server.tracer.Store(nil)
	if on && w.Traces {
		w.server.tracer.Store(w.tracer)
	}
}

// Rests tells whether so many connections are open and no record waits for its sink,
// but one of the progress of each of them: those never end. What a sink sends in
// batches, and spans, may be on their way still.
func (w *Switch) Rests(open int) bool {
	if w.server.sessions.Len() != open {
		return false
	}
	for _, sink := range w.server.audit.Stats() {
		if sink.Queued > open {
			return false
		}
	}
	return true
}

func (w *Switch) records() bool { return w.Audit && !w.off.Load() }
func (w *Switch) counts() bool  { return w.Metrics && !w.off.Load() }

// switchedRecorder is the audit log while its switch is on.
type switchedRecorder struct {
	recorder
	*Switch
}

func (r switchedRecorder) Opened(c *audit.Connection) {
	if r.records() {
		r.recorder.Opened(c)
	}
}

func (r switchedRecorder) Progress(c *audit.Connection, t audit.Traffic) {
	if r.records() {
		r.recorder.Progress(c, t)
	}
}

func (r switchedRecorder) Violated(c *audit.Connection, closure *outcome.Closure) {
	if r.records() {
		r.recorder.Violated(c, closure)
	}
}

func (r switchedRecorder) Closed(c *audit.Connection, t audit.Traffic, closure *outcome.Closure) {
	if r.records() {
		r.recorder.Closed(c, t, closure)
	}
}

func (r switchedRecorder) Denied(a *audit.Attempt, refusal *outcome.Refusal) {
	if r.records() {
		r.recorder.Denied(a, refusal)
	}
}

// switchedMeter are the metrics while their switch is on. What happens only to the
// few who are refused is left out.
type switchedMeter struct {
	meter
	*Switch
}

func (m switchedMeter) Secured(version uint16, group tls.CurveID, resumed bool) {
	if m.counts() {
		m.meter.Secured(version, group, resumed)
	}
}

func (m switchedMeter) Handshake(phase metrics.Phase, took time.Duration) {
	if m.counts() {
		m.meter.Handshake(phase, took)
	}
}

func (m switchedMeter) Established(took time.Duration, trace string) {
	if m.counts() {
		m.meter.Established(took, trace)
	}
}

func (m switchedMeter) Opened(route string) {
	if m.counts() {
		m.meter.Opened(route)
	}
}

func (m switchedMeter) Traffic(direction metrics.Direction, messages, bytes uint64) {
	if m.counts() {
		m.meter.Traffic(direction, messages, bytes)
	}
}

func (m switchedMeter) Closed(route string, reason outcome.Reason, lifetime time.Duration) {
	if m.counts() {
		m.meter.Closed(route, reason, lifetime)
	}
}

// Housekeeping tells in which of the seconds memory is looked after, by what happens
// in each.
func Housekeeping(seconds []uint64) []bool {
	var keeping housekeeping
	var churn uint64
	due := make([]bool, 0, len(seconds))
	for _, happened := range seconds {
		churn += happened
		due = append(due, keeping.due(churn))
	}
	return due
}
