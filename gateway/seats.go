// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/limits"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// person is an identity as it is counted.
type person struct{ policy, issuer, subject string }

// enter takes the places that an accepted connection holds: one of the pod's and
// one of its address. leave gives them back.
func (v *visit) enter() error {
	if !v.slots.Acquire() {
		return outcome.Refuse(outcome.TooManyConnections, "%d connections are open", v.slots.Max())
	}
	v.network = limits.Network(v.client)
	if err := v.hurried(); err != nil {
		v.slots.Release()
		return err
	}
	most := v.snapshot.limits.MaxConnectionsPerAddress
	if !v.perAddress.Acquire(v.network, most) {
		v.slots.Release()
		return outcome.Refuse(outcome.TooManyOfAddress, "%d connections of %s are open", most, v.network)
	}
	return nil
}

// leave closes a connection and gives back what enter took.
func (v *visit) leave() {
	if v.asks {
		v.asking.Add(-1)
	}
	_ = v.conn.Close()
	v.perAddress.Release(v.network)
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
