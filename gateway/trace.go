// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"cmp"
	"context"
	"crypto/tls"
	"net/http"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/certs"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/otlp"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
	"github.com/wsgateway/websocket-gateway-operator/gateway/tracing"
)

// lastSpans is how long a tracer that is replaced may take to send what it has. The
// end of the gateway may have to wait for it.
const lastSpans = flushTimeout

// retrace brings tracing in line with the configuration. Spans that have begun end
// where they began.
func (s *server) retrace(ctx context.Context, config *contract.Tracing, files certs.Files) {
	before := s.tracer.Load()
	headers := s.traceHeaders(config, files)
	if before.Is(config, headers) {
		return
	}
	var next *tracing.Tracer
	if config != nil {
		var err error
		next, err = tracing.New(tracing.Options{
			Config: config, Headers: headers, Dial: s.pool.Dial, Logger: s.options.Logger,
			Counted: func(fate tracing.Fate, spans int) { s.metrics.Spans(string(fate), spans) },
			Origin: tracing.Origin{
				Gateway: s.gateway(), Pod: s.options.PodName, PodUID: s.options.PodUID,
				BootID: s.bootID, Version: cmp.Or(s.options.Version, unknownVersion),
			},
		})
		if err != nil {
			s.options.Logger.Error("nothing is traced", "error", err)
		}
		next.Move(s.endpoints)
	}
	s.tracer.Store(next)
	if before == nil {
		return
	}
	// The collector may have gone for good; nobody waits for it here.
	s.leaving.Go(func() {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSpans)
		defer cancel()
		before.Close(limited)
	})
}

// traceHeaders reads what the collector asks for. Without that the spans are sent
// all the same: it will not take them, and they are counted.
func (s *server) traceHeaders(config *contract.Tracing, files certs.Files) otlp.Headers {
	var headers otlp.Headers
	var problem *contract.ReportProblem
	if config != nil {
		headers, problem = headersOf(&config.OTLP, files)
	}
	if problem != nil {
		problem.Tracing = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.untraced = problem
	return headers
}

// closeTracers begins to send the last spans, until ctx is done; wait waits for
// that. A collector that does not answer must not cost audit records their time.
func (s *server) closeTracers(ctx context.Context) (wait func()) {
	last := s.tracer.Swap(nil)
	s.leaving.Go(func() { last.Close(ctx) })
	return s.leaving.Wait
}

// established ends the span of a handshake that has become a connection.
func (v *visit) established(secure *tls.Conn, a *handshake.Admission, c *audit.Connection) {
	v.figures.Established(c.OpenedAt.Sub(v.begin), c.TraceID)
	if v.trace == nil {
		return
	}
	state := secure.ConnectionState()
	result := v.result(&state)
	result.Status, result.Method, result.ConnectionID = http.StatusSwitchingProtocols, a.Identity.Method, c.ID
	result.WouldRefuse = string(c.WouldRefuse)
	v.trace.End(c.OpenedAt, result)
}

// traceRefusal ends the span of a handshake that was refused.
func (v *visit) traceRefusal(refusal *outcome.Refusal) {
	if v.trace == nil {
		return
	}
	result := v.result(nil)
	result.Status, result.Reason = refusal.Answer().Status, string(refusal.Reason)
	v.trace.End(v.options.Now(), result)
}

// result is what is known of a handshake whatever came of it; nothing where nobody
// sees it.
func (v *visit) result(state *tls.ConnectionState) *tracing.Result {
	if !v.trace.Recorded() {
		return &tracing.Result{}
	}
	a := &v.attempt
	r := &tracing.Result{Listener: a.Listener, Route: a.Route, Policy: a.Policy, Host: a.Host, Path: a.Path, TLS: state}
	for i := range v.snapshot.config.Routes {
		if route := &v.snapshot.config.Routes[i]; route.Name == a.Route {
			r.Pattern = cmp.Or(route.Path.Exact, route.Path.Prefix)
		}
	}
	return r
}

// traceEnd tells the end of a connection whose handshake was traced.
func (s *server) traceEnd(ctx context.Context, mark *tracing.Mark, one *session.Session, closure *outcome.Closure) {
	if mark == nil {
		return
	}
	c, t := one.Connection(), one.Traffic()
	s.tracer.Load().Closed(ctx, mark, &tracing.Ending{
		Opened: c.OpenedAt, Closed: s.options.Now(),
		Reason: string(closure.Reason), Initiator: string(closure.Initiator), Code: closure.Code,
		Listener: c.Listener, Route: c.Route, Policy: c.Policy, ConnectionID: c.ID,
		MessagesFromClient: t.MessagesFromClient, MessagesToClient: t.MessagesToClient,
		BytesFromClient: t.BytesFromClient, BytesToClient: t.BytesToClient,
	})
}
