// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"context"
	"crypto/tls"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Result is what a handshake came to. Empty strings are left out.
type Result struct {
	// Status of our HTTP answer; 0 where there was none.
	Status int
	// Reason is that of the refusal; empty for a connection.
	Reason string
	// Pattern is the path of the route, as it is configured.
	Pattern string

	Listener, Route, Policy, Method string
	ConnectionID, WouldRefuse       string
	// Host without port and Path without query.
	Host, Path string
	TLS        *tls.ConnectionState
}

// End ends the span.
func (h *Handshake) End(ended time.Time, r *Result) {
	if !h.Recorded() {
		return
	}
	if r.Pattern != "" {
		h.span.SetName(http.MethodGet + " " + r.Pattern)
	}
	h.span.SetAttributes(r.attributes()...)
	if r.Status >= http.StatusInternalServerError {
		h.span.SetStatus(codes.Error, "")
	}
	h.span.End(at(ended))
}

func (r *Result) attributes() []attribute.KeyValue {
	attributes := []attribute.KeyValue{
		semconv.HTTPRequestMethodGet, semconv.URLScheme("wss"),
		semconv.NetworkProtocolName("http"), semconv.NetworkProtocolVersion("1.1"),
	}
	for _, told := range []attribute.KeyValue{
		semconv.HTTPRoute(r.Pattern), semconv.ServerAddress(r.Host), semconv.URLPath(r.Path),
		keyListener.String(r.Listener), keyRoute.String(r.Route), keyPolicy.String(r.Policy), keyAuthMethod.String(r.Method),
		keyConnectionID.String(r.ConnectionID), keyReason.String(r.Reason), keyWouldRefuse.String(r.WouldRefuse),
	} {
		if told.Value.AsString() != "" {
			attributes = append(attributes, told)
		}
	}
	if r.Status != 0 {
		attributes = append(attributes, semconv.HTTPResponseStatusCode(r.Status))
	}
	if r.Status >= http.StatusInternalServerError {
		attributes = append(attributes, semconv.ErrorTypeKey.String(r.Reason))
	}
	if r.TLS != nil {
		attributes = append(attributes,
			semconv.TLSProtocolNameTLS, semconv.TLSProtocolVersion(strings.TrimPrefix(tls.VersionName(r.TLS.Version), "TLS ")),
			semconv.TLSCipher(tls.CipherSuiteName(r.TLS.CipherSuite)), semconv.TLSCurve(r.TLS.CurveID.String()), semconv.TLSResumed(r.TLS.DidResume))
	}
	return attributes
}

// Mark is what a connection remembers of its handshake's span; nil for one that
// was not recorded.
type Mark struct{ span trace.SpanContext }

// Mark returns what Closed needs.
func (h *Handshake) Mark() *Mark {
	if !h.Recorded() {
		return nil
	}
	return &Mark{span: h.span.SpanContext()}
}

// Ending is how a connection ended.
type Ending struct {
	Opened, Closed time.Time
	// Reason and Initiator are those of the audit record, Code that of the Close
	// frame.
	Reason, Initiator string
	Code              int

	Listener, Route, Policy, ConnectionID string

	MessagesFromClient, MessagesToClient, BytesFromClient, BytesToClient uint64
}

// Closed makes a span of the end of a connection: of no length, in a trace of its
// own, with a link to the handshake. A child would come hours after its trace was
// put away, and a span as long as the connection would be lost with the pod.
func (t *Tracer) Closed(ctx context.Context, mark *Mark, e *Ending) {
	if t == nil || mark == nil {
		return
	}
	_, span := t.tracer.Start(ctx, "websocket close",
		trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindInternal), at(e.Closed),
		trace.WithLinks(trace.Link{SpanContext: mark.span}),
		trace.WithAttributes(
			keyListener.String(e.Listener), keyRoute.String(e.Route), keyPolicy.String(e.Policy), keyConnectionID.String(e.ConnectionID),
			keyReason.String(e.Reason), keyInitiator.String(e.Initiator), keyCloseCode.Int(e.Code),
			keyDuration.Float64(e.Closed.Sub(e.Opened).Seconds()),
			keyMessagesIn.Int64(clamp(e.MessagesFromClient)), keyMessagesOut.Int64(clamp(e.MessagesToClient)),
			keyBytesIn.Int64(clamp(e.BytesFromClient)), keyBytesOut.Int64(clamp(e.BytesToClient)),
		))
	span.End(at(e.Closed))
}

// clamp makes a count what OpenTelemetry has numbers for.
func clamp(n uint64) int64 { return int64(min(n, 1<<62)) }
