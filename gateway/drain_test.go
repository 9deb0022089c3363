// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// startDraining is startBase with times of its own.
func startDraining(t *testing.T, accept, window time.Duration, change ...func(*gateway.Options)) *running {
	t.Helper()
	echo, ca, root := wstest.Echo(t), wstest.NewCA(t), wstest.NewRoot(t)
	root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com", "*.chat.example.com"))
	config := baseConfig()
	root.Config(t, config, endpoints(echo.Address))
	return start(t, root, ca, func(o *gateway.Options) {
		o.AcceptAfterStop, o.DrainWindow = accept, window
		for _, more := range change {
			more(o)
		}
	})
}

// turns is a clock and a pacer in one: who waits for a turn is let go at once and
// finds that its time has come, but not before the clients have seen every close
// of the turns before. So each close is tied to its turn, however slow the
// machine is.
type turns struct {
	// ended gets the end of each client's connection; if it is nil, no turn waits for
	// the end that the one before has brought.
	ended chan error
	// ahead is how far the clock is before the system's.
	ahead atomic.Int64

	// What follows belongs to whoever waits, until the gateway has ended.
	at   []time.Time
	ends []error
}

func (c *turns) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *turns) wait(ctx context.Context, d time.Duration) error {
	if c.ended != nil {
		if err := c.collect(); err != nil {
			return err
		}
	}
	c.ahead.Add(int64(max(d, 0)))
	c.at = append(c.at, c.now())
	return ctx.Err()
}

// collect waits until as many connections have ended as had a turn.
func (c *turns) collect() error {
	for len(c.ends) < len(c.at) {
		select {
		case err := <-c.ended:
			c.ends = append(c.ends, err)
		case <-time.After(patience):
			return fmt.Errorf("%d turns, but %d connections ended", len(c.at), len(c.ends))
		}
	}
	if more := len(c.ended); more > 0 {
		return fmt.Errorf("%d connections ended before their turn", more)
	}
	return nil
}

func TestDrainClosesEverythingWith1012EvenlyOverTheWindow(t *testing.T) {
	// Long against what a slow machine may take, short against idleTimeout.
	const connections, window = 100, 5 * time.Minute
	turns := &turns{ended: make(chan error, connections)}
	r := startDraining(t, -1, window, func(o *gateway.Options) { o.Now, o.Wait = turns.now, turns.wait })
	for range connections {
		conn := r.dialer("public").MustDial(t, chatURL)
		go func() {
			_, _, err := conn.ReadMessage()
			_ = conn.Close()
			turns.ended <- err
		}()
	}
	// A client has its 101 a moment before its connection is registered; one that
	// is not yet there gets a turn of its own behind those of the others.
	until(t, func() string {
		if open := r.report(t).Connections; open != connections {
			return fmt.Sprintf("%d connections are open", open)
		}
		return ""
	})
	began := time.Now()
	begin := turns.now()
	r.end(t)
	slow := time.Since(began)
	if err := turns.collect(); err != nil {
		t.Fatal(err)
	}
	if len(turns.at) != connections {
		t.Fatalf("%d turns for %d connections", len(turns.at), connections)
	}
	for i, err := range turns.ends {
		if !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
			t.Fatalf("connection %d: %v", i, err)
		}
		// The i-th turn lies in the i-th of equal parts of the window, but for the
		// time that the machine itself took.
		const part = window / connections
		from, to := time.Duration(i)*part, time.Duration(i+1)*part+slow
		if at := turns.at[i].Sub(begin); at < from || at > to {
			t.Errorf("end %d came after %v, want within %v and %v", i, at, from, to)
		}
	}
	t.Logf("ends from %v to %v", turns.at[0].Sub(begin), turns.at[connections-1].Sub(begin))
	closed := r.audit.records(t, "closed")
	for _, record := range closed {
		if record.Reason != outcome.DrainingClosure {
			t.Fatalf("record %v", record)
		}
	}
	if opened := r.audit.records(t, "opened"); len(closed) != connections || len(opened) != connections {
		t.Errorf("%d opened, %d closed", len(opened), len(closed))
	}
}

func TestAStoppingGatewayIsUnreadyAtOnceAndAcceptsForAMoment(t *testing.T) {
	t.Parallel()
	r := startDraining(t, 5*time.Second, 5*time.Second)
	keep := r.dialer("public").MustDial(t, chatURL)
	r.Stop()
	until(t, func() string {
		if status, _, _ := r.get(t, "/readyz"); status != http.StatusServiceUnavailable {
			return "still ready"
		}
		return ""
	})
	if report := r.report(t); report.Ready || !report.Draining {
		t.Errorf("report %+v", report)
	}
	if err := echoOnce(r.dialer("public").MustDial(t, chatURL)); err != nil {
		t.Errorf("a newcomer of the first seconds: %v", err)
	}
	// Somebody has to keep the gateway alive until newcomers are refused: the
	// drain has one connection left, whose place in the window is random.
	refused := false
	for !refused {
		_, response, err := r.dialer("public").Dial(t.Context(), chatURL)
		switch {
		case err == nil:
		case response == nil:
			// Both connections were early in the window; the gateway has gone.
			r.end(t)
			return
		default:
			refused = true
			if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
				t.Errorf("status %d, header %v", response.StatusCode, response.Header)
			}
		}
	}
	if _, _, err := keep.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
		t.Errorf("the old connection: %v", err)
	}
	r.end(t)
}

func TestAGatewayWithoutConnectionsDoesNotWaitForTheWindow(t *testing.T) {
	t.Parallel()
	r := startDraining(t, -1, time.Hour)
	begin := time.Now()
	r.end(t)
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("took %v", took)
	}
}

func TestAClientThatNeverAnswersDoesNotHoldUpTheEnd(t *testing.T) {
	t.Parallel()
	r := startDraining(t, -1, 500*time.Millisecond)
	conn := r.speakTLS(t, "public", "ws.example.com")
	if _, err := conn.Write([]byte(request())); err != nil {
		t.Fatal(err)
	}
	until(t, func() string {
		if r.report(t).Connections != 1 {
			return "not connected"
		}
		return ""
	})
	begin := time.Now()
	r.end(t)
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("took %v", took)
	}
	if !strings.Contains(r.audit.String(), `"closed"`) {
		t.Errorf("no record: %s", r.audit)
	}
}
