// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"
	"fmt"
	"slices"
)

// Equal tells whether two listeners find the addresses of clients in the same
// way. Both may be nil.
func (a *ClientAddress) Equal(b *ClientAddress) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.ProxyProtocol == b.ProxyProtocol && a.ForwardedFor == b.ForwardedFor && slices.Equal(a.Trusted, b.Trusted)
}

func (a *ClientAddress) validate() error {
	switch {
	case a == nil:
		return nil
	case !a.ProxyProtocol && !a.ForwardedFor:
		return errors.New("client address: neither the PROXY protocol nor a header")
	case len(a.Trusted) == 0:
		return errors.New("client address: nobody is trusted to tell it")
	}
	for _, network := range a.Trusted {
		// An IPv4 address is compared as one: a network of them in IPv6 form
		// would never match, or mean another size than it says.
		if !network.IsValid() || network.Bits() == 0 || network.Addr().Is4In6() || network != network.Masked() {
			return fmt.Errorf("client address: %q is no network that can be trusted", network)
		}
	}
	return nil
}

// sharedAddressing refuses listeners of one port that differ: a PROXY protocol
// header comes before the server name that tells them apart.
func sharedAddressing(listeners []Listener) error {
	first := map[int32]*Listener{}
	for i := range listeners {
		l := &listeners[i]
		other := first[l.Port]
		if other == nil {
			first[l.Port] = l
			continue
		}
		if !l.ClientAddress.Equal(other.ClientAddress) {
			return fmt.Errorf("listeners %q and %q: port %d has two ways to find the addresses of clients", other.Name, l.Name, l.Port)
		}
	}
	return nil
}
