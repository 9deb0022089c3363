// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package otlplog

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"
)

// scope is who wrote the records; service what they are about.
const (
	scope   = "wsgateway.dev/audit"
	service = "wsgateway"
)

// resource names the pod as the semantic conventions of OpenTelemetry do.
func resource(o *Options) *resourcev1.Resource {
	namespace, name, _ := strings.Cut(o.Gateway, "/")
	r := &resourcev1.Resource{}
	for _, pair := range [][2]string{
		{"service.name", service},
		{"service.namespace", namespace},
		{"service.instance.id", o.BootID},
		{"k8s.namespace.name", namespace},
		{"k8s.pod.name", o.Pod},
		{"wsgateway.gateway", name},
	} {
		if pair[1] != "" {
			r.Attributes = append(r.Attributes, text(pair[0], pair[1]))
		}
	}
	return r
}

func text(key, value string) *commonv1.KeyValue {
	return &commonv1.KeyValue{Key: key, Value: &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: value}}}
}

// brief is what stands beside a line, for those who choose by it.
type brief struct {
	Time   time.Time `json:"@timestamp"`
	Event  string    `json:"event.action"`
	Reason string    `json:"event.reason"`
	Trace  string    `json:"trace.id"`
}

// traceIDBytes is the length of a trace's identifier (W3C Trace Context, 3.2.2.3).
const traceIDBytes = 16

// record makes a log record of a line. The body is the line without its break,
// byte for byte: any other form could not be verified.
func (o *Output) record(line []byte) *logsv1.LogRecord {
	body := strings.TrimRight(string(line), "\n")
	// A line that is none of ours has no time and no name, and is sent all the same.
	var b brief
	_ = json.Unmarshal([]byte(body), &b)
	r := &logsv1.LogRecord{
		ObservedTimeUnixNano: nanoseconds(o.options.Now()),
		SeverityNumber:       logsv1.SeverityNumber_SEVERITY_NUMBER_INFO,
		SeverityText:         "INFO",
		Body:                 &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: body}},
	}
	if !b.Time.IsZero() {
		r.TimeUnixNano = nanoseconds(b.Time)
	}
	if warns(b.Event) {
		r.SeverityNumber, r.SeverityText = logsv1.SeverityNumber_SEVERITY_NUMBER_WARN, "WARN"
	}
	if b.Event != "" {
		r.EventName = service + "." + b.Event
		r.Attributes = append(r.Attributes, text("event.action", b.Event))
	}
	if b.Reason != "" {
		r.Attributes = append(r.Attributes, text("event.reason", b.Reason))
	}
	// A collector that has the traces too shows both together.
	if id, err := hex.DecodeString(b.Trace); err == nil && len(id) == traceIDBytes {
		r.TraceId = id
	}
	return r
}

// warns tells the events that somebody should look at.
func warns(event string) bool {
	switch event {
	case "denied", "violation", "gap":
		return true
	}
	return false
}

func nanoseconds(t time.Time) uint64 {
	if t.Unix() < 0 {
		return 0
	}
	return uint64(t.UnixNano())
}
