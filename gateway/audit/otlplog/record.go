// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package otlplog

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// scope is who wrote the records; service what they are about.
const (
	scope   = "wsgateway.dev/audit"
	service = "wsgateway"
)

// The numbers of the fields that are written, of the messages of OTLP 1.
const (
	logsResourceLogs      protowire.Number = 1
	resourceLogsResource  protowire.Number = 1
	resourceLogsScopeLogs protowire.Number = 2
	scopeLogsScope        protowire.Number = 1
	scopeLogsRecord       protowire.Number = 2
	recordTime            protowire.Number = 1
	recordBody            protowire.Number = 5
	recordTraceID         protowire.Number = 9
	recordObserved        protowire.Number = 11
	valueString           protowire.Number = 1
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

// envelope is what stands before the records of each message, encoded: the resource
// and the scope, as fields of the messages that they are in.
type envelope struct{ resource, scope []byte }

func envelopeOf(o *Options) envelope {
	return envelope{
		resource: field(nil, resourceLogsResource, encoded(resource(o))),
		scope:    field(nil, scopeLogsScope, encoded(&commonv1.InstrumentationScope{Name: scope})),
	}
}

// room is what an envelope needs at most before the records of a message.
func (e *envelope) room() int {
	const begins = 2 * (1 + binary.MaxVarintLen64) // two fields of a number below 16
	return begins + len(e.resource) + len(e.scope)
}

// seal makes a LogsData of a message that has its records, which are fields of
// ScopeLogs already, behind the room for the envelope.
func (e *envelope) seal(message []byte) []byte {
	room := e.room()
	scopeLogs := len(e.scope) + len(message) - room
	resourceLogs := len(e.resource) + protowire.SizeTag(resourceLogsScopeLogs) + protowire.SizeBytes(scopeLogs)
	start := room - (protowire.SizeTag(logsResourceLogs) + protowire.SizeBytes(resourceLogs) - (len(message) - room))
	head := begin(message[start:start], logsResourceLogs, resourceLogs)
	head = append(head, e.resource...)
	head = begin(head, resourceLogsScopeLogs, scopeLogs)
	_ = append(head, e.scope...) // ends where the records begin
	return message[start:]
}

// begin begins a field of so many bytes.
func begin(to []byte, number protowire.Number, size int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(to, number, protowire.BytesType), uint64(size)) //nolint:gosec // G115: a size
}

func field(to []byte, number protowire.Number, content []byte) []byte {
	return append(begin(to, number, len(content)), content...)
}

func fixed(to []byte, number protowire.Number, value uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(to, number, protowire.Fixed64Type), value)
}

// encoded is a message of texts of ours, which can always be encoded: the zero
// value that stands for what cannot is a message without fields.
func encoded(message proto.Message) []byte {
	data, err := proto.Marshal(message)
	if err != nil {
		return nil
	}
	return data
}

// What stands beside a line, for those who choose by it. In a line of ours no text
// can have these characters in it: its quotes are escaped.
const (
	timeBefore   = `{"@timestamp":"`
	eventBefore  = `,"event.action":"`
	reasonBefore = `,"event.reason":"`
	traceBefore  = `,"trace.id":"`

	// maxHead is more than a time and what stands before it, maxChoice more than a name
	// of an event and what it is, a reason and a trace, which follow each other. To look
	// for what is not there through the whole line costs as much as to send the line.
	maxHead   = 64
	maxChoice = 512
)

// behind returns the text that follows a field's name, which is a word or a time of
// ours and has nothing escaped; empty for none. To decode the whole line would cost
// more than all else that is done with it.
func behind(line, before []byte) []byte {
	_, rest, _ := bytes.Cut(line, before)
	value, _, closed := bytes.Cut(rest, []byte{'"'})
	if !closed {
		return nil
	}
	return value
}

// traceIDBytes is the length of a trace's identifier (W3C Trace Context, 3.2.2.3).
const traceIDBytes = 16

// record makes a log record of a line, in the form that OTLP has on the wire: objects
// that are made only to be encoded cost more than all else. The body is the line
// without its break, byte for byte: any other form could not be verified.
func (o *Output) record(to, line []byte) []byte {
	body := bytes.TrimRight(line, "\n")
	// A line that is none of ours has no time and no name, and is sent all the same.
	var made uint64
	if at, err := time.Parse(time.RFC3339, string(behind(body[:min(len(body), maxHead)], []byte(timeBefore)))); err == nil {
		made = nanoseconds(at)
	}
	choice := body[max(bytes.Index(body, []byte(eventBefore)), 0):]
	choice = choice[:min(len(choice), maxChoice)]
	beside := o.beside(behind(choice, []byte(eventBefore)), behind(choice, []byte(reasonBefore)))
	trace, traced := traceOf(choice)
	value := protowire.SizeTag(valueString) + protowire.SizeBytes(len(body))
	size := sizeOfTime + len(beside) + protowire.SizeTag(recordBody) + protowire.SizeBytes(value)
	if made != 0 {
		size += sizeOfTime
	}
	if traced {
		size += protowire.SizeTag(recordTraceID) + protowire.SizeBytes(len(trace))
	}
	// What is as long as it says is written where it stays.
	to = begin(to, scopeLogsRecord, size)
	if made != 0 {
		to = fixed(to, recordTime, made)
	}
	to = append(to, beside...)
	to = field(begin(to, recordBody, value), valueString, body)
	if traced {
		to = field(to, recordTraceID, trace[:])
	}
	return fixed(to, recordObserved, nanoseconds(o.options.Now()))
}

// sizeOfTime is how long a time is, with the number of its field, which is below 16.
const sizeOfTime = 1 + 8

// traceOf is the trace of a line, if it has one: a collector that has the traces too
// shows both together.
func traceOf(line []byte) (trace [traceIDBytes]byte, traced bool) {
	id := behind(line, []byte(traceBefore))
	if len(id) != 2*traceIDBytes {
		return trace, false
	}
	_, err := hex.Decode(trace[:], id)
	return trace, err == nil
}

// kind is an event with its reason, and what stands beside the lines of all such.
type kind struct{ event, reason string }

// maxKinds is more than there are events and reasons; lines that are none of ours
// must not fill the memory.
const maxKinds = 512

// beside is what stands beside the lines of a kind, as fields of a record.
func (o *Output) beside(event, reason []byte) []byte {
	if found, ok := o.kinds[kind{string(event), string(reason)}]; ok {
		return found
	}
	known := kind{string(event), string(reason)}
	r := &logsv1.LogRecord{SeverityNumber: logsv1.SeverityNumber_SEVERITY_NUMBER_INFO, SeverityText: "INFO"}
	if warns(known.event) {
		r.SeverityNumber, r.SeverityText = logsv1.SeverityNumber_SEVERITY_NUMBER_WARN, "WARN"
	}
	if known.event != "" {
		r.EventName, r.Attributes = service+"."+known.event, []*commonv1.KeyValue{text("event.action", known.event)}
		if known.reason != "" {
			r.Attributes = append(r.Attributes, text("event.reason", known.reason))
		}
	}
	made := encoded(r)
	if len(o.kinds) < maxKinds {
		o.kinds[known] = made
	}
	return made
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
