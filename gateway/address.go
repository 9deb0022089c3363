// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"
	"net/netip"

	"github.com/wsgateway/websocket-gateway-operator/gateway/listener"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// identify finds out where the caller comes from, as far as that can be known
// before TLS, and counts it under that address. A proxy that speaks for itself,
// or that will say in the request whom it speaks for, is not counted: its address
// is that of all its clients. silent is true for a caller that left without a
// word.
func (v *visit) identify() (silent bool, err error) {
	v.trust = v.snapshot.trusts[v.port]
	if v.trust.ProxyProtocol() {
		if silent, err := v.introduced(); err != nil {
			return silent, err
		}
		if v.attempt.PeerAddress == "" {
			return false, nil
		}
	}
	if v.trust.AsksHeader(v.client) {
		return false, nil
	}
	if err := v.sit(); err != nil {
		refusal := *asRefusal(err)
		refusal.Silent = true
		return false, &refusal
	}
	return false, nil
}

// introduced reads whom the peer speaks for. Only a peer that is trusted may
// speak at all: anybody who reaches the port could claim any address otherwise.
func (v *visit) introduced() (silent bool, err error) {
	if !v.trust.Trusts(v.client) {
		return false, outcome.RefuseSilently(outcome.UntrustedProxy, "the connection comes from outside of trustedCIDRs")
	}
	said, err := listener.ReadIntroduction(v.conn)
	if err != nil {
		return said.Silent, err
	}
	v.conn = said.Rest
	if said.Source.IsValid() {
		v.comesFrom(said.Source.Addr(), said.Source.String())
	}
	return false, nil
}

// unveil finds the client in the header of a request that a trusted proxy passed
// on. From anybody else the header is the client's own invention.
func (v *visit) unveil(header http.Header) error {
	client, told, err := v.trust.Forwarded(v.client, header)
	if err != nil || !told {
		return err
	}
	v.comesFrom(client, client.String())
	return v.sit()
}

// comesFrom replaces the address of the caller by one that was told.
func (v *visit) comesFrom(client netip.Addr, text string) {
	if v.attempt.PeerAddress == "" {
		v.attempt.PeerAddress = v.attempt.ClientAddress
	}
	v.attempt.ClientAddress, v.client = text, client
}

// addressOf is the IP address of an IP:PORT; the zero Addr, which is in no
// network, when it is none.
func addressOf(address string) netip.Addr {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.Addr{}
	}
	return parsed.Addr().Unmap()
}
