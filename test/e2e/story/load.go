// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// load is a set of connections, each of which echoes numbered messages until it
// is told to stop.
type load struct {
	stop    chan struct{}
	every   time.Duration
	waiting sync.WaitGroup
	sent    atomic.Int64
	echoed  atomic.Int64

	mu sync.Mutex
	// ends holds why connections ended that had not been told to.
	ends []error
}

// startLoad opens n connections and starts to echo on all of them.
func (w *World) startLoad(ctx context.Context, n int) (*load, error) {
	return w.startLoadEvery(ctx, n, 100*time.Millisecond)
}

// startLoadEvery is startLoad with another pause between two messages.
func (w *World) startLoadEvery(ctx context.Context, n int, every time.Duration) (*load, error) {
	l := &load{stop: make(chan struct{}), every: every}
	token, err := w.token("load", time.Hour)
	if err != nil {
		return nil, err
	}
	conns := make([]*websocket.Conn, n)
	var failed error
	var group sync.WaitGroup
	var mu sync.Mutex
	slots := make(chan struct{}, 16)
	for i := range conns {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			conn, _, err := w.dial(ctx, attempt{token: token})
			mu.Lock()
			defer mu.Unlock()
			conns[i] = conn
			failed = errors.Join(failed, err)
		})
	}
	group.Wait()
	if failed != nil {
		for _, conn := range conns {
			if conn != nil {
				_ = conn.Close()
			}
		}
		return nil, fmt.Errorf("open %d connections: %w", n, failed)
	}
	for i, conn := range conns {
		l.waiting.Go(func() { l.echo(i, conn) })
	}
	return l, nil
}

func (l *load) echo(id int, conn *websocket.Conn) {
	pause := time.NewTicker(l.every)
	defer pause.Stop()
	for number := 0; ; number++ {
		select {
		case <-l.stop:
			bye(conn)
			return
		case <-pause.C:
		}
		l.sent.Add(1)
		if err := echoOnce(conn, fmt.Sprintf("connection %d message %d", id, number)); err != nil {
			_ = conn.Close()
			l.mu.Lock()
			l.ends = append(l.ends, err)
			l.mu.Unlock()
			return
		}
		l.echoed.Add(1)
	}
}

// closed returns why connections have ended so far.
func (l *load) closed() []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]error(nil), l.ends...)
}

// finish ends all connections politely and waits for that.
func (l *load) finish() {
	close(l.stop)
	l.waiting.Wait()
}

// unharmed fails if a connection was closed or a message lost.
func (l *load) unharmed() (string, error) {
	ends := l.closed()
	sent, echoed := l.sent.Load(), l.echoed.Load()
	result := fmt.Sprintf("%d messages, %d closed, %d lost", sent, len(ends), sent-echoed)
	if len(ends) > 0 {
		return "", fmt.Errorf("%s: %w", result, ends[0])
	}
	if sent != echoed || sent == 0 {
		return "", errors.New(result)
	}
	return result, nil
}
