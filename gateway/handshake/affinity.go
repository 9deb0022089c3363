// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake

import (
	"net/netip"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
)

// choice is what the caller's connection may be made to, and by what one of that
// is chosen.
func (v *verdict) choice() proxy.Choice {
	choice := proxy.Choice{Backends: v.Route.Backends, TLS: v.rules.BackendTLS}
	balancing := v.Route.LoadBalancing
	if balancing == nil {
		return choice
	}
	choice.Balance = balancing.Policy
	if hash := balancing.Hash; hash != nil {
		choice.Key, choice.MaxLoadPercent = v.affinity(hash), hash.LoadPercent()
	}
	return choice
}

// affinity is what the caller's connection has in common with those that shall be
// at the same endpoint; empty for nothing.
func (v *verdict) affinity(hash *contract.Hash) string {
	switch hash.By {
	case contract.HashIdentity:
		if !v.Identity.Proven() || v.Identity.Subject == "" {
			return "" // or all of them would be at one endpoint
		}
		return v.Identity.Issuer + "\x00" + v.Identity.Subject
	case contract.HashClientAddress:
		return network(v.caller.Client)
	case contract.HashPath:
		return v.Path
	case contract.HashHeader:
		if values := v.caller.Request.Header.Values(hash.Header); len(values) == 1 {
			return values[0]
		}
	}
	return ""
}

// network is an address as far as a client keeps it: of IPv6 the second half
// changes every few hours (RFC 8981).
func network(client netip.Addr) string {
	client = client.Unmap()
	if client.Is6() {
		if prefix, err := client.WithZone("").Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return client.String()
}
