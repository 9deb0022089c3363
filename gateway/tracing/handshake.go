// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Attributes of ours, where the semantic conventions have none.
const (
	keyListener     = attribute.Key("wsgateway.listener")
	keyRoute        = attribute.Key("wsgateway.route")
	keyPolicy       = attribute.Key("wsgateway.policy")
	keyAuthMethod   = attribute.Key("wsgateway.auth.method")
	keyReason       = attribute.Key("wsgateway.reason")
	keyWouldRefuse  = attribute.Key("wsgateway.would_refuse")
	keyConnectionID = attribute.Key("wsgateway.connection.id")
	keyBackend      = attribute.Key("wsgateway.backend")
	keyCloseCode    = attribute.Key("wsgateway.close.code")
	keyInitiator    = attribute.Key("wsgateway.close.initiator")
	keyDuration     = attribute.Key("wsgateway.connection.duration")
	keyMessagesIn   = attribute.Key("wsgateway.messages.from_client")
	keyMessagesOut  = attribute.Key("wsgateway.messages.to_client")
	keyBytesIn      = attribute.Key("wsgateway.message_bytes.from_client")
	keyBytesOut     = attribute.Key("wsgateway.message_bytes.to_client")
)

// Handshake is the span of one handshake, from accept to our answer. It is used by
// one goroutine.
type Handshake struct {
	tracer *Tracer
	// ctx and span are nil where nothing is recorded, which is nearly always: all
	// that there is then is what the backend is told.
	ctx  context.Context //nolint:containedctx // it is the span, as OpenTelemetry passes spans around
	span trace.Span
	told trace.SpanContext
}

// Begin starts the span of a handshake that began before its request was read.
// header is the client's.
func (t *Tracer) Begin(ctx context.Context, began time.Time, header http.Header) *Handshake {
	if t == nil {
		return nil
	}
	h := &Handshake{tracer: t}
	var parent trace.SpanContext
	if t.config.ContinueClients {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header))
		parent = trace.SpanContextFromContext(ctx)
	}
	if !t.chooses(parent) {
		h.told = unrecorded(parent)
		return h
	}
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), at(began)}
	if !t.config.ContinueClients {
		outside := propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header))
		if client := trace.SpanContextFromContext(outside); client.IsValid() {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: client}))
		}
	}
	h.ctx, h.span = t.tracer.Start(ctx, http.MethodGet, options...)
	return h
}

// Recorded tells whether anybody will see the span: what is only for its
// attributes need not be computed otherwise.
func (h *Handshake) Recorded() bool { return h != nil && h.span != nil }

// TraceID of a span that is recorded; empty otherwise.
func (h *Handshake) TraceID() string {
	if !h.Recorded() {
		return ""
	}
	return h.span.SpanContext().TraceID().String()
}

// Authenticated adds the time in which the caller was authenticated. reason is
// that of the refusal, empty for none.
func (h *Handshake) Authenticated(began, ended time.Time, method, reason string) {
	if !h.Recorded() {
		return
	}
	_, span := h.tracer.tracer.Start(h.ctx, "authenticate", trace.WithSpanKind(trace.SpanKindInternal), at(began))
	if method != "" {
		span.SetAttributes(keyAuthMethod.String(method))
	}
	if reason != "" {
		span.SetAttributes(keyReason.String(reason))
	}
	span.End(at(ended))
}

// Upstream is the span of a backend's handshake.
type Upstream struct {
	// ctx and span are nil, and told is what is told, as in Handshake.
	ctx  context.Context //nolint:containedctx // as in Handshake
	span trace.Span
	told trace.SpanContext
}

// Upstream starts the span of a backend's handshake.
func (h *Handshake) Upstream(began time.Time) *Upstream {
	if h == nil {
		return nil
	}
	u := &Upstream{told: h.told}
	if h.span == nil {
		return u
	}
	u.ctx, u.span = h.tracer.tracer.Start(h.ctx, http.MethodGet, trace.WithSpanKind(trace.SpanKindClient), at(began))
	return u
}

// Propagate tells a backend which span it works for, also where that is not
// recorded, so that it does not begin a trace of its own. What a client said of
// its trace is replaced: a tracestate belongs to its traceparent.
func (u *Upstream) Propagate(header http.Header) {
	if u == nil {
		return
	}
	header.Del("Tracestate")
	if u.span == nil {
		tell(header, u.told)
		return
	}
	propagation.TraceContext{}.Inject(u.ctx, propagation.HeaderCarrier(header))
}

// End ends the span. backend and address are empty where none was reached; reason
// is that of the refusal, empty for none.
func (u *Upstream) End(ended time.Time, backend, address, reason string) {
	if u == nil || u.span == nil {
		return
	}
	if u.span.IsRecording() {
		u.span.SetAttributes(semconv.HTTPRequestMethodGet, semconv.NetworkProtocolName("http"), semconv.NetworkProtocolVersion("1.1"))
		if host, port, err := net.SplitHostPort(address); err == nil {
			number, _ := strconv.Atoi(port)
			u.span.SetAttributes(semconv.ServerAddress(host), semconv.ServerPort(number), keyBackend.String(backend))
		}
		if reason == "" {
			u.span.SetAttributes(semconv.HTTPResponseStatusCode(http.StatusSwitchingProtocols))
		} else {
			u.span.SetAttributes(semconv.ErrorTypeKey.String(reason))
			u.span.SetStatus(codes.Error, "")
		}
	}
	u.span.End(at(ended))
}
