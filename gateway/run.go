// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/wsgateway/websocket-gateway-operator/gateway/admin"
	"github.com/wsgateway/websocket-gateway-operator/gateway/filewatch"
	"github.com/wsgateway/websocket-gateway-operator/gateway/listener"
)

// Run serves until ctx is done, then drains and returns. Its error says what
// could not even begin: a missing option, an admin or control address that
// cannot be bound. Files that are missing or bad are no error: they are reported
// and may be repaired at any time. Run may be called several times in one
// process.
func Run(ctx context.Context, o Options) error {
	if o.Root == "" || o.Audit == nil {
		return errors.New("gateway: the options Root and Audit are required")
	}
	o = withDefaults(o)
	own, err := o.ownAddresses()
	if err != nil {
		return err
	}
	s := newServer(o, own)

	// Connections end by the drain, not because ctx is done.
	living, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	s.sockets = listener.NewSockets(func(conn net.Conn, port string) listener.Rest { return s.serve(living, conn, port) }, o.Logger)

	closeServers, err := s.openServers(ctx)
	if err != nil {
		return errors.Join(err, s.close(living, end))
	}
	defer closeServers()

	var background sync.WaitGroup
	watching, stopWatching := context.WithCancel(living)
	defer stopWatching()
	background.Go(func() {
		filewatch.Watch(watching, filewatch.Options{Root: o.Root, Poll: o.PollInterval, Logger: o.Logger},
			func() {
				// A file that we cannot cope with must not end what is open: what is in
				// force stays, and the report says that the file is not.
				defer s.survive()
				s.reload(watching)
			})
		s.sweeper.stop()
	})
	background.Go(func() { s.follow(watching) })
	background.Go(func() { s.sessions.Expire(watching) })
	background.Go(func() { s.reviewAll(watching) })
	background.Go(func() { s.revalidateAll(watching) })
	background.Go(func() { s.endOverdue(watching) })
	background.Go(func() { s.tidy(watching) })

	s.errands.begin(watching)

	<-ctx.Done()
	s.drain(living)
	stopWatching()
	s.errands.end()
	background.Wait()
	return s.close(living, end)
}

// ownAddresses are the addresses of this machine, which a backend must not have.
func (o *Options) ownAddresses() ([]netip.Addr, error) {
	if o.AllowLoopback {
		return nil, nil
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("gateway: find own addresses: %w", err)
	}
	var own []netip.Addr
	for _, address := range addresses {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil {
			own = append(own, prefix.Addr().Unmap())
		}
	}
	return own, nil
}

// openServers opens the admin and the control port.
func (s *server) openServers(ctx context.Context) (closeAll func(), err error) {
	var open []*admin.Server
	closeAll = func() {
		for _, server := range open {
			server.Close()
		}
	}
	if address := s.options.AdminAddress; address != "" {
		server, err := admin.Listen(ctx, address, admin.Handler(admin.Source{
			Ready: s.checkReady, Report: s.report, Metrics: s.metrics.Handler(),
		}), s.options.Logger)
		if err != nil {
			return nil, fmt.Errorf("gateway: admin port: %w", err)
		}
		open = append(open, server)
		s.extra[AdminName] = server.Address()
	}
	if address := s.options.ControlAddress; address != "" {
		server, err := s.openControl(ctx, address)
		if err != nil {
			closeAll()
			return nil, fmt.Errorf("gateway: control port: %w", err)
		}
		open = append(open, server)
		s.extra[ControlName] = server.Address()
	}
	return closeAll, nil
}

func (s *server) openControl(ctx context.Context, address string) (*admin.Server, error) {
	if err := admin.CheckLoopback(address); err != nil {
		return nil, err
	}
	return admin.Listen(ctx, address, admin.Control(controls{s}, s.options.Now), s.options.Logger)
}
