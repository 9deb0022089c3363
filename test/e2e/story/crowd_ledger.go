// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
)

// crowdLedger is what the logs tell of each connection and of each refusal.
type crowdLedger struct {
	seats   [crowdSize]entries
	refused map[refusal]uint64
	// inFull and counted are records of refusals: of one, and of several.
	inFull, counted int
	gaps, records   int
	// ended are the boots whose log has its final checkpoint.
	ended map[bootName]bool
	// odd is the first record that no connection of the chapter can have.
	odd error
}

// entries are the records of one connection.
type entries struct {
	opened, closed int
	in             bootName
	over           ending
	// messages of the client and to it.
	from, to uint64
}

func newCrowdLedger() *crowdLedger {
	return &crowdLedger{refused: map[refusal]uint64{}, ended: map[bootName]bool{}}
}

// read takes what is new in the logs.
func (l *crowdLedger) read(logs *nodeLogs) {
	logs.lines(func(boot bootName, line []byte) {
		// The container runtime puts words of its own in front.
		start := bytes.Index(line, []byte(`{"`))
		if start < 0 {
			return
		}
		record, err := audit.Parse(line[start:])
		if err != nil {
			return // It says something else than what happened: verify looks at all lines.
		}
		l.records++
		l.take(boot, record)
	})
}

func (l *crowdLedger) take(boot bootName, record *audit.Record) {
	switch record.Event {
	case audit.EventOpened, audit.EventClosed:
		l.connection(boot, record)
	case audit.EventDenied:
		address := record.ClientIP
		l.refused[refusal{pod: boot.pod, address: address, status: record.HTTPStatus}] += record.Count
		if record.Count > 1 || !record.Start.IsZero() {
			l.counted++
		} else {
			l.inFull++
		}
	case audit.EventGap:
		l.gaps++
	case audit.EventCheckpoint:
		l.ended[boot] = record.Final
	case audit.EventProgress, audit.EventViolation, audit.EventRevoked, audit.EventApplied, audit.EventRotated, audit.EventAdministered:
	}
}

func (l *crowdLedger) connection(boot bootName, record *audit.Record) {
	number, err := strconv.Atoi(strings.TrimPrefix(record.Path, crowdPath+"/"))
	if err != nil || number < 0 || number >= crowdSize {
		l.odd = fmt.Errorf("there is a record %s of a connection to %q", record.Event, record.Path)
		return
	}
	one := &l.seats[number]
	if record.Event == audit.EventOpened {
		one.opened++
		one.in = boot
		return
	}
	one.closed++
	one.over = ending{record.Reason, record.CloseCode}
	one.from, one.to = record.MessagesFromClient, record.MessagesToClient
	if one.in != boot {
		l.odd = fmt.Errorf("connection %d was opened at %s and closed at %s", number, one.in, boot)
	}
}

// check compares what the log says of a connection with what its client knows.
func (l *crowdLedger) check(s *seat) error {
	one := l.seats[s.number]
	closed, over := 0, ending{}
	if s.over != nil && *s.over != over {
		closed, over = 1, *s.over
	}
	if one.opened != 1 || one.closed != closed {
		return fmt.Errorf("%s has %d records of its beginning and %d of its end, want 1 and %d", s.guest.name, one.opened, one.closed, closed)
	}
	if want := (bootName{s.at.pod, 0}); one.in != want {
		return fmt.Errorf("%s is in the log of %s, want %s", s.guest.name, one.in, want)
	}
	if one.over != over {
		return fmt.Errorf("%s ended by %+v as the log has it, want %+v", s.guest.name, one.over, over)
	}
	if closed == 1 && (one.from != 1 || one.to != 1) {
		return fmt.Errorf("%s: %d messages of the client and %d to it, want 1 and 1", s.guest.name, one.from, one.to)
	}
	return nil
}

// recordsOf fails until the log has all that clients know of a pod.
func (c *crowd) recordsOf(there *station) error {
	var problems []error
	for _, s := range c.seats {
		if s.at == there {
			problems = append(problems, c.ledger.check(s))
		}
	}
	var logged uint64
	for one, count := range c.ledger.refused {
		if one.pod == there.pod {
			logged += count
		}
	}
	if _, known := c.refused.total(there.pod); logged != known {
		problems = append(problems, fmt.Errorf("%d refusals in the log of %s, clients know of %d", logged, there.pod, known))
	}
	return first(problems)
}

// ended fails until every log has its end that must have one.
func (c *crowd) ended() error {
	var problems []error
	for name := range c.logs.files() {
		if c.ledger.ended[name] == (name == c.killed) {
			problems = append(problems, fmt.Errorf("the log of %s: it has its final checkpoint: %t", name, c.ledger.ended[name]))
		}
	}
	return first(problems)
}

// everyoneIsInTheLogs compares all logs with what the clients know.
func (c *crowd) everyoneIsInTheLogs(context.Context) (string, error) {
	var problems []error
	for _, s := range c.seats {
		problems = append(problems, c.ledger.check(s))
	}
	for one, known := range c.refused.counts {
		if logged := c.ledger.refused[one]; logged != known {
			problems = append(problems, fmt.Errorf("%d refusals %+v in the log, the client knows of %d", logged, one, known))
		}
	}
	for one, logged := range c.ledger.refused {
		if c.refused.counts[one] == 0 {
			problems = append(problems, fmt.Errorf("%d refusals %+v in the log, no client knows of them", logged, one))
		}
	}
	if c.ledger.gaps > 0 || c.ledger.counted == 0 || c.ledger.inFull == 0 {
		problems = append(problems, fmt.Errorf("%d gaps, %d refusals told in full and %d records of several: want none, some and some",
			c.ledger.gaps, c.ledger.inFull, c.ledger.counted))
	}
	problems = append(problems, c.ledger.odd)
	if err := first(problems); err != nil {
		return "", err
	}
	return c.counts()
}

// counts puts the logs into files, and sums up.
func (c *crowd) counts() (string, error) {
	var err error
	if c.copies, err = c.logs.copy(c.folder); err != nil {
		return "", err
	}
	var size int64
	files := 0
	for _, one := range c.copies {
		size += one.size
		files += len(one.files)
	}
	if files == 0 {
		return "", errors.New("there is no log")
	}
	refused, _ := c.refused.total("")
	return fmt.Sprintf("%d connections, %d of them without an end; %d refusals in %d records of one and %d of several; "+
		"%d records in %d files of %d boots, %.1f MiB, after %s",
		len(c.seats), c.left, refused, c.ledger.inFull, c.ledger.counted,
		c.ledger.records, files, len(c.copies), float64(size)/(1<<20), time.Since(c.began).Round(time.Second)), nil
}
