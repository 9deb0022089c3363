// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"sync/atomic"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Schema is the value of the field wsgateway.schema. It changes when a field
// changes its meaning or goes; fields may be added under the same value.
const Schema = "wsgateway.dev/audit/v1"

// ecsVersion is the release of the Elastic Common Schema that the names outside
// of "wsgateway." are taken from.
const ecsVersion = "8.17.0"

// Event is the value of the field event.action.
type Event string

// The events.
const (
	EventOpened     Event = "opened"
	EventProgress   Event = "progress"
	EventViolation  Event = "violation"
	EventClosed     Event = "closed"
	EventDenied     Event = "denied"
	EventRevoked    Event = "revoked"
	EventApplied    Event = "config.applied"
	EventRotated    Event = "certificate.rotated"
	EventGap        Event = "gap"
	EventCheckpoint Event = "checkpoint"

	EventAdministered Event = "administered"
)

// Events returns all of them, in the order of the documentation.
func Events() []Event {
	return []Event{
		EventOpened, EventProgress, EventViolation, EventClosed, EventDenied, EventRevoked, EventApplied, EventRotated,
		EventAdministered, EventGap, EventCheckpoint,
	}
}

// classes are how the Elastic Common Schema sorts an event: event.category,
// event.type and event.outcome, as they stand in the line.
func (e Event) classes() string {
	switch e {
	case EventOpened:
		return `,"event.category":["network"],"event.type":["connection","start","allowed"],"event.outcome":"success"`
	case EventProgress:
		return `,"event.category":["network"],"event.type":["connection","info"]`
	case EventClosed:
		return `,"event.category":["network"],"event.type":["connection","end"]`
	case EventDenied:
		return `,"event.category":["network"],"event.type":["connection","denied"],"event.outcome":"failure"`
	case EventViolation:
		return `,"event.category":["network"],"event.type":["connection","protocol"],"event.outcome":"failure"`
	case EventRevoked:
		return `,"event.category":["session"],"event.type":["end"],"event.outcome":"success"`
	case EventApplied:
		// Its outcome may be either.
		return `,"event.category":["configuration"],"event.type":["change"]`
	case EventRotated:
		return `,"event.category":["configuration"],"event.type":["change"],"event.outcome":"success"`
	case EventAdministered:
		// Its type depends on what was ordered.
		return `,"event.category":["configuration"]`
	case EventGap, EventCheckpoint:
		// They are about the log itself, for which there is no category.
	}
	return ""
}

// entry is what a record says, before a stream gives it a place.
type entry struct {
	time  time.Time
	event Event
	// weight is how many events the record stands for.
	weight uint64
	// body are the fields of the event, each with a comma in front of it; nil where they
	// are made later of what was told.
	body []byte
	told told
	// writers are how many streams are to write it still, where there are several; made
	// is what they share.
	writers atomic.Int32
	made    atomic.Pointer[beginning]
}

// told is what a connection's record is made of. It does not change any more.
type told struct {
	connection *Connection
	traffic    Traffic
	closure    *outcome.Closure
	privacy    *Privacy
}

// later is an entry whose body is made by the first stream that writes it: many are
// written one after the other, which costs a fraction of making each in the midst
// of a connection's beginning or end, and nobody is kept waiting for it.
func later(event Event, at time.Time, of *told) *entry {
	return &entry{time: at, event: event, weight: 1, told: *of}
}

// appendTo appends what all lines of the entry begin with. It may be called by several
// streams at once.
func (e *entry) appendTo(line, head []byte) []byte {
	line = append(line, `{"@timestamp":`...)
	line = append(appendTime(line, e.time), head...)
	if e.body != nil {
		return append(line, e.body...)
	}
	f := fields{line: line, privacy: e.told.privacy}
	f.begin(e.event)
	f.tell(e)
	f.finish()
	return f.line
}
