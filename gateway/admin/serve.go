// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Server is one of the two ports.
type Server struct {
	server  *http.Server
	address string
	done    chan struct{}
}

// Listen serves handler on address until Close. An answer must be written
// within ten seconds.
func Listen(ctx context.Context, address string, handler http.Handler, logger *slog.Logger) (*Server, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("bind %s: %w", address, err)
	}
	s := &Server{
		server: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       5 * time.Second,
			WriteTimeout:      10 * time.Second,
			IdleTimeout:       time.Minute,
			MaxHeaderBytes:    8 << 10,
			ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		},
		address: listener.Addr().String(),
		done:    make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("port does not answer any more", "address", s.address, "error", err)
		}
	}()
	return s, nil
}

// Address is the bound HOST:PORT.
func (s *Server) Address() string { return s.address }

// Close cuts all answers short and waits for the port to be closed.
func (s *Server) Close() {
	_ = s.server.Close()
	<-s.done
}

// ErrNotLoopback means that the control port was told to be seen by others.
var ErrNotLoopback = errors.New("not a loopback address")

// CheckLoopback returns ErrNotLoopback unless address, HOST:PORT, is on the
// loopback interface. A name other than localhost is not: it may resolve to
// something else tomorrow.
func CheckLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not HOST:PORT: %w", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%q: %w", address, ErrNotLoopback)
	}
	return nil
}
