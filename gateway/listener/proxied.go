// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"

	proxyproto "github.com/pires/go-proxyproto"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// proxyBufferBytes holds a header of version 1, which has 107 bytes at most and
// has to arrive at once, and one of version 2 with what load balancers add to it.
const proxyBufferBytes = 512

// Introduction is what a proxy says at the beginning of a connection.
type Introduction struct {
	// Source is whom the proxy speaks for: the zero AddrPort where it speaks for
	// itself, as its health checks do (LOCAL, UNKNOWN), or for a client without
	// an address (UNIX).
	Source netip.AddrPort
	// Rest is the connection behind the header.
	Rest net.Conn
	// Silent is true, beside an error, when the proxy left without a word.
	Silent bool
}

// ReadIntroduction reads the PROXY protocol header, version 1 or 2, that a
// connection from a trusted peer begins with, within the deadline that the caller
// has set on conn. The error is an *outcome.Refusal.
func ReadIntroduction(conn net.Conn) (Introduction, error) {
	counted := &counter{conn: conn}
	reader := bufio.NewReaderSize(counted, proxyBufferBytes)
	header, err := proxyproto.Read(reader)
	if err != nil {
		return Introduction{Silent: !counted.heard}, counted.refusal(err)
	}
	source, ok := sourceOf(header)
	if !ok {
		return Introduction{}, outcome.RefuseSilently(outcome.BadProxyHeader, "the PROXY protocol header has no address that a client can have")
	}
	if reader.Buffered() == 0 {
		return Introduction{Source: source, Rest: conn}, nil
	}
	early, _ := reader.Peek(reader.Buffered())
	return Introduction{Source: source, Rest: &begun{Conn: conn, early: early}}, nil
}

// sourceOf is false for what cannot be true of a TCP connection.
func sourceOf(header *proxyproto.Header) (netip.AddrPort, bool) {
	if header.Command.IsLocal() || header.TransportProtocol.IsUnix() {
		return netip.AddrPort{}, true
	}
	from, ok := header.SourceAddr.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	source := from.AddrPort()
	source = netip.AddrPortFrom(source.Addr().Unmap(), source.Port())
	return source, usable(source.Addr())
}

// counter remembers whether anything was read.
type counter struct {
	conn  net.Conn
	heard bool
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.conn.Read(b)
	c.heard = c.heard || n > 0
	return n, err //nolint:wrapcheck // proxyproto looks at what it is
}

// refusal names no byte of what was sent: who speaks TLS where a header is
// expected may have sent anything.
func (c *counter) refusal(err error) *outcome.Refusal {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return outcome.RefuseSilently(outcome.HandshakeTimeout, "PROXY protocol header not complete in time")
	case !c.heard:
		return outcome.RefuseSilently(outcome.ClientGone, "connection ended before the PROXY protocol header")
	case errors.Is(err, proxyproto.ErrNoProxyProtocol):
		return outcome.RefuseSilently(outcome.BadProxyHeader, "the connection does not begin with a PROXY protocol header")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return outcome.RefuseSilently(outcome.BadProxyHeader, "the connection ended within the PROXY protocol header")
	}
	return outcome.RefuseSilently(outcome.BadProxyHeader, "the PROXY protocol header is malformed")
}

// begun is a connection of which the beginning has been read already.
type begun struct {
	net.Conn

	early []byte
}

func (b *begun) Read(p []byte) (int, error) {
	if len(b.early) == 0 {
		return b.Conn.Read(p) //nolint:wrapcheck // it stands for the connection
	}
	n := copy(p, b.early)
	if b.early = b.early[n:]; len(b.early) == 0 {
		b.early = nil // it would keep the whole buffer for as long as the connection lives
	}
	return n, nil
}

// CloseWrite ends our direction of the connection, as far as it can.
func (b *begun) CloseWrite() error {
	if half, ok := b.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// NetConn is the connection below.
func (b *begun) NetConn() net.Conn { return b.Conn }
