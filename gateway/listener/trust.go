// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// maxHops bounds how many proxies in a row are believed. Real chains have three.
const maxHops = 32

// Trust says who is believed when they tell the address of a client. The zero
// value, or nil, believes nobody. It is not changed and safe for concurrent use.
type Trust struct {
	proxyProtocol bool
	forwardedFor  bool
	networks      []netip.Prefix
}

// NewTrust makes a Trust of what a listener is configured with, which may be nil.
func NewTrust(from *contract.ClientAddress) *Trust {
	if from == nil {
		return nil
	}
	return &Trust{proxyProtocol: from.ProxyProtocol, forwardedFor: from.ForwardedFor, networks: from.Trusted}
}

// ProxyProtocol tells whether each connection begins with a PROXY protocol
// header.
func (t *Trust) ProxyProtocol() bool { return t != nil && t.proxyProtocol }

// Trusts tells whether what address says of others is believed.
func (t *Trust) Trusts(address netip.Addr) bool {
	if t == nil {
		return false
	}
	// A zone does not make it another network.
	address = address.Unmap().WithZone("")
	return slices.ContainsFunc(t.networks, func(n netip.Prefix) bool { return n.Contains(address) })
}

// AsksHeader tells whether the request of somebody at address has the address of
// the client in its header.
func (t *Trust) AsksHeader(address netip.Addr) bool {
	return t != nil && t.forwardedFor && t.Trusts(address)
}

// Forwarded finds the client in the X-Forwarded-For header of a request from
// somebody at an address. told is false where there is none, or where it is the
// client's own invention, because nobody who is trusted has sent it. Each proxy has added, at the end, whom it
// was asked by; so the client is the last address that is not trusted, and what
// stands before it is the client's own invention and not even looked at. Where
// all are trusted it is the first. An address that is needed and cannot be read is an *outcome.Refusal: to pass
// over it would be to believe the client.
func (t *Trust) Forwarded(from netip.Addr, header http.Header) (client netip.Addr, told bool, err error) {
	fields := header.Values("X-Forwarded-For")
	if len(fields) == 0 || !t.AsksHeader(from) {
		return netip.Addr{}, false, nil
	}
	// RFC 9110 section 5.3: several fields are one list, in their order.
	rest := strings.Join(fields, ",")
	for range maxHops + 1 { // and the client
		i := strings.LastIndexByte(rest, ',')
		hop, ok := parseHop(strings.Trim(rest[i+1:], " \t"))
		if !ok {
			return netip.Addr{}, false, outcome.Refuse(outcome.BadRequest, "X-Forwarded-For of a trusted proxy holds what is no address")
		}
		if i < 0 || !t.Trusts(hop) {
			return hop, true, nil
		}
		rest = rest[:i]
	}
	return netip.Addr{}, false, outcome.Refuse(outcome.BadRequest, "X-Forwarded-For with more than %d proxies in a row", maxHops)
}

// parseHop reads an address, with the port that some load balancers add.
func parseHop(text string) (netip.Addr, bool) {
	address, err := netip.ParseAddr(text)
	if err != nil {
		withPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}, false
		}
		address = withPort.Addr()
	}
	return address.Unmap(), usable(address)
}

// usable tells whether a client can have the address: not one that means nobody,
// or many, and none with a zone, which has a meaning on one machine only.
func usable(address netip.Addr) bool {
	plain := address.Unmap()
	return plain.IsValid() && plain.Zone() == "" && !plain.IsUnspecified() && !plain.IsMulticast()
}
