// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

const (
	// maxDials bounds the endpoints that one client may wait for, the Service's
	// address not counted.
	maxDials = 3
	// dialTimeout allows for one repeated SYN, which the kernel sends after a
	// second.
	dialTimeout = 2 * time.Second
	// Keep-alive probes find a backend whose node is gone, also where backends are
	// not pinged.
	keepAliveIdle     = 30 * time.Second
	keepAliveInterval = 10 * time.Second
	keepAliveCount    = 3
)

var (
	errForbidden = errors.New("this address must not be a backend")
	errNothing   = errors.New("no address left to dial")
)

func (p *Pool) dialer() *net.Dialer {
	return &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount,
		},
		// Checked on the address that the socket is about to use: a name that
		// resolves to something else the second time gains nothing.
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return p.permit(address)
		},
	}
}

// permit refuses the addresses through which a backend reference could reach
// what it was never meant to: the pod's own ports, the node's metadata service,
// this gateway again.
func (p *Pool) permit(address string) error {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", errForbidden, err)
	}
	ip := parsed.Addr().Unmap().WithZone("")
	switch {
	case ip.IsLoopback() && !p.options.AllowLoopback:
		return fmt.Errorf("%w: loopback", errForbidden)
	case ip.IsUnspecified(), ip.IsMulticast(), ip.IsLinkLocalUnicast(), ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("%w: not the address of a host", errForbidden)
	case slices.Contains(p.options.OwnAddresses, ip):
		return fmt.Errorf("%w: it is this gateway's own", errForbidden)
	}
	return nil
}

// reach dials endpoints of a backend until one answers, at last its Service; by
// TLS if securing is not nil. The address that it returns is reserved.
func (p *Pool) reach(ctx context.Context, to way, by plan, securing *tls.Config) (net.Conn, string, error) {
	tried := map[string]bool{}
	failed := errNothing
	for attempt := range maxDials + 1 {
		address, ok := "", false
		if attempt < maxDials {
			address, ok = p.take(to, by, tried)
		}
		if !ok {
			address, ok = p.takeService(to.backend, tried)
		}
		if !ok {
			break
		}
		conn, err := p.attempt(ctx, address, to, securing)
		if err == nil {
			return conn, address, nil
		}
		tried[address] = true
		failed = worse(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, "", failed
}

// worse is what is told of two failures. That TLS fails will not heal itself, as an
// endpoint may that is not there.
func worse(before, now error) error {
	if _, ok := errors.AsType[*tlsError](before); ok {
		return before
	}
	return now
}

// attempt dials an address that was taken, and releases it when that fails.
func (p *Pool) attempt(ctx context.Context, address string, to way, securing *tls.Config) (net.Conn, error) {
	bounded, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := p.dialPermitted(bounded, address)
	if err == nil && securing != nil {
		conn, err = secure(ctx, conn, securing)
	}
	if err == nil {
		return conn, nil
	}
	// That a client went away says nothing about the endpoint.
	if ctx.Err() == nil {
		p.judged(address, to, false)
		if p.options.DialFailed != nil {
			p.options.DialFailed()
		}
	}
	p.release(address)
	return nil, fmt.Errorf("dial %s: %w", address, err)
}

// Dial connects to an address of endpoints.json for something else than a
// WebSocket. What must not be a backend is refused as it is for backends; the
// connection counts nowhere, and ctx bounds it.
func (p *Pool) Dial(ctx context.Context, address string) (net.Conn, error) {
	return p.dialPermitted(ctx, address)
}

func (p *Pool) dialPermitted(ctx context.Context, address string) (net.Conn, error) {
	// A dialer of the caller does not check; names are left to the resolver.
	if _, err := netip.ParseAddrPort(address); err == nil {
		if err := p.permit(address); err != nil {
			return nil, err
		}
	}
	return p.dial(ctx, "tcp", address)
}
