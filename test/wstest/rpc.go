// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package wstest

import (
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc"
)

// rpcServer is a gRPC server on a loopback port that can go away and come back.
type rpcServer struct {
	// Address is 127.0.0.1:PORT.
	Address string

	server  *grpc.Server
	serving sync.WaitGroup
}

// serve listens, on the same port as before, and ends with the test at the latest.
func (s *rpcServer) serve(tb testing.TB, register func(grpc.ServiceRegistrar), options ...grpc.ServerOption) {
	tb.Helper()
	first := s.server == nil
	if first {
		s.Address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", s.Address) //nolint:noctx // listens for as long as the test lasts
	must(tb, err)
	server := grpc.NewServer(options...)
	s.Address, s.server = listener.Addr().String(), server
	register(server)
	s.serving.Go(func() { _ = server.Serve(listener) })
	if first {
		tb.Cleanup(s.Stop)
	}
}

// Stop closes the port and all connections, and waits for what is being answered.
func (s *rpcServer) Stop() {
	s.server.Stop()
	s.serving.Wait()
}
