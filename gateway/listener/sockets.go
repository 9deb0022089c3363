// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"time"
)

const (
	firstPause  = 5 * time.Millisecond
	longestWait = time.Second
)

// Sockets are the ports that are open now. Its methods are safe for concurrent
// use.
type Sockets struct {
	serve  func(conn net.Conn, port string) Rest
	logger *slog.Logger

	mu   sync.Mutex
	open map[string]*socket
	// conns are what was accepted and not closed yet, by the number of accepted.
	conns    map[uint64]net.Conn
	accepted uint64
	closed   bool
	serving  sync.WaitGroup
}

// Rest is what a connection does after its handshakes. It may return before the
// connection has ended, but must call over then. Whichever is last closes the
// connection. taken is true where it was closed because somebody else owns the
// socket now: Abort leaves that alone, and nothing of the connection is kept.
type Rest func(over func()) (taken bool)

// NewSockets returns sockets, none of them open. serve is called in a goroutine
// of its own for each accepted connection; port is the name that Apply was given.
// What serve returns, if not nil, is called in another new goroutine: handshakes
// need a deep stack, which a connection that then idles for hours must not keep.
func NewSockets(serve func(conn net.Conn, port string) Rest, logger *slog.Logger) *Sockets {
	return &Sockets{serve: serve, logger: logger, open: map[string]*socket{}, conns: map[uint64]net.Conn{}}
}

type socket struct {
	listener net.Listener
	wanted   string
	done     chan struct{}
}

// Apply opens and closes sockets so that those in want are open: addresses
// HOST:PORT by a name that serve is told. Sockets that stay are not touched, and
// accepted connections never are. It returns what could not be opened.
func (s *Sockets) Apply(ctx context.Context, want map[string]string) map[string]error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for port, open := range s.open {
		if want[port] != open.wanted {
			open.close()
			delete(s.open, port)
		}
	}
	failed := map[string]error{}
	for port, address := range want {
		if s.open[port] != nil || s.closed {
			continue
		}
		if err := s.listen(ctx, port, address); err != nil {
			failed[port] = err
		}
	}
	return failed
}

func (s *Sockets) listen(ctx context.Context, port, address string) error {
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("bind %s: %w", address, err)
	}
	opened := &socket{listener: l, wanted: address, done: make(chan struct{})}
	s.open[port] = opened
	s.serving.Go(func() { s.accept(opened, port) })
	return nil
}

func (s *socket) close() {
	close(s.done)
	_ = s.listener.Close()
}

// Addresses returns the bound address of each open socket.
func (s *Sockets) Addresses() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	addresses := make(map[string]string, len(s.open))
	for port, open := range s.open {
		addresses[port] = open.listener.Addr().String()
	}
	return addresses
}

// accept takes connections until the socket is closed. When the process is out
// of descriptors or memory it waits instead of spinning, and goes on when there
// are some again.
func (s *Sockets) accept(socket *socket, port string) {
	pause := firstPause
	for {
		conn, err := socket.listener.Accept()
		switch {
		case err == nil:
			pause = firstPause
			s.start(conn, port)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			s.logger.Warn("cannot accept connections for the moment", "port", port, "error", err)
			if !waitFor(pause, socket.done) {
				return
			}
			pause = min(2*pause, longestWait)
		}
	}
}

func waitFor(pause time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-done:
		return false
	}
}

func (s *Sockets) start(conn net.Conn, port string) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = conn.Close()
		return
	}
	s.accepted++
	number := s.accepted
	s.conns[number] = conn
	s.serving.Add(1)
	s.mu.Unlock()
	over := func() {
		s.forget(number)
		s.serving.Done()
	}
	go func() {
		takeRoom()
		rest := s.serve(conn, port)
		if rest == nil {
			over()
			return
		}
		go func() {
			if rest(over) {
				s.forget(number)
			}
		}()
	}()
}

// takeRoom makes the stack of a new goroutine as large as a TLS handshake needs it. It
// would get there by doubling, four times, and each time everything on it is copied
// and every pointer into it is corrected: 3 % of what a connection costs. 16 KiB are
// also the most that a processor keeps at hand for new goroutines.
//
//go:noinline
func takeRoom() {
	var room [12 << 10]byte
	runtime.KeepAlive(&room)
}

func (s *Sockets) forget(number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, number)
}

// Stop closes the sockets; accepted connections go on.
func (s *Sockets) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for port, open := range s.open {
		open.close()
		delete(s.open, port)
	}
}

// Wait returns when all accepted connections have been served, or ctx is done.
// It tells which.
func (s *Sockets) Wait(ctx context.Context) bool {
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.serving.Wait()
	}()
	select {
	case <-served:
		return true
	case <-ctx.Done():
		return false
	}
}

// Abort cuts the connections that are still there.
func (s *Sockets) Abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		_ = conn.Close()
	}
}
