// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"

	"go.opentelemetry.io/otel/trace"
)

// chooses decides whether a handshake is recorded: as its parent is, where it has
// one, else by the ratio. It is not left to a sampler of the SDK because that is
// asked last: most handshakes are not recorded, and everything that is made for
// them until then is made in vain.
func (t *Tracer) chooses(parent trace.SpanContext) bool {
	if parent.IsValid() {
		return parent.IsSampled()
	}
	return rand.Float64() < t.config.SamplingRatio() //nolint:gosec // G404: nobody gains anything by guessing it
}

// unrecorded is the place in a trace of a handshake that is not recorded: in that of
// its parent, or in one of its own.
func unrecorded(parent trace.SpanContext) trace.SpanContext {
	var trail trace.TraceID
	var span trace.SpanID
	// Zeros would be no place (W3C Trace Context, section 3.2.2.3).
	binary.BigEndian.PutUint64(trail[:8], rand.Uint64()|1) //nolint:gosec // G404: as above
	binary.BigEndian.PutUint64(trail[8:], rand.Uint64())   //nolint:gosec // G404: as above
	binary.BigEndian.PutUint64(span[:], rand.Uint64()|1)   //nolint:gosec // G404: as above
	if parent.IsValid() {
		trail = parent.TraceID()
	}
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trail, SpanID: span, TraceState: parent.TraceState()})
}

// tell writes a place that is not recorded into a header, as propagation.TraceContext
// does, which makes a context and five strings for it.
func tell(header http.Header, place trace.SpanContext) {
	const version, flags = "00-", "-00"
	trail, span := place.TraceID(), place.SpanID()
	var parent [len(version) + 2*len(trail) + 1 + 2*len(span) + len(flags)]byte
	text := append(hex.AppendEncode(append(parent[:0], version...), trail[:]), '-')
	text = append(hex.AppendEncode(text, span[:]), flags...)
	header.Set("Traceparent", string(text))
	if state := place.TraceState(); state.Len() > 0 {
		header.Set("Tracestate", state.String())
	}
}
