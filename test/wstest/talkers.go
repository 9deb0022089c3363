// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package wstest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Talkers are connections that send numbered messages to an echo and notice
// every one that is lost, repeated or out of order.
type Talkers struct {
	talkers []*talker
	running sync.WaitGroup
	stop    chan struct{}
	echoed  atomic.Int64
}

type talker struct {
	conn *websocket.Conn
	// ended is how the connection ended before it was told to; nil if it did not.
	ended error
	at    time.Time
}

// Talk opens n connections to url and has each send a message every interval,
// as soon as the one before has come back.
func Talk(t testing.TB, dialer Dialer, url string, n int, interval time.Duration) *Talkers {
	t.Helper()
	all := &Talkers{stop: make(chan struct{})}
	for range n {
		conn, _, err := dialer.Dial(t.Context(), url)
		if err != nil {
			all.Stop()
			t.Fatalf("open connection %d: %v", len(all.talkers), err)
		}
		one := &talker{conn: conn}
		all.talkers = append(all.talkers, one)
		all.running.Go(func() { all.talk(one, interval) })
	}
	t.Cleanup(func() { all.Stop() })
	return all
}

func (all *Talkers) talk(one *talker, interval time.Duration) {
	defer func() { _ = one.conn.Close() }()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for i := 0; ; i++ {
		if err := roundTrip(one.conn, "message "+strconv.Itoa(i)); err != nil {
			one.ended, one.at = err, time.Now()
			return
		}
		all.echoed.Add(1)
		select {
		case <-all.stop:
			return
		case <-ticker.C:
		}
	}
}

func roundTrip(conn *websocket.Conn, message string) error {
	deadline := time.Now().Add(time.Minute)
	if err := errors.Join(conn.SetReadDeadline(deadline), conn.SetWriteDeadline(deadline)); err != nil {
		return err
	}
	if err := conn.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
		// Why the write failed is often a Close frame that waits to be read.
		if _, _, readErr := conn.ReadMessage(); readErr != nil {
			return readErr
		}
		return err
	}
	_, data, err := conn.ReadMessage()
	if err != nil {
		return err
	}
	if string(data) != message {
		return fmt.Errorf("sent %q, got %q", message, data)
	}
	return nil
}

// Echoed counts the messages that have come back.
func (all *Talkers) Echoed() int64 { return all.echoed.Load() }

// Stop ends the connections and waits for them. It may be called again.
func (all *Talkers) Stop() {
	select {
	case <-all.stop:
	default:
		close(all.stop)
	}
	all.running.Wait()
}

// Wait returns when all connections have ended, by themselves or after Stop.
func (all *Talkers) Wait() { all.running.Wait() }

// Ended returns how connections ended that were not told to, and when. Call it
// after Stop or Wait.
func (all *Talkers) Ended() (reasons []error, at []time.Time) {
	for _, one := range all.talkers {
		if one.ended != nil {
			reasons, at = append(reasons, one.ended), append(at, one.at)
		}
	}
	return reasons, at
}
