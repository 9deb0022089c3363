// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net"
	"strconv"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// ports says which socket each listener shares.
type ports struct {
	// of is the name of the socket, by the name of the listener.
	of map[string]string
	// addresses to bind, by the name of the socket.
	addresses map[string]string
}

// portsOf follows BindPorts where it speaks of a listener or of another one on
// the same port, and the configuration elsewhere.
func (o *Options) portsOf(config contract.Config) ports {
	shared := map[int32]int32{}
	for i := range config.Listeners {
		l := &config.Listeners[i]
		port, replaced := o.BindPorts[l.Name]
		if _, known := shared[l.Port]; replaced && !known {
			shared[l.Port] = port
		}
	}
	p := ports{of: map[string]string{}, addresses: map[string]string{}}
	for i := range config.Listeners {
		l := &config.Listeners[i]
		port := l.BindPort
		if other, ok := shared[l.Port]; ok {
			port = other
		}
		if own, ok := o.BindPorts[l.Name]; ok {
			port = own
		}
		name := strconv.Itoa(int(port))
		if port == 0 {
			// Each free port is for the listeners of one port.
			name = "free:" + strconv.Itoa(int(l.Port))
		}
		p.of[l.Name] = name
		p.addresses[name] = net.JoinHostPort(o.BindHost, strconv.Itoa(int(port)))
	}
	return p
}
