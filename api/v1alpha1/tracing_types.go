// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Tracing sends spans to an OpenTelemetry collector: one for each handshake that
// is sampled, with children for authentication and the backend's handshake, and
// one when its connection ends. The backend gets a traceparent (W3C Trace Context)
// with each handshake. Spans have no identity, no credential and no query.
type Tracing struct {
	// otlp is the collector. While it cannot be reached spans are lost, and
	// connections go on.
	// +required
	OTLP OTLP `json:"otlp"`

	// samplingRatio is the share of handshakes that are traced, from "0" to "1"
	// with at most six decimal places. Default "0.01".
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8
	// +kubebuilder:validation:Pattern=`^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$`
	SamplingRatio string `json:"samplingRatio,omitempty"`

	// clientContext says what becomes of a traceparent that a client sends. Link,
	// the default, begins a new trace with a link to the client's: a client can
	// neither choose which handshakes are traced, nor write into traces of others.
	// Continue takes over the client's trace and its decision whether to sample,
	// for clients that are trusted.
	// +optional
	ClientContext TraceContext `json:"clientContext,omitempty"`
}

// TraceContext says what becomes of a trace context from outside.
//
// +kubebuilder:validation:Enum=Link;Continue
type TraceContext string

// What may become of a trace context from outside.
const (
	TraceContextLink     TraceContext = "Link"
	TraceContextContinue TraceContext = "Continue"
)
