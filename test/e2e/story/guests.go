// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// guest is a connection that listens all the time, so that it knows to the
// moment when it is closed.
type guest struct {
	name string
	conn *websocket.Conn
	// echoes has what came back.
	echoes chan string

	gone chan struct{}
	// end and at say how and when the connection ended, once gone is closed.
	end error
	at  time.Time
}

// receive makes a guest of a new connection.
func receive(name string, conn *websocket.Conn) *guest {
	g := &guest{name: name, conn: conn, echoes: make(chan string, 1), gone: make(chan struct{})}
	go func() {
		defer close(g.gone)
		for {
			_, message, err := conn.ReadMessage()
			if err != nil {
				g.end, g.at = err, time.Now()
				_ = conn.Close()
				return
			}
			select {
			case g.echoes <- string(message):
			default: // nobody asked
			}
		}
	}()
	return g
}

// stays fails unless the guest's connection still works.
func (g *guest) stays(ctx context.Context) error {
	select {
	case <-g.gone:
		return fmt.Errorf("%s should have stayed: %w", g.name, g.end)
	default:
	}
	if err := g.conn.WriteMessage(websocket.TextMessage, []byte(g.name)); err != nil {
		return fmt.Errorf("%s should have stayed: %w", g.name, err)
	}
	select {
	case <-g.echoes:
		return nil
	case <-g.gone:
		return fmt.Errorf("%s should have stayed: %w", g.name, g.end)
	case <-ctx.Done():
		return fmt.Errorf("%s should have stayed: no echo: %w", g.name, context.Cause(ctx))
	}
}

// goes waits until the connection is closed, which has to be with this code.
func (g *guest) goes(ctx context.Context, code int) error {
	select {
	case <-g.gone:
	case <-ctx.Done():
		return fmt.Errorf("%s should have been closed: %w", g.name, context.Cause(ctx))
	}
	if !websocket.IsCloseError(g.end, code) {
		return fmt.Errorf("%s should have been closed with %d: %w", g.name, code, g.end)
	}
	return nil
}

// party is the guests of one step.
type party []*guest

// named are those with the mark in their names, rest the others.
func (p party) named(mark string) (found, rest party) {
	for _, g := range p {
		if strings.Contains(g.name, mark) {
			found = append(found, g)
		} else {
			rest = append(rest, g)
		}
	}
	return found, rest
}

// patience is how long one step waits for what should take a second: a machine
// may be busy. What took how long is printed, and checked where it is promised.
const patience = 30 * time.Second

// lose waits until exactly those with the mark are closed, with this code, and
// returns who is left and when the last of those who went was closed.
func (p party) lose(ctx context.Context, mark string, code int) (left party, last time.Time, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("waited long enough"))
	defer cancel()
	lost, left := p.named(mark)
	if len(lost) == 0 || len(left) == 0 {
		return left, last, fmt.Errorf("%d of %d guests are about %q: this would prove nothing", len(lost), len(p), mark)
	}
	var problems []error
	for _, g := range lost {
		if err := g.goes(ctx, code); err != nil {
			problems = append(problems, err)
			continue
		}
		if g.at.After(last) {
			last = g.at
		}
	}
	for _, g := range left {
		problems = append(problems, g.stays(ctx))
	}
	return left, last, first(problems)
}

// first sums up many errors by the first of them.
func first(problems []error) error {
	var one error
	count := 0
	for _, err := range problems {
		if err == nil {
			continue
		}
		if one == nil {
			one = err
		}
		count++
	}
	if count > 1 {
		return fmt.Errorf("%d problems, the first: %w", count, one)
	}
	return one
}

// leave ends the connections politely.
func (p party) leave() {
	var waiting sync.WaitGroup
	for _, g := range p {
		waiting.Go(func() {
			deadline := time.Now().Add(5 * time.Second)
			closing := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
			_ = g.conn.WriteControl(websocket.CloseMessage, closing, deadline)
			timer := time.NewTimer(time.Until(deadline))
			defer timer.Stop()
			select {
			case <-g.gone:
			case <-timer.C:
				_ = g.conn.Close()
				<-g.gone
			}
		})
	}
	waiting.Wait()
}
