// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package otlplog

import (
	"encoding/hex"
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

// What stands beside a line, for those who choose by it. In a line of ours no text
// can have these characters in it: its quotes are escaped.
const (
	timeBefore   = `{"@timestamp":"`
	eventBefore  = `,"event.action":"`
	reasonBefore = `,"event.reason":"`
	traceBefore  = `,"trace.id":"`

	// maxHead is more than a time and what stands before it.
	maxHead = 64
)

// behind returns the text that follows a field's name, which is a word or a time of
// ours and has nothing escaped; empty for none. To decode the whole line would cost
// more than all else that is done with it.
func behind(line, before string) string {
	_, rest, _ := strings.Cut(line, before)
	value, _, closed := strings.Cut(rest, `"`)
	if !closed {
		return ""
	}
	return value
}

// traceIDBytes is the length of a trace's identifier (W3C Trace Context, 3.2.2.3).
const traceIDBytes = 16

// record makes a log record of a line. The body is the line without its break,
// byte for byte: any other form could not be verified.
func (o *Output) record(line []byte) *logsv1.LogRecord {
	body := strings.TrimRight(string(line), "\n")
	// A line that is none of ours has no time and no name, and is sent all the same.
	event, reason := behind(body, eventBefore), behind(body, reasonBefore)
	r := &logsv1.LogRecord{
		ObservedTimeUnixNano: nanoseconds(o.options.Now()),
		SeverityNumber:       logsv1.SeverityNumber_SEVERITY_NUMBER_INFO,
		SeverityText:         "INFO",
		Body:                 &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: body}},
	}
	if at, err := time.Parse(time.RFC3339, behind(body[:min(len(body), maxHead)], timeBefore)); err == nil {
		r.TimeUnixNano = nanoseconds(at)
	}
	if warns(event) {
		r.SeverityNumber, r.SeverityText = logsv1.SeverityNumber_SEVERITY_NUMBER_WARN, "WARN"
	}
	if beside := o.beside(event, reason); beside != nil {
		r.EventName, r.Attributes = beside.name, beside.attributes
	}
	// A collector that has the traces too shows both together.
	if id, err := hex.DecodeString(behind(body, traceBefore)); err == nil && len(id) == traceIDBytes {
		r.TraceId = id
	}
	return r
}

// kind is an event with its reason, and what stands beside the lines of all such.
type kind struct{ event, reason string }

type beside struct {
	name       string
	attributes []*commonv1.KeyValue
}

// maxKinds is more than there are events and reasons; lines that are none of ours
// must not fill the memory.
const maxKinds = 512

// beside is shared by all records of a kind, which nobody changes; nil where there
// is nothing to say.
func (o *Output) beside(event, reason string) *beside {
	known := kind{event, reason}
	if found, ok := o.kinds[known]; ok {
		return found
	}
	var b *beside
	if event != "" {
		b = &beside{name: service + "." + event, attributes: []*commonv1.KeyValue{text("event.action", event)}}
		if reason != "" {
			b.attributes = append(b.attributes, text("event.reason", reason))
		}
	}
	if len(o.kinds) < maxKinds {
		o.kinds[known] = b
	}
	return b
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
