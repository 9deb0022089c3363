// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/netip"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/limits"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// person is an identity as it is counted.
type person struct{ policy, issuer, subject string }

// enter takes the place among the connections of the pod that an accepted
// connection holds. leave gives it back.
func (v *visit) enter() error {
	if !v.slots.Acquire() {
		return outcome.Refuse(outcome.TooManyConnections, "%d connections are open", v.slots.Max())
	}
	return nil
}

// sit counts the caller under its address: by how often it comes, and by the
// place that it holds from now on. It is called when the address is known: before
// TLS if somehow possible, which is what costs most of a handshake.
func (v *visit) sit() error {
	network := limits.Network(v.client)
	if err := v.hurried(network); err != nil {
		return err
	}
	most := v.snapshot.limits.MaxConnectionsPerAddress
	if network.IsValid() && !v.perAddress.Acquire(network, most) {
		return outcome.Refuse(outcome.TooManyOfAddress, "%d connections of %s are open", most, network)
	}
	v.network = network
	return nil
}

// standUp gives back what sit took.
func (s *server) standUp(network netip.Prefix) {
	if network.IsValid() {
		s.perAddress.Release(network)
	}
}

// release gives back what an admission holds that does not become a connection.
func (v *visit) release() {
	if v.admission != nil {
		v.admission.Release()
		v.admission = nil
	}
}

// leave closes a connection and gives back what it holds, whatever has ended it.
func (v *visit) leave() {
	v.release()
	if v.asks {
		v.asking.Add(-1)
	}
	_ = v.conn.Close()
	v.standUp(v.network)
	v.slots.Release()
}

// seat takes a place of an identity, which leave gives back. Whoever is anonymous
// has none, and needs none; so have those whom only a dry run lets in.
func (s *server) seat(identity *authn.Identity) (leave func(), err error) {
	if !identity.Proven() {
		return func() {}, nil
	}
	who := person{policy: identity.Policy, issuer: identity.Issuer, subject: identity.Subject}
	most := s.current.Load().limits.MaxConnectionsPerIdentity
	if !s.perIdentity.Acquire(who, most) {
		return nil, outcome.Refuse(outcome.TooManyOfIdentity, "%d connections of this identity are open", most)
	}
	return func() { s.perIdentity.Release(who) }, nil
}
