// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/ask"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/text"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// List is what several pods have open. Its JSON form is API.
type List struct {
	Gateway string `json:"gateway"`
	// Open counts all connections of the pods that answered, Matched those that
	// the filters fit.
	Open    int `json:"open"`
	Matched int `json:"matched"`
	// Connections are those that are shown, in order.
	Connections []Row `json:"connections"`
	// Failures are pods that did not answer.
	Failures []string `json:"failures,omitempty"`

	errs []error
}

// Row is a connection and where it is.
type Row struct {
	Pod string `json:"pod"`
	control.Connection
	// AgeSeconds and IdleSeconds by the clock of the pod.
	AgeSeconds  int64 `json:"ageSeconds"`
	IdleSeconds int64 `json:"idleSeconds"`
}

// Merge puts the answers of pods together, at most limit connections in one
// order; a limit of 0 means all.
func Merge(gateway string, answers []ask.Answer[*control.Connections], order control.Sort, limit int) *List {
	l := &List{Gateway: gateway, Connections: []Row{}}
	for _, answer := range answers {
		if answer.Err != nil {
			l.errs = append(l.errs, answer.Err)
			l.Failures = append(l.Failures, answer.Err.Error())
			continue
		}
		l.Open, l.Matched = l.Open+answer.Value.Open, l.Matched+answer.Value.Matched
		for _, c := range answer.Value.Connections {
			l.Connections = append(l.Connections, Row{
				Pod: answer.Pod.Name, Connection: c,
				AgeSeconds: seconds(answer.Value.Time, c.OpenedAt), IdleSeconds: seconds(answer.Value.Time, c.ActiveAt),
			})
		}
	}
	slices.SortStableFunc(l.Connections, comparison(order))
	if limit > 0 && len(l.Connections) > limit {
		l.Connections = l.Connections[:limit]
	}
	return l
}

// Errors are why pods did not answer.
func (l *List) Errors() []error { return l.errs }

func seconds(now, then time.Time) int64 { return int64(max(0, now.Sub(then)) / time.Second) }

// comparison is the order that pods use too.
func comparison(order control.Sort) func(a, b Row) int {
	switch order {
	case control.SortNewest:
		return func(a, b Row) int { return b.OpenedAt.Compare(a.OpenedAt) }
	case control.SortBytes:
		return func(a, b Row) int { return cmp.Compare(b.Bytes(), a.Bytes()) }
	case control.SortMessages:
		return func(a, b Row) int { return cmp.Compare(b.Messages(), a.Messages()) }
	case control.SortRate:
		return func(a, b Row) int { return cmp.Compare(b.BytesPerSecond, a.BytesPerSecond) }
	case control.SortIdle:
		return func(a, b Row) int { return cmp.Compare(b.IdleSeconds, a.IdleSeconds) }
	case control.SortOpened:
	}
	return func(a, b Row) int { return a.OpenedAt.Compare(b.OpenedAt) }
}

// widest is as much of a text that a client has chosen as a column shows.
const widest = 48

// Table of the connections; wide for every column.
func (l *List) Table(wide bool) *text.Table {
	heading := []string{"POD", "ID", "ROUTE", "IDENTITY", "CLIENT", ">AGE", ">IDLE", ">FROM CLIENT", ">TO CLIENT", ">BYTES/S"}
	if wide {
		heading = append(heading, "LISTENER", "POLICY", "METHOD", "ISSUER", "HOST", "PATH", "UPSTREAM", "TLS", "CLOSING")
	}
	t := text.NewTable(heading...)
	for i := range l.Connections {
		c := &l.Connections[i]
		row := []string{
			c.Pod, c.ID, c.Route, text.Cut(text.Or(c.Subject, "-"), widest), c.ClientAddress,
			text.Span(time.Duration(c.AgeSeconds) * time.Second), text.Span(time.Duration(c.IdleSeconds) * time.Second),
			text.Bytes(c.BytesFromClient), text.Bytes(c.BytesToClient), text.Bytes(c.BytesPerSecond),
		}
		if wide {
			row = append(row, c.Listener, c.Policy, c.Method, text.Cut(text.Or(c.Issuer, "-"), widest), c.Host,
				text.Cut(c.Path, widest), c.Upstream, c.TLSVersion, text.Or(c.Closing, "-"))
		}
		t.Row(row...)
	}
	return t
}

// States are what several pods know of themselves.
type States []ask.Answer[*control.State]

// Summary is one line about all pods.
func (s States) Summary() string {
	var sum control.Traffic
	answered := 0
	for _, answer := range s {
		if answer.Err != nil {
			continue
		}
		answered++
		t := &answer.Value.Traffic
		sum.Connections += t.Connections
		sum.Handshakes += t.Handshakes
		sum.BytesPerSecond += t.BytesPerSecond
		sum.MessagesPerSecond += t.MessagesPerSecond
	}
	return strings.Join([]string{
		text.Count(answered, "pod"), text.Count(sum.Connections, "connection"), text.Count(sum.Handshakes, "handshake") + " under way",
		text.Bytes(sum.BytesPerSecond) + "/s", text.Count(sum.MessagesPerSecond, "message") + "/s",
	}, "   ")
}

// Table has a row for each pod.
func (s States) Table() *text.Table {
	t := text.NewTable("POD", ">CONNECTIONS", ">OF", ">HANDSHAKES", ">BYTES/S", ">MESSAGES/S", ">MEMORY", ">AUDIT QUEUE", ">AUDIT LOST", "STATE")
	for _, answer := range s {
		if answer.Err != nil {
			t.Row(answer.Pod.Name, "?", "?", "?", "?", "?", "?", "?", "?", text.Cut(answer.Err.Error(), 2*widest))
			continue
		}
		state := answer.Value
		t.Row(answer.Pod.Name, number(state.Traffic.Connections), number(state.Limits.MaxConnections), number(state.Traffic.Handshakes),
			text.Bytes(state.Traffic.BytesPerSecond), number(state.Traffic.MessagesPerSecond), text.Bytes(state.Process.MemoryBytes),
			number(state.Audit.Queued), number(state.Audit.Lost), condition(state))
	}
	return t
}

// condition is what there is to say of a pod in a word or two.
func condition(state *control.State) string {
	switch {
	case state.Drain.State != control.DrainNone && state.Drain.State != "":
		return "drain " + string(state.Drain.State)
	case state.NotReady != "":
		return "not ready: " + state.NotReady
	case len(state.Problems) > 0:
		return text.Count(len(state.Problems), "problem")
	}
	return "ready"
}

func number[N int | int32 | uint64](n N) string { return fmt.Sprint(n) }
