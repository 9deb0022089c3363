// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"fmt"
	"net/netip"
	"slices"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// clientAddress returns nil where nobody tells the addresses of clients, however
// that is written.
func (c *compiler) clientAddress(listener *wsv1alpha1.Listener) *contract.ClientAddress {
	spec := listener.ClientAddress
	if spec == nil || !spec.ProxyProtocol && spec.Header == "" {
		return nil
	}
	field := listenerField(listener.Name) + ".clientAddress.trustedCIDRs"
	trusted := c.networks(field, spec.TrustedCIDRs)
	if len(spec.TrustedCIDRs) == 0 || slices.ContainsFunc(trusted, func(n netip.Prefix) bool { return n.Bits() == 0 }) {
		c.invalid(field, "listener %q must say which networks its load balancers or proxies are in, and not the whole Internet: whoever is in them can claim any address",
			listener.Name)
	}
	return &contract.ClientAddress{
		ProxyProtocol: spec.ProxyProtocol,
		ForwardedFor:  spec.Header == wsv1alpha1.ForwardedFor,
		Trusted:       trusted,
	}
}

// networks looks again at the CRD's rule: a network that a pod does not
// understand would make it refuse the whole file.
func (c *compiler) networks(field string, list []wsv1alpha1.CIDR) []netip.Prefix {
	var networks []netip.Prefix
	for i, text := range list {
		network, err := netip.ParsePrefix(string(text))
		if err != nil || network.Addr().Is4In6() || network != network.Masked() {
			c.invalid(fmt.Sprintf("%s[%d]", field, i),
				"%q is not a network: write its first address and the length of the prefix, such as 192.0.2.0/24 or 2001:db8::/32", text)
			continue
		}
		networks = append(networks, network)
	}
	slices.SortFunc(networks, netip.Prefix.Compare)
	return slices.Compact(networks)
}

// checkAddressing refuses listeners of one port that find the addresses of
// clients in different ways: they share a socket, and a PROXY protocol header
// comes before the server name that tells them apart.
func (c *compiler) checkAddressing() {
	first := map[int32]*contract.Listener{}
	for i := range c.result.Config.Listeners {
		listener := &c.result.Config.Listeners[i]
		other := first[listener.Port]
		switch {
		case other == nil:
			first[listener.Port] = listener
		case !listener.ClientAddress.Equal(other.ClientAddress):
			c.invalid(listenerField(listener.Name)+".clientAddress",
				"listeners %q and %q share port %d and so one socket, but differ in clientAddress: give both the same, or one of them another port",
				other.Name, listener.Name, listener.Port)
		}
	}
}
